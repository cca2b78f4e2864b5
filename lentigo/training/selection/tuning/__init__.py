"""Tuning: a search for a better recipe, its trials in a database, and what the search gained."""
