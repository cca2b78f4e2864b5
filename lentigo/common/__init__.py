"""Files, caches, progress, work side by side, figures, pages and intervals: what every room uses."""
