"""Training of the mask decoder."""
