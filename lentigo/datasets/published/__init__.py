"""Readers of the published data sets, and their import into one manifest."""
