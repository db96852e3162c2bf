"""One command remakes everything shipped: a chain of stages, each known by the hashes of what it reads and writes."""
