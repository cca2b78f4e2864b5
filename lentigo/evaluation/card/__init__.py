"""The model card: its sections and the checklists that it answers."""
