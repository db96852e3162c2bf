"""A picture of every step, and other endings from any step."""
