"""Whether arithmetic goes on in full precision inside a training that does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_precision() -> Iterator[None]:
    """Teaching material is made alike whoever asks for it first: autocast of the iteration that does is off here, which rounds
    what is computed and, on CPUs, refuses to join half-precision tensors."""
    with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield
