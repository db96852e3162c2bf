"""Teaching a new word from pictures."""
