"""Backbones, the network that is trained, and its graph as ONNX."""
