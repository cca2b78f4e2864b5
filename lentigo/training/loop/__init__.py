"""The loop of a training: stages, epochs, steps, batches, checkpoints."""
