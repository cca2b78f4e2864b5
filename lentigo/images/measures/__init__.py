"""What is measured on a photograph: its quality, the skin's tone, the length of a pixel."""
