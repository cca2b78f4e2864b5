"""Outlines: the contour of a lesion as polygons, small enough to be sent and kept."""

from __future__ import annotations

import cv2
import numpy as np

from lentigo.inference.lesions.segmentation import Segmentation

MAX_SIDE = 512  # pixels of the longer side of the mask that is traced, at most
TOLERANCE = 0.75  # of those pixels that a polygon may stray from the contour


def trace_outline(segmentation: Segmentation) -> list[list[list[float]]] | None:
    """Traces the mask of a lesion.

    Args:
        segmentation: the lesion in an upright image.

    Returns:
        Polygons of points (x, y) in pixels of the upright image, one for each part of the lesion; a pixel's
        middle is at one half. None where no lesion was found. The corners are those of Ramer 1972 and Douglas
        and Peucker 1973.
    """
    if not segmentation.found:
        return None
    shrink = min(1.0, MAX_SIDE / max(segmentation.width, segmentation.height))
    width = max(1, round(segmentation.width * shrink))
    height = max(1, round(segmentation.height * shrink))
    mask = segmentation.draw_mask(width, height)
    # Outer contours alone: a cleaned mask has no holes
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    # Pixels of the original along one of the traced mask, across and down
    scale = np.array([segmentation.width / width, segmentation.height / height])
    polygons = []
    for contour in contours:
        corners = cv2.approxPolyDP(contour, TOLERANCE, True)[:, 0]  # (corners, 1, 2) -> (corners, 2)
        if len(corners) > 2:  # two are a line, without an area
            polygons.append(((corners + 0.5) * scale).round(1).tolist())
    return polygons or None
