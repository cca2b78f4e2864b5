"""Metrics, curves, subgroups and comparisons: numbers in, numbers out."""
