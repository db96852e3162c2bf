"""What the networks of a distillation make of the same noised samples: the picture that says why a run goes wrong.

A sample x is noised to x_t = alpha x + sigma eps at a few fixed noise levels; below it stands the clean estimate x̂₀ that
each of the method's `believers` has of x_t. Under distribution matching x is the student's and the rows are teacher and
fake score: what the student moves along is their difference. Elsewhere x is the teacher's and the rows are teacher and
student. Runs in a worker. Noise is a function of (seed, level), so that no training generator is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from studio.capabilities.distill.student_preview import StudentPreview, evaluating
from studio.core.denoiser import Cond
from studio.core.domain import Said
from studio.core.method import Believer
from studio.core.rng import noise
from studio.core.simulate import add_noise, guided_x0
from studio.workshop.projection import projected

PROMPTS = 2
SEED = 0  # of the samples and of their noise
FRACTIONS = (0.25, 0.5, 0.75)  # of t_max, where a fake score is asked: further out both name x, or no picture at all
NOISE = 100_000  # step index of the first level's noise; no sampling run has so many steps
BLANK = 128  # grey, below x: there is nothing to believe about a sample without noise


@dataclass(frozen=True)
class Beliefs:
    """of: whose samples x [P, ...] are, "student" or "teacher". times: of the T noise levels, rising; levels: sigma / alpha
    there. rows: "noised" (x_t), then the believers' x̂₀ by role, each [P · T, ...] with the levels of a sample together."""

    of: str
    x: Tensor
    times: tuple[float, ...]
    levels: tuple[float, ...]
    guidance: float
    rows: dict[str, Tensor]

    @property
    def samples(self) -> Tensor:
        """x, then every row after another."""
        return torch.cat([self.x, *self.rows.values()])

    def asked(self, said: Sequence[Said]) -> list[Said]:
        """What each of `samples` is asked for; said: of x."""
        return [*said, *[one for _ in self.rows for one in said for _ in self.times]]


def samples_of(studio: StudentPreview) -> str | None:
    """Whose samples are noised: "student", "teacher", or None when there is nothing to compare."""
    found = studio.method.believers()
    return None if len(found) < 2 else "student" if "fake" in found else "teacher"


def times(studio: StudentPreview, of: str) -> tuple[float, ...]:
    """Fixed noise levels, rising: where a fake score is compared; or, of a student, times of its own grid."""
    if of == "student":
        return tuple(fraction * studio.student.process.t_max for fraction in FRACTIONS)
    grid, n = studio.recipe.timesteps[::-1], min(len(FRACTIONS), len(studio.recipe.timesteps))
    return tuple(grid[i * (len(grid) - 1) // (n - 1)] for i in range(n)) if n > 1 else grid


def believe(studio: StudentPreview, of: str, x: Tensor, said: Sequence[Said]) -> Beliefs:
    """Everybody's x̂₀ of samples x [P, *shape], one of each that is said."""
    t_levels, process = times(studio, of), studio.student.process
    rows = [one for one in said for _ in t_levels]
    cond, for_student = studio.conditions(rows)
    eps = torch.stack([noise([SEED] * len(x), NOISE + i, x.shape[1:]) for i in range(len(t_levels))], 1).flatten(0, 1)
    eps = projected(studio.domain, rows)(eps)
    t = torch.tensor(t_levels * len(x), dtype=torch.float64)
    found = studio.method.believers()
    with torch.inference_mode():
        xt = add_noise(process, x.repeat_interleave(len(t_levels), 0), t, eps.to(x.device))
        made = {"noised": xt}
        for role, who in found.items():
            studio.between()
            made[role] = _estimate(studio, role, who, xt, t, for_student if role == "student" else cond)
    levels = tuple(float(process.noise_level(time)) for time in t_levels)
    return Beliefs(of, x, t_levels, levels, found["teacher"].guidance, {k: v.clone() for k, v in made.items()})


def _estimate(studio: StudentPreview, role: str, who: Believer, xt: Tensor, t: Tensor, cond: Cond) -> Tensor:
    """x̂₀ [N, ...]; of the student with the weights it is sampled with."""
    if role == "student":
        with studio.evaluated() as student:
            return student.x0(xt, t, cond)
    with evaluating(who.denoiser.network):
        return guided_x0(who.denoiser, xt, t, cond, studio.lesson.null(cond), who.guidance)


def grid(found: Beliefs, stills: np.ndarray) -> np.ndarray:
    """Stills of `Beliefs.samples` [N, S, S, 3] as uint8 columns [P · (1 + T), rows · S, S, 3]: x, then its levels.

    Columns side by side, as `jpeg_strip` puts them, are the picture. Below x it is grey.
    """
    n, cell = len(found.x), stills.shape[1:]
    x, levels = stills[:n, None], stills[n:].reshape(len(found.rows), n, -1, *cell)
    blank = np.full_like(x, BLANK)
    columns = [np.concatenate([x if i == 0 else blank, row], 1).reshape(-1, *cell) for i, row in enumerate(levels)]
    return np.concatenate(columns, 1)
