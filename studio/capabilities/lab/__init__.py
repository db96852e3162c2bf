"""Studies of diversity, with intervals and verdicts."""
