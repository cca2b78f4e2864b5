"""The formats of photographs that are read: the endings of their files and the names that Pillow has for them."""

from __future__ import annotations

import importlib.util

AVIF = (
    importlib.util.find_spec("PIL._avif") is not None
)  # Pillow reads it from 11.3 on, where it was built so
HEIC = importlib.util.find_spec("pi_heif") is not None  # the extra `heic`
HEIF = "HEIF"  # what Pillow calls it
HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".bmp",
        ".tif",
        ".tiff",
        ".webp",
        ".gif",
        ".jp2",
        ".j2k",
        ".ppm",
        ".mpo",
        *([".avif"] if AVIF else []),
        *(HEIC_SUFFIXES if HEIC else []),
    }
)
UNREAD = (
    HEIC_SUFFIXES | {".avif"}
) - SUFFIXES  # photographs all the same: found in folders, and listed as problems
FORMATS = (  # Pillow knows others, some of which run programs
    "JPEG",
    "PNG",
    "BMP",
    "TIFF",
    "WEBP",
    "GIF",
    "JPEG2000",
    "PPM",
    *(["AVIF"] if AVIF else []),
    *([HEIF] if HEIC else []),
)
