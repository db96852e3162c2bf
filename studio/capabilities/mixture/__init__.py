"""The exact Gaussian-mixture laboratory."""
