"""Single-file checkpoints in the original layout, that of CompVis' and Stability's code: what one is, from its header, and how
its parts are opened. `layouts/` says what the file does not."""
