"""The loop of a training: stages, steps, batches, augmentation, checkpoints."""
