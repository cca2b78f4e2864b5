"""DICOM files as images: their attributes, their frames, and where the files are."""
