"""Kinds of data. Pocket World (images) is the first."""
