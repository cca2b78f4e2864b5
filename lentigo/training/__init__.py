"""Recipes, cached features and the trainer."""
