"""Timestep grids as diffusers' schedulers make them, as plain decreasing tuples of floats (0 = clean).

"leading", "trailing" and "linspace" are Table 2 of Lin et al. 2023 (arXiv 2305.08891); "lcm" takes every k-th of the
timesteps a consistency model was distilled on (Luo et al. 2023, arXiv 2310.04378). DPM-Solver++ in diffusers lays its
"leading" and "linspace" grids one point differently, which is what ``solver=True`` reproduces.
"""

from __future__ import annotations

import difflib

SPACINGS = ("leading", "trailing", "linspace", "lcm")


def _checked(n: int, most: int) -> None:
    if not 1 <= n <= most:
        raise ValueError(f"{n} steps do not fit; 1 to {most} would")


def leading(n: int, train: int = 1000, offset: int = 0, *, solver: bool = False) -> tuple[float, ...]:
    """Multiples of train // n, shifted by the scheduler's ``steps_offset``; Stable Diffusion's own (offset 1)."""
    _checked(n, train - 1 if solver else train)
    if solver:
        stride = train // (n + 1)
        return tuple(float(i * stride + offset) for i in range(n, 0, -1))
    stride = train // n
    return tuple(float(i * stride + offset) for i in range(n - 1, -1, -1))


def trailing(n: int, train: int = 1000) -> tuple[float, ...]:
    """From the last trained timestep down in even strides; the grid of most distilled students."""
    _checked(n, train)
    return tuple(float(round(train - i * train / n) - 1) for i in range(n))


def linspace(n: int, train: int = 1000, *, whole: bool = True, solver: bool = False) -> tuple[float, ...]:
    """Both ends included; ``whole`` rounds (DDIM does, Euler schedulers do not)."""
    _checked(n, train)
    points = n + 1 if solver else n
    grid = [(train - 1) * i / max(points - 1, 1) for i in range(points - 1, -1, -1)]
    if points == 1:
        grid = [0.0]  # numpy.linspace(0, last, 1) is [0], and schedulers inherit it
    return tuple(float(round(t)) if whole or solver else t for t in grid[:n])


def lcm(n: int, train: int = 1000, original: int = 50) -> tuple[float, ...]:
    """``n`` of the ``original`` distillation timesteps k·train/original − 1, evenly by index."""
    _checked(n, original)
    own = [(i + 1) * (train // original) - 1 for i in range(original)][::-1]
    return tuple(float(own[i * original // n]) for i in range(n))


def spaced(spacing: str, n: int, train: int = 1000, offset: int = 0) -> tuple[float, ...]:
    """A grid by the name of its spacing."""
    if spacing == "leading":
        return leading(n, train, offset)
    if spacing == "trailing":
        return trailing(n, train)
    if spacing == "linspace":
        return linspace(n, train)
    if spacing == "lcm":
        return lcm(n, train)
    near = difflib.get_close_matches(str(spacing), SPACINGS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"spacing {spacing!r} is unknown; one of {', '.join(SPACINGS)} fits.{hint}")
