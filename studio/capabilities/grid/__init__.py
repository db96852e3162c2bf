"""X/Y/Z grids: one request drawn with up to three of its settings over lists of values."""
