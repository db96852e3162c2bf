"""Unlearn: a model that no longer draws what it is told to forget, and what that cost."""
