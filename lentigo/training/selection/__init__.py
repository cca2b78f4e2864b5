"""Choosing by cross-validation: comparison of backbones, folds, ensembles; tuning in a room of its own."""
