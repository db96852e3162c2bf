"""Personalize: a model taught one thing or one style from a few pictures."""
