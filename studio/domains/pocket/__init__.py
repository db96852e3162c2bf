"""Pocket World: a small procedural world of flat illustrations (scenes, pictures, captions)."""
