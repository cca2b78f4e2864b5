"""Near-duplicate search: candidates, verification, groups."""
