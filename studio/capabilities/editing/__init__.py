"""Editing: drawing after one given picture."""
