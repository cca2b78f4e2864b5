"""Images that are sent by DICOM's own protocol (DIMSE), and results that are sent on by it."""
