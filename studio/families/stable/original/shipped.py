"""Configs that are shipped for what a single file does not say of itself, a folder a name. No torch."""

from pathlib import Path

LAYOUTS = Path(__file__).parents[1] / "layouts"
NAMES = ("sd1", "sd2-base", "sd2-v", "sdxl")
