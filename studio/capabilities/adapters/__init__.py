"""Adapter files in and out, and adapters merged into a model."""
