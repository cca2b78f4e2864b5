"""How fast and how costly prediction is on this machine."""
