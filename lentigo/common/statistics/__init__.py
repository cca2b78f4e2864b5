"""Statistics of every number that is reported: AUROCs, and intervals of 95 %."""
