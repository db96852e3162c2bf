"""The recipe of a student: how its weights must be sampled. Weights without it are half a model.

Most "broken student" reports are a right student sampled with the wrong grid or rule, so the recipe travels with the
weights (``recipe.json`` in the model's folder) and leaving it is possible only by saying so. This file needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import operator
import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

FILE_NAME = "recipe.json"


class Recipe(BaseModel):
    """How a student was trained to be sampled.

    timesteps: the grid it was trained on, decreasing, in its own time (0 = clean).
    rule: name of an update rule in `studio.sampling.rules`.
    guidance: scale applied when sampling; 1 means none, which is also right when guidance is baked into the weights.
    prediction: what the network outputs, by a name that its process knows.
    valid_steps: step counts that are on the recipe. grids: those of them that have a grid of their own, which is no part of
    `timesteps`: an LCM of 3 steps is asked at 999, 679 and 339, one of 4 at 999, 759, 499 and 259.
    eta: the rule's stochasticity, where it has one; None leaves the rule's default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: str
    teacher_hash: str
    timesteps: tuple[float, ...]
    rule: str
    guidance: float = 1.0
    prediction: str
    valid_steps: tuple[int, ...]
    grids: dict[int, tuple[float, ...]] = Field(default_factory=dict, exclude_if=operator.not_)
    eta: float | None = None
    note: str = ""

    @field_validator("timesteps")
    @classmethod
    def _decreasing(cls, timesteps: tuple[float, ...]) -> tuple[float, ...]:
        if not _is_grid(timesteps):
            raise ValueError(f"timesteps {timesteps} do not fit; at least one is needed, decreasing, none below 0")
        return timesteps

    @field_validator("grids")
    @classmethod
    def _grids(cls, grids: dict[int, tuple[float, ...]]) -> dict[int, tuple[float, ...]]:
        for n, grid in grids.items():
            if len(grid) != n or not _is_grid(grid):
                raise ValueError(f"the grid for {n} steps is {grid}, which does not fit; {n} timesteps, decreasing, would")
        return grids

    @model_validator(mode="after")
    def _steps(self) -> Recipe:
        if any(n < 1 for n in self.valid_steps) or len(self.timesteps) not in self.valid_steps:
            raise ValueError(
                f"valid_steps {self.valid_steps} do not fit; whole numbers from 1 that include {len(self.timesteps)}, "
                "the length of the trained grid, would"
            )
        if stray := set(self.grids) - set(self.valid_steps):
            raise ValueError(f"grids has {', '.join(map(str, sorted(stray)))} steps, which valid_steps has not; both would fit")
        return self

    def off_recipe(self, n: int) -> str | None:
        """One sentence when ``n`` steps are not what this student was trained for, else None."""
        if n in self.valid_steps:
            return None
        fits = ", ".join(str(s) for s in sorted(self.valid_steps))
        return f"{n} steps are off this student's recipe ({fits} fit); what it draws there was never trained."

    def timesteps_for(self, n: int | None = None, *, off_recipe: bool = False) -> tuple[float, ...]:
        """The grid for ``n`` steps (None = the trained one), its own where the recipe has one.

        Fewer steps are taken from the trained grid, evenly by index as LCM schedulers do; more are interpolated
        between its points (and the clean end), rounded to whole timesteps.
        """
        own = self.timesteps
        if n is None or n == len(own):
            return own
        if n in self.grids:
            return self.grids[n]
        if n < 1:
            raise ValueError(f"{n} steps do not fit; at least 1 is needed")
        sentence = self.off_recipe(n)
        if sentence and not off_recipe:
            raise ValueError(sentence)
        if n < len(own):
            return tuple(own[i * len(own) // n] for i in range(n))
        return _stretched(own, n)

    @classmethod
    def load(cls, folder: Path | str) -> Recipe:
        """Read ``recipe.json`` from a model's folder."""
        path = Path(folder) / FILE_NAME
        if not path.is_file():
            raise FileNotFoundError(f"{Path(folder).name} has no {FILE_NAME}; a student's folder needs one beside its weights")
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or FILE_NAME
            raise ValueError(f"{FILE_NAME} of {path.parent.name} does not fit: {where}: {first['msg']}") from error

    def save(self, folder: Path | str) -> Path:
        """Write ``recipe.json``, whole or not at all; returns its path."""
        path = Path(folder) / FILE_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{FILE_NAME}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n")
        os.replace(temporary, path)
        return path


def _is_grid(timesteps: Sequence[float]) -> bool:
    falls = all(b < a for a, b in zip(timesteps, timesteps[1:], strict=False))
    return bool(timesteps) and falls and timesteps[-1] >= 0


def _stretched(own: Sequence[float], n: int) -> tuple[float, ...]:
    """``n`` > len(own) points on the line through ``own`` and the clean end (−1), evenly spaced by index."""
    points = [*own, -1.0]
    grid = []
    for i in range(n):
        at = i * len(own) / n
        low = int(at)
        grid.append(float(round(points[low] + (at - low) * (points[low + 1] - points[low]))))
    if any(b >= a for a, b in zip(grid, grid[1:], strict=False)):
        raise ValueError(f"{n} steps do not fit between timesteps {own[0]:g} and 0; fewer would")
    return tuple(grid)


def weights_hash(folder: Path | str) -> str:
    """12 hexadecimal digits over every safetensors file under ``folder`` (names and bytes): what `teacher_hash` holds."""
    files = sorted(Path(folder).rglob("*.safetensors"), key=lambda p: p.relative_to(folder).as_posix())
    if not files:
        raise FileNotFoundError(f"{Path(folder).name} has no .safetensors file; a model folder holds at least one")
    return files_hash(files, Path(folder))


def files_hash(files: Sequence[Path], root: Path) -> str:
    """12 hexadecimal digits over the names (relative to ``root``) and bytes of ``files``, in the given order."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        with open(path, "rb") as f:
            while block := f.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]
