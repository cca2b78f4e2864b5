"""Outlines: the border of a lesion as polygons, small enough to be sent and kept."""

from __future__ import annotations

import cv2
import numpy as np

from lentigo.inference.lesions.segmentation import Segmentation

SIDE = 512  # pixels at most of the longer side of the mask that is traced
TOLERANCE = 0.75  # of those pixels that a polygon may stray from the border


def trace_outline(found: Segmentation) -> list[list[list[float]]] | None:
    """Polygons (x, y) in pixels of the upright photograph, one for each part of the lesion; None where none
    was found.

    Corners are those of Ramer 1972 and Douglas and Peucker 1973, a pixel's middle is at one half.
    """
    if not found.found:
        return None
    shrink = min(1.0, SIDE / max(found.width, found.height))
    width, height = max(1, round(found.width * shrink)), max(1, round(found.height * shrink))
    borders, _ = cv2.findContours(found.draw_mask(width, height), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    scale = np.array([found.width / width, found.height / height])
    polygons = [(cv2.approxPolyDP(border, TOLERANCE, True)[:, 0] + 0.5) * scale for border in borders]
    return [polygon.round(1).tolist() for polygon in polygons if len(polygon) > 2] or None
