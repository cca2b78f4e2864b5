"""From what the network gives to a decision: calibration, threshold, prevalence, refusal."""
