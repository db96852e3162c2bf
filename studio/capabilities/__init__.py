"""What a person can have done: a folder each, with `request` (no torch) and `work` (in a worker). They do not know each other."""
