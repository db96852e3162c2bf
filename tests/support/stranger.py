"""Somebody who has diffusers and a model's folder, and not this project."""

from __future__ import annotations

import json
import re
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

# What its README says, with an ear at the network: every timestep that it is asked for.
LISTENED = """
import diffusers, json
asked, unet = [], diffusers.UNet2DConditionModel.forward
def heard(self, sample, t, *args, **kwargs):
    asked.append((float(t), len(sample)))
    return unet(self, sample, t, *args, **kwargs)
diffusers.UNet2DConditionModel.forward = heard
"""


def _typed(lines: str, where: Path, *arguments: str) -> str:
    command = [sys.executable, "-I", "-c", lines, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=where, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


def drawn_by_diffusers(folder: Path) -> int:
    """Pixels of a side of what plain diffusers draws, told nothing but the folder, where no file of this project is found."""
    return int(_typed(TYPED, Path("/"), str(folder.resolve())))


def drawn_by_its_readme(folder: Path, where: Path) -> tuple[list[float], int, Path]:
    """(timesteps the network was asked for, how many pictures at once, what was drawn), typing what the README says in
    `where`, an empty folder into which an unpacked copy of the model was put."""
    lines = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.S)
    assert lines, "the README shows no call"
    asked = json.loads(_typed(f"{LISTENED}\n{lines[1]}\nprint(json.dumps(asked))", where))
    return [t for t, _ in asked], int(asked[0][1]), where / "picture.png"
