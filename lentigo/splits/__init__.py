"""Splits that keep a patient, a lesion or a duplicate group together, and the leaks of those that do not."""
