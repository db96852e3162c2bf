"""Prompts that were read, kept between runs in the CPU's memory: another seed asks no text encoder.

What decides a reading is in its key (`sampling.prompts`, `OpenModel.text_key`): encoders, precision, device, adapters on them,
new words, references, text and negative. So nothing has to be taken back when one of these changes; it is another key.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from studio.core.denoiser import Cond

    Pair = tuple[Cond, Cond]

DEFAULT_BYTES = 256 << 20  # about 30 prompts of T5 XXL (512 tokens of 4096 numbers) with their nulls in half precision


class PromptCache:
    """`sampling.prompts.Encodings` of at most so many bytes, least recently used out first. No memory of a device is held.

    limit: `$STUDIO_PROMPT_BYTES` where it is not given; 0 keeps nothing.
    """

    def __init__(self, limit: int | None = None):
        self.limit = int(os.environ.get("STUDIO_PROMPT_BYTES") or DEFAULT_BYTES) if limit is None else limit
        self.bytes = self.hits = 0
        self._kept: OrderedDict[Hashable, tuple[Pair, tuple[dict[str, torch.device], ...], int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Pair | None:
        """Where they were read."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        self.hits += 1
        (cond, null), devices, _ = found
        return _on(cond, devices[0]), _on(null, devices[1])

    def keep(self, key: Hashable, pair: Pair) -> None:
        """What is larger than all the room there is is not kept."""
        size = sum({t.data_ptr(): t.untyped_storage().nbytes() for tree in pair for t in tree.values()}.values())
        self._forget(key)
        if size > self.limit:
            return
        devices = tuple({name: t.device for name, t in tree.items()} for tree in pair)
        waiting = tuple({name: t.detach().cpu() for name, t in tree.items()} for tree in pair)
        self._kept[key] = ((waiting[0], waiting[1]), devices, size)
        self.bytes += size
        while self.bytes > self.limit:
            self._forget(next(iter(self._kept)))

    def clear(self) -> None:
        self._kept.clear()
        self.bytes = 0

    def _forget(self, key: Hashable) -> None:
        if key in self._kept:
            self.bytes -= self._kept.pop(key)[2]


def _on(tree: Cond, devices: dict[str, torch.device]) -> Cond:
    return {name: tensor.to(devices[name]) for name, tensor in tree.items()}
