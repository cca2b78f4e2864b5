"""Rectangles in pixels of a photograph."""

from __future__ import annotations

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def measure_iou(a: Rectangle, b: Rectangle) -> float:
    """Measures the intersection over union of two rectangles.

    Args:
        a: One of them.
        b: The other.

    Returns:
        0 to 1.
    """
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    return shared / (measure_area(a) + measure_area(b) - shared)


def measure_area(rectangle: Rectangle) -> float:
    """Square pixels.

    Args:
        rectangle: Its sides in pixels.
    """
    left, top, right, bottom = rectangle
    return (right - left) * (bottom - top)


def is_near(place: Rectangle, point: tuple[int, int], reach: float) -> bool:
    """Whether a rectangle comes as near as `reach` pixels to a point, along both sides.

    Args:
        place: The rectangle.
        point: X and y.
        reach: Pixels.
    """
    left, top, right, bottom = place
    x, y = point
    return left - reach < x < right + reach and top - reach < y < bottom + reach
