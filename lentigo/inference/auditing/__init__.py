"""Auditing with a model: its frozen branch, and the audit that asks it."""
