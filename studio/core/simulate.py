"""Where training inputs come from, and how a teacher moves: pieces that objectives compose.

Notation as everywhere: x_t = alpha x0 + sigma eps, T teacher, G student, w guidance scale (1 = none), times in the
process's own units (t_max = noise, 0 = clean).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser, expand
from studio.core.material import Material
from studio.core.process import Gaussian
from studio.core.rng import generator, randint

Inputs = Literal["backward simulation", "noised teacher samples", "noised data"]


def add_noise(process: Gaussian, x0: Tensor, t: Tensor | float, eps: Tensor) -> Tensor:
    """x_t = alpha(t) x0 + sigma(t) eps; t scalar or [B]."""
    alpha, sigma = process.alpha_sigma(torch.as_tensor(t, dtype=torch.float64))
    return expand(alpha, x0) * x0 + expand(sigma, x0) * eps


def guided_x0(denoiser: Denoiser, x: Tensor, t: Tensor | float, cond: Cond, null: Cond, w: float) -> Tensor:
    """x0 of classifier-free guidance, x0_null + w (x0_cond − x0_null); one doubled batch, or plain when w is 1.

    Linear in any parameterisation (Ho & Salimans 2022), so guiding x0 equals guiding eps at the same weight.
    """
    if w == 1:
        return denoiser.x0(x, t, cond)
    both = {k: torch.cat([cond[k], null[k]]) for k in cond}
    t64 = torch.as_tensor(t, dtype=torch.float64)
    conditional, unconditional = denoiser.x0(torch.cat([x, x]), t64 if t64.ndim == 0 else torch.cat([t64, t64]), both).chunk(2)
    return unconditional + w * (conditional - unconditional)


def backward_simulation(
    student: Denoiser, cond: Cond, timesteps: Sequence[float], last: int, draw: Callable[[], Tensor]
) -> tuple[Tensor, float]:
    """The student's own input at grid position ``last`` (DMD2, Yin et al. 2024, section 4.5).

    Starts from noise and runs ``last`` steps of multistep consistency sampling without gradient; no data is touched.
    Returns (x_t [B, ...], t) ready for the one step that carries the gradient.
    """
    x = draw()
    with torch.no_grad():
        for k in range(last):
            x0 = student.x0(x, timesteps[k], cond)
            x = add_noise(student.process, x0, timesteps[k + 1], draw())
    return x, timesteps[last]


def ddim(process: Gaussian, x: Tensor, x0: Tensor, t: Tensor | float, s: Tensor | float) -> Tensor:
    """The deterministic step t → s with belief x0: alpha_s x0 + sigma_s eps (Song et al. 2021, equation 12, eta = 0)."""
    alpha, sigma = process.alpha_sigma(torch.as_tensor(t, dtype=torch.float64))
    eps = (x - expand(alpha, x) * x0) / expand(sigma, x)
    return add_noise(process, x0, s, eps)


def ddim_target(process: Gaussian, x: Tensor, xs: Tensor, t: Tensor | float, s: Tensor | float) -> Tensor:
    """The x0 that makes one `ddim` step t → s land on ``xs`` (Salimans & Ho 2022, appendix G; s may be clean).

    x0 = (x_s − (sigma_s / sigma_t) x_t) / (alpha_s − (sigma_s / sigma_t) alpha_t)
    """
    alpha_t, sigma_t = process.alpha_sigma(torch.as_tensor(t, dtype=torch.float64))
    alpha_s, sigma_s = process.alpha_sigma(torch.as_tensor(s, dtype=torch.float64))
    ratio = sigma_s / sigma_t
    return (xs - expand(ratio, x) * x) / expand(alpha_s - ratio * alpha_t, x)


@torch.no_grad()
def rollout(teacher: Denoiser, x: Tensor, times: Sequence[float], cond: Cond, null: Cond, w: float) -> list[Tensor]:
    """The guided teacher's deterministic trajectory from noise x: its states at ``times`` (decreasing) and the clean sample."""
    path = [x]
    for t, s in zip(times, [*times[1:], -1.0], strict=True):
        x = ddim(teacher.process, x, guided_x0(teacher, x, t, cond, null, w), t, s)
        path.append(x)
    return path


def student_ode(student: Denoiser, cond: Cond, x: Tensor, timesteps: Sequence[float], last: int) -> tuple[Tensor, float]:
    """The student's own deterministic chain from noise x to grid position ``last``, without gradient (TDM, LADD)."""
    with torch.no_grad():
        for k in range(last):
            x = ddim(student.process, x, student.x0(x, timesteps[k], cond), timesteps[k], timesteps[k + 1])
    return x, timesteps[last]


class TeacherPool:
    """Clean samples of the guided teacher with their noise and conditions, made once: the guided world's "real data".

    With ``states`` every state on the way is kept as well. Drawn from a generator of its own, so that a resumed run finds
    the same pool without storing it.
    """

    def __init__(
        self,
        teacher: Denoiser,
        material: Material,
        n: int,
        steps: int,
        w: float,
        seed: int,
        device: str = "cpu",
        states: bool = False,
    ):
        self.teacher, self.material, self.n, self.steps, self.w = teacher, material, n, steps, w
        self.seed, self.device, self.states = seed, device, states
        self._made: tuple[Tensor, Tensor, Cond] | None = None

    def draw(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        """(noise [n, ...], the teacher's sample from it [n, ...], cond)"""
        noise, path, cond = self._made = self._made or self._make()
        index = randint(len(noise), (n,), g)
        return noise[index], path[index, -1], {k: v[index] for k, v in cond.items()}

    def draw_state(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        """(x_t [n, ...], index of t on the teacher's grid [n], cond): states of its trajectories, the clean end left out."""
        noise, path, cond = self._made = self._made or self._make()
        which, at = randint(len(noise), (n,), g), randint(self.steps, (n,), g)
        return path[which, at], at, {k: v[which] for k, v in cond.items()}

    def _make(self, batch: int = 64) -> tuple[Tensor, Tensor, Cond]:
        g = generator(self.seed, "teacher pool", self.device)
        times = torch.linspace(self.teacher.process.t_max, 0, self.steps + 1, dtype=torch.float64)[:-1].round().tolist()
        parts = []
        for low in range(0, self.n, batch):
            size = min(batch, self.n - low)
            cond = self.material.conditions(size, g)
            noise = self.material.noise(cond, g)
            path = rollout(self.teacher, noise, times, cond, self.material.null(cond), self.w)
            parts.append((noise, torch.stack(path if self.states else path[-1:], 1), cond))
        conds = {k: torch.cat([p[2][k] for p in parts]) for k in parts[0][2]}
        return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts]), conds
