"""Several processes that train together, one share of every batch each, on one or several machines.

Every process holds all networks and makes all draws (`studio.core.rng.Share`), but computes its own rows only. Since losses
are means over the batch, the mean of the processes' gradients is the gradient of the whole batch; with the same gradients
the optimisers and averages stay alike, and nothing else is ever exchanged. The weights are those of one process with the
whole batch, up to rounding, and a checkpoint may be continued by any number of processes.

`accelerate launch` (or torchrun) starts the processes and says to each who it is. The first one leads: it alone decides
when to stop, writes files and speaks; the others follow its word (`call`) between two iterations.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from studio.core.files import Json
from studio.core.rng import WHOLE, Share

BUCKET = 1 << 24  # numbers exchanged at once: 64 MiB in float32
PATIENCE = timedelta(days=7)  # the leader may wait for the device, or draw and measure, for as long as it likes
GO, LEAVE, TASK, END = range(4)  # the leader's words: another iteration; out of the loop; something new to do; go home
C = TypeVar("C", bound=BaseModel)


class Lost(RuntimeError):
    """Another process of this training has ended."""


class Parallel:
    """The processes as seen by one of them. On its own (``world`` 1) everything here is free and changes nothing."""

    def __init__(self, share: Share = WHOLE, device: str = "cpu"):
        self.share, self.device = share, device
        self.broken = False  # inside an iteration an error left the others waiting for numbers that never come
        self.ended = False  # a follower was told to go home

    @property
    def world(self) -> int:
        return self.share.world

    @property
    def leads(self) -> bool:
        return self.share.rank == 0

    # -- numbers ---------------------------------------------------------------------------------------------------

    def average(
        self, parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None], loss: float
    ) -> tuple[list[Tensor | None], float]:
        """(gradients, loss) of the whole batch from those of the shares; a parameter nobody used keeps None."""
        if self.world == 1:
            return list(gradients), loss
        seen = torch.tensor([loss, *(float(g is not None) for g in gradients)], dtype=torch.float32, device=self.device)
        self._sum(seen)
        used = [i for i, n in enumerate(seen[1:].tolist()) if n]
        found: list[Tensor | None] = [None] * len(parameters)
        for group in _buckets(used, [p.numel() for p in parameters]):
            parts = [g if (g := gradients[i]) is not None else torch.zeros_like(parameters[i]) for i in group]
            flat = torch.cat([part.reshape(-1) for part in parts])
            self._sum(flat)
            flat /= self.world
            for i, own, whole in zip(group, parts, flat.split([part.numel() for part in parts]), strict=True):
                found[i] = own.copy_(whole.view(own.shape))  # in the memory layout that the optimiser expects
        return found, float(seen[0]) / self.world

    def _sum(self, values: Tensor) -> None:
        with _one_sentence():
            torch.distributed.all_reduce(values)

    # -- words -----------------------------------------------------------------------------------------------------

    def agree(self, stop: bool) -> bool:
        """Whether to leave the loop before the next iteration: as the leader says."""
        return stop if self.world == 1 else self.call(LEAVE if stop else GO) != GO

    def call(self, word: int = GO) -> int:
        """The leader's word; what a follower passes is not heard."""
        said = torch.tensor([word], device=self.device)
        with _one_sentence():
            torch.distributed.broadcast(said, 0)
        heard = int(said)
        self.ended = self.ended or heard == END
        return heard

    def leave(self) -> None:
        """After an error outside an iteration the leader sends the others out of the loop."""
        if self.world > 1 and self.leads and not self.broken:
            self.call(LEAVE)

    @contextmanager
    def iterating(self) -> Iterator[None]:
        """Around what exchanges numbers: an error in it cannot be told to the others, who will lose this process."""
        try:
            yield
        except BaseException:
            self.broken = self.world > 1
            raise

    def give(self, task: Json) -> None:
        """The leader hands a task to those who wait in `wait`."""
        if self.world > 1:
            self.call(TASK)
            with _one_sentence():
                torch.distributed.broadcast_object_list([task], 0)

    def wait(self) -> Json | None:
        """For followers: the next task, or None when it is time to go."""
        while not self.ended:
            if self.call() == TASK:
                given: list[Json | None] = [None]
                with _one_sentence():
                    torch.distributed.broadcast_object_list(given, 0)
                return dict(given[0] or {})
        return None

    def dismiss(self) -> None:
        """The leader sends everybody home, the others wait for that; harmless on its own and when it is too late."""
        if self.world > 1 and not self.broken:
            if self.leads:
                self.call(END)
            while not self.ended:
                self.call()
            torch.distributed.destroy_process_group()
            self.broken = True


ALONE = Parallel()


def join(device: str) -> Parallel:
    """Find the other processes that a launcher started, waiting until all are there; `ALONE` without a launcher.

    device: of the leader, e.g. "cuda"; every process gets one of its own of this kind.
    """
    global _joined
    if os.environ.get("WORLD_SIZE", "1") in ("", "1"):
        return ALONE
    if _joined is None:
        from accelerate import PartialState

        with _one_sentence():
            state = PartialState(cpu=device == "cpu", timeout=PATIENCE)
        own = "cpu" if state.device.type == "cpu" else str(state.device)
        _joined = Parallel(Share(state.process_index, state.num_processes), own)
    return _joined


def joined() -> bool:
    """Whether this process has met the others."""
    return _joined is not None


_joined: Parallel | None = None


def batch_mean(values: Tensor) -> Tensor:
    """Mean of [B] over the whole batch, without gradient: for objectives that compare samples with one another."""
    mean = values.detach().mean()
    if _joined is not None and not _joined.broken:
        _joined._sum(mean)
        mean /= _joined.world
    return mean


def divided(config: C, share: Share) -> C:
    """An objective's settings for one process: its batch is this share of the whole one.

    ValueError when the batch does not divide, or when there is none that could.
    """
    if share.world == 1:
        return config
    batch = getattr(config, "batch", None)
    if not isinstance(batch, int):
        raise ValueError(f"This objective has no batch that {share.world} processes could divide; run it in one.")
    if batch % share.world:
        fits = [n for n in (batch - batch % share.world, batch - batch % share.world + share.world) if n]
        raise ValueError(
            f"A batch of {batch} does not divide among {share.world} processes; {' or '.join(map(str, fits))} would."
        )
    return config.model_copy(update={"batch": batch // share.world})


def _buckets(chosen: Sequence[int], sizes: Sequence[int]) -> Iterator[list[int]]:
    """Indices in groups of at most `BUCKET` numbers together (or one larger tensor on its own)."""
    group: list[int] = []
    filled = 0
    for i in chosen:
        if group and filled + sizes[i] > BUCKET:
            yield group
            group, filled = [], 0
        group.append(i)
        filled += sizes[i]
    if group:
        yield group


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch's own DistBackendError and DistNetworkError are RuntimeErrors
        raise Lost("Another process of this training ended or cannot be reached; its own output says why.") from error
