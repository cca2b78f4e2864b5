"""A whole study in one call: read, audit, split, train, evaluate, and a page that leads through all of it."""
