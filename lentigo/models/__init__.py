"""The model on disk, and the runtime that answers."""
