"""Teaching a student."""
