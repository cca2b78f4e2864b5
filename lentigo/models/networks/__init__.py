"""Backbones, the network that is trained, and the models that are built from its layers."""
