"""Models kept open between runs: least recently used leaves first when the bytes run out.

Only the process that executes runs makes one of these; torch and diffusers are imported on first use.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from studio.core.family import OpenModel
from studio.domains import domain_of
from studio.library.models import ModelEntry

if TYPE_CHECKING:
    from studio.core.domain import Oracle

DEFAULT_BYTES = 6 << 30  # two SDXL-sized networks in half precision; `$STUDIO_WARM_BYTES` overrides
_WEIGHTS = (".safetensors", ".bin")


def pick_device(wanted: str | None = None) -> str:
    """`cpu`, `cuda`, `cuda:1`, `mps`; 'auto' takes the first accelerator there is. Imports torch unless it is cpu."""
    wanted = (wanted or os.environ.get("STUDIO_DEVICE") or "auto").strip().lower()
    if wanted == "cpu":
        return wanted
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    kind, _, index = wanted.partition(":")
    if kind not in ("cuda", "mps") or (index and not index.isdigit()):
        raise ValueError(f"{wanted[:40]!r} is not a device; auto, cpu, cuda, cuda:1 and mps are.")
    if (kind == "cuda" and not cuda) or (kind == "mps" and not mps):
        raise ValueError(f"There is no {kind} device here; use --device cpu, or auto to take what there is.")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise ValueError(f"There is no {wanted}; this machine has {torch.cuda.device_count()} CUDA devices.")
    return wanted


def weight_files(folder: Path) -> list[Path]:
    """Weight files below a model's folder, in name order."""
    return sorted(path for path in folder.rglob("*") if path.suffix in _WEIGHTS and path.is_file())


T = TypeVar("T")


class ModelCache:
    """Open models by id. A model whose files changed is opened again."""

    def __init__(self, device: str = "cpu", limit_bytes: int | None = None):
        self.device = device
        self.limit_bytes = limit_bytes or int(os.environ.get("STUDIO_WARM_BYTES") or DEFAULT_BYTES)
        self._open: OrderedDict[str, tuple[tuple[object, ...], int, Any]] = OrderedDict()

    @property
    def ids(self) -> tuple[str, ...]:
        """What is open, least recently used first."""
        return tuple(self._open)

    @property
    def bytes(self) -> int:
        return sum(size for _, size, _ in self._open.values())

    def model(self, entry: ModelEntry) -> OpenModel:
        """The opened checkpoint, on the cache's device. What it has in common with another that is open is held once."""
        from studio.families import open_model
        from studio.families.opened import Opened

        def opened() -> OpenModel:
            others = [cast(OpenModel, kept) for _, _, kept in self._open.values() if isinstance(kept, Opened)]
            return open_model(entry.folder, id=entry.id, device=self.device, beside=others)

        return self._get(entry.id, entry.folder, opened)

    def oracle(self, entry: ModelEntry) -> Oracle:
        """What reads the samples of a model that `has_oracle`; FileNotFoundError when it is not there."""
        folder = entry.oracle
        assert folder is not None, "looked at before"
        return self._get(f"oracle:{folder}", folder, lambda: domain_of(entry.domain).hands().oracle(folder, self.device))

    def keep(self, name: str, stamp: tuple[object, ...], make: Callable[[], T], size: int) -> T:
        """Anything else worth keeping, e.g. reference features: made when `name` is new or `stamp` has changed."""
        found = self._open.get(name)
        if found is None or found[0] != stamp:
            self._open.pop(name, None)
            self._make_room(size)
            found = (stamp, size, make())
            self._open[name] = found
        self._open.move_to_end(name)
        kept: T = found[2]
        return kept

    def _get(self, name: str, folder: Path, make: Callable[[], T]) -> T:
        files = weight_files(folder)
        stamp = tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
        # weights are often stored in half precision and opened in single: count the larger of the two
        return self.keep(name, (str(folder), *stamp), make, 2 * sum(item[2] for item in stamp))

    def _make_room(self, size: int) -> None:
        while self._open and self.bytes + size > self.limit_bytes:
            self._open.popitem(last=False)
