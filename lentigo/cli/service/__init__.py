"""The commands around the service: serve, keys and history."""
