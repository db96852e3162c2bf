"""Judges: a small network learns to answer questions about samples as the oracle does."""
