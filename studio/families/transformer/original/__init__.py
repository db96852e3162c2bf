"""Single-file checkpoints of SD3 and Flux in the original layout, with text encoders and autoencoder inside as ComfyUI does it:
what one is, from its header, and how its parts are opened. `layouts/` says what the file does not."""
