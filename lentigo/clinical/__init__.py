"""Predictions in the hospital's forms: DICOM structured reports and segmentations, FHIR, DICOMweb."""
