"""Augmented views of photographs: geometry, colour, artefacts, other backgrounds, mixtures."""
