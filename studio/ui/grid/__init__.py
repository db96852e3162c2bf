"""The Grid tab."""
