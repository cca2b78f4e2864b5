"""What results have in common, whatever they are of."""
