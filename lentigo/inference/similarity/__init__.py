"""Similar cases: the nearest known lesions of a set that the user has chosen."""
