"""From photographs to answers, through the same runtime that is measured and served."""
