"""Output replay: what the untouched model answers to other prompts is kept as it was, one noise and one prompt at a time."""

from __future__ import annotations

from typing import Protocol

from pydantic import Field
from torch import Tensor

from studio.core.method import MethodConfig


class ReplayConfig(MethodConfig):
    replay: float = Field(10.0, ge=0, le=1000, description="Weight of the other prompts' replayed outputs; 0 leaves them free")
    replayed: int = Field(8, ge=1, le=1024, description="Replayed states an update")


class Changes(Protocol):
    """A method that knows how far a model has moved (`personal.Worded`)."""

    log: dict[str, float]

    def changed(self, n: int) -> Tensor: ...


def with_replay(method: Changes, config: ReplayConfig, loss: Tensor) -> Tensor:
    """And what other prompts have changed by, at its weight."""
    if not config.replay:
        return loss
    kept = method.changed(config.replayed)
    method.log["replay"] = float(kept.detach())
    return loss + config.replay * kept
