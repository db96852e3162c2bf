"""The Distill tab."""
