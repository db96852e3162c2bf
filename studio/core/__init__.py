"""Contracts and mathematics. Imports torch and pydantic, nothing of ours."""
