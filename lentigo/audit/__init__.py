"""The audit of a data set: duplicates, leaks, shortcut baselines, artefacts, and its report."""
