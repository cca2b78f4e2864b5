"""How well masks and boxes agree with those that people drew."""
