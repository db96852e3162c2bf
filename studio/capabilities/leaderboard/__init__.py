"""Measuring a teacher, its students and their hybrids alike."""
