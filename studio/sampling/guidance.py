"""Classifier-free guidance, Ho & Salimans 2022 (arXiv 2207.12598): F = F_null + w (F_cond − F_null).

w = 1 is no guidance. w = 0 means the same here, as it does in every released few-step pipeline: the plain conditional
prediction, never the unconditional one. Both cost one evaluation; any other scale costs two, run as one batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from studio.core.denoiser import Cond


def is_plain(w: float) -> bool:
    """True where the scale means the conditional prediction alone."""
    return w in (0.0, 1.0)


def evaluations(w: float) -> int:
    """Network evaluations per image and step."""
    return 1 if is_plain(w) else 2


def guide(F: Tensor, w: float) -> Tensor:
    """[2B, ...] (null rows first, as diffusers stacks them) -> guided [B, ...]. Exact in any linear prediction."""
    null, given = F.chunk(2)
    return guided(null, given, w)


def guided(null: Tensor, given: Tensor, w: float) -> Tensor:
    """Of outputs [B, ...] for the null and for the prompt."""
    return null + w * (given - null)


def rows(cond: Cond, n: int, low: int, high: int) -> Cond:
    """Rows low…high of a condition for n images; a batch of one is shared by all of them."""
    out = {}
    for name, value in cond.items():
        if value.shape[0] not in (1, n):
            raise ValueError(f"condition {name!r} has {value.shape[0]} rows; 1 (shared) or {n} (one a seed) fit")
        part = value if value.shape[0] == 1 else value[low:high]
        out[name] = part.expand(high - low, *value.shape[1:])
    return out


def stacked(cond: Cond, null: Cond | None, w: float) -> Cond:
    """What one network call needs: the condition, or null and condition along the batch."""
    if is_plain(w):
        return cond
    if null is None:
        raise ValueError(f"guidance {w:g} needs a null condition; give one, or use guidance 1")
    import torch

    return {name: torch.cat([null[name], value]) for name, value in cond.items()}


def told(cond: Cond, w: float | None) -> Cond:
    """A condition with the guidance scale in "w" [B], for a network that takes it as an input; None leaves it to the network.

    Meng et al. 2022 (arXiv 2210.03142): one evaluation then gives what guidance needed two for.
    """
    if w is None:
        return cond
    rows = next(iter(cond.values()))
    return {**cond, "w": rows.new_full((len(rows),), w)}
