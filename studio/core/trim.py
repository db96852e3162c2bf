"""Smaller low-rank changes: of all layers together, the singular values that matter most for the room they take."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def spectrum(down: Tensor, up: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(U [out, r], S [r] falling, V [r, in]) with up @ down = U S V, in double precision.

    down: [r, in] or [r, in, h, w]; up: [out, r] or [out, r, 1, 1]. Through two QR decompositions, so that nothing of the
    size [out, in] is made.
    """
    qu, ru = torch.linalg.qr(up.flatten(1).double())
    qd, rd = torch.linalg.qr(down.flatten(1).double().T)
    u, s, v = torch.linalg.svd(ru @ rd.T)
    return qu @ u[:, : len(s)], s, v[: len(s)] @ qd.T


def cut(down: Tensor, up: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The nearest pair of a rank of at most `rank` (Eckart & Young 1936), its factors equally large."""
    u, s, v = spectrum(down, up)
    half = s[:rank].sqrt()
    small_up, small_down = u[:, :rank] * half, half[:, None] * v[:rank]
    return (
        small_down.reshape(len(half), *down.shape[1:]).to(down.dtype),
        small_up.reshape(-1, len(half), *up.shape[2:]).to(up.dtype),
    )


def ranks_for(pairs: Mapping[str, tuple[Tensor, Tensor, float]], keep: float) -> dict[str, int]:
    """The rank of every layer that keeps a share of the squared change of all layers together in the fewest numbers.

    pairs: {layer: (down, up, multiplier)}. keep: in (0, 1]. Singular values are taken in the order of what they add for each
    number they need; a layer may end at rank 0. At 1, and where nothing has changed yet, every rank stays as it is.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"a share of {keep:g} to keep does not fit; above 0 and up to 1 would")
    whole = {name: int(down.shape[0]) for name, (down, _, _) in pairs.items()}
    if keep == 1:
        return whole
    found: list[tuple[float, float, str]] = []  # (gain for each number, gain, layer)
    for name, (down, up, multiplier) in sorted(pairs.items()):
        cost = down[0].numel() + up[:, 0].numel()
        for gain in ((spectrum(down, up)[1] * multiplier) ** 2).tolist():
            found.append((gain / cost, gain, name))
    found.sort(key=lambda each: -each[0])
    wanted, kept, ranks = keep * sum(gain for _, gain, _ in found), 0.0, dict.fromkeys(pairs, 0)
    if not wanted:
        return whole
    for _, gain, name in found:
        if kept >= wanted:
            break
        kept += gain
        ranks[name] += 1
    return ranks
