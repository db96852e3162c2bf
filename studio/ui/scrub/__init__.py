"""The Scrub tab."""
