"""Photographs, manifests, splits and phantoms."""
