"""From photographs to predictions, through the same runtime that is measured and served."""
