"""Configs that are shipped for what a single file does not say of itself, a folder a name. No torch."""

from pathlib import Path

LAYOUTS = Path(__file__).parents[1] / "layouts"
NAMES = ("sd3", "flux-dev", "flux-schnell")
T5_WORDS = LAYOUTS / "t5"  # tokenizer.json of all of them
