"""Figures: heatmaps, outlines and boxes drawn on photographs. Pillow draws."""
