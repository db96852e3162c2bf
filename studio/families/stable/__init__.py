"""Checkpoints shaped like Stable Diffusion: SD 1.x, 2.x and SDXL, and the pocket models."""
