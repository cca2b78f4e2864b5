"""Choosing by cross-validation: tuning, comparison of backbones, folds, ensembles."""
