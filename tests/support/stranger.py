"""Somebody who has diffusers and a model's folder, and not this project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TYPED = """
import sys
import diffusers
pipe = diffusers.DiffusionPipeline.from_pretrained(sys.argv[1])
for image in (pipe("a red house").images[0], pipe("a red house", num_inference_steps=2).images[0]):
    assert max(high - low for low, high in image.getextrema()) > 30, "a picture of one colour"
assert not [name for name in sys.modules if name.split(".")[0] == "studio"]
print(image.size[0])
"""


def drawn_by_diffusers(folder: Path) -> int:
    """Pixels of a side of what plain diffusers draws, told nothing but the folder, where no file of this project is found."""
    command = [sys.executable, "-I", "-c", TYPED, str(folder.resolve())]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout.split()[-1])
