"""The formats of photographs that are read: the suffixes of their files, and Pillow's names for them."""

from __future__ import annotations

import importlib.util

AVIF = (
    importlib.util.find_spec("PIL._avif") is not None
)  # Pillow reads it from 11.3 on, where it was built so
HEIC = importlib.util.find_spec("pi_heif") is not None  # the extra `heic` is installed
DICOM = importlib.util.find_spec("pydicom") is not None  # the extra `dicom` is installed
HEIF = "HEIF"  # Pillow's name for HEIC

HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
DICOM_SUFFIXES = frozenset({".dcm", ".dicom", ".dic"})
AVIF_SUFFIXES = frozenset({".avif"})
JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"})
OTHER_SUFFIXES = frozenset({".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".jp2", ".j2k", ".ppm"})


def list_suffixes() -> frozenset[str]:
    """The suffixes of files that can be read with the packages that are installed."""
    suffixes = JPEG_SUFFIXES | OTHER_SUFFIXES
    if AVIF:
        suffixes |= AVIF_SUFFIXES
    if HEIC:
        suffixes |= HEIC_SUFFIXES
    if DICOM:
        suffixes |= DICOM_SUFFIXES
    return suffixes


def list_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are opened. Pillow knows others, some of which run programs."""
    formats = ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "JPEG2000", "PPM"]
    if AVIF:
        formats.append("AVIF")
    if HEIC:
        formats.append(HEIF)
    return tuple(formats)


SUFFIXES = list_suffixes()
# Photographs all the same: they are found in folders, and listed as problems
UNREAD = (HEIC_SUFFIXES | AVIF_SUFFIXES | DICOM_SUFFIXES) - SUFFIXES
FORMATS = list_formats()
