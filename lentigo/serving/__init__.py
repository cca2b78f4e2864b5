"""The service: one model, one store, and HTTP in front."""
