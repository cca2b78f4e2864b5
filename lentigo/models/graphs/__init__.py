"""The ONNX graph of a network: written layer by layer, its weights, and a frozen branch beside it."""
