"""Backbones, the network, the model on disk, and the runtime that answers."""
