"""Measures: (samples, reference) -> numbers with intervals. Nothing here knows whether the data are images."""
