"""From logits to decisions: precision, calibration, threshold and refusal, all fitted on validation."""
