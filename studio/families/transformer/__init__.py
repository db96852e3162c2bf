"""Checkpoints whose network is a transformer over patches: shaped like SD3, Flux and PixArt-α."""
