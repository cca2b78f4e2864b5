"""The commands of the hospital: reports beside predictions, photographs as DICOM, worklists."""
