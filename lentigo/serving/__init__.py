"""The service: HTTP in front, one model behind, a store beside it, and its page."""
