"""Audit: what is left of a concept that a model was made to forget, against attacks that try to bring it back."""
