"""Models kept open between runs: least recently used leaves first when the bytes run out.

Only the process that executes runs makes one of these; torch and diffusers are imported on first use.
"""

from __future__ import annotations

import gc
import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from studio.core.family import OpenModel
from studio.core.kept_hashes import KeptHashes
from studio.core.residency import Held, Precision, distinct
from studio.core.residency_plan import ResidencyPlan, choose, named, plan, smaller
from studio.domains import domain_of
from studio.library.models import ModelEntry
from studio.workshop.memory import free_bytes, pick_precision
from studio.workshop.prompt_cache import PromptCache

if TYPE_CHECKING:
    from studio.core.domain import Oracle

SHARE, CPU_SHARE = 0.8, 0.5  # of free memory that open models may take; the rest is for what is computed, and for others
DEFAULT_BYTES = 6 << 30  # where free memory is not known
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


@dataclass
class _Kept:
    """stamp: of the files it was made of. size: bytes, where they cannot be counted. storages: of an open model, by place.
    folder, parts: of an open model, and what it was expected to hold."""

    stamp: tuple[object, ...]
    size: int
    thing: Any
    storages: dict[Hashable, int] = field(default_factory=dict)
    folder: Path = Path()
    parts: tuple[Held, ...] = ()


class ModelCache:
    """Open models by id. A model whose files changed, or that is wanted in another precision, is opened again.

    hashes: where hashes of weights are kept between processes.
    """

    def __init__(self, device: str = "cpu", limit_bytes: int | None = None, hashes: KeptHashes | None = None):
        self.device, self.hashes = device, hashes
        self._limit = limit_bytes or int(os.environ.get("STUDIO_WARM_BYTES") or 0)
        self._open: OrderedDict[str, _Kept] = OrderedDict()
        self.prompts = PromptCache()  # what their text encoders read
        self.last: tuple[ResidencyPlan, ResidencyPlan | None] | None = None  # what was planned last, and the plan after it

    @property
    def ids(self) -> tuple[str, ...]:
        """What is open, least recently used first."""
        return tuple(self._open)

    @property
    def bytes(self) -> int:
        """What is held on the device, what several models share once."""
        kept = list(self._open.values())
        storages = {place: size for one in kept for place, size in one.storages.items()}
        return sum(one.size for one in kept) + sum(storages.values())

    @property
    def limit_bytes(self) -> int:
        """What was given or `$STUDIO_WARM_BYTES`, else a share of what is free or held by these models."""
        if self._limit:
            return self._limit
        free = free_bytes(self.device)
        share = CPU_SHARE if self.device == "cpu" else SHARE
        return DEFAULT_BYTES if free is None else int(share * (free + self.bytes))

    def model(
        self, entry: ModelEntry, precision: Precision | None = None, beside: Collection[str] = (), on: str = ""
    ) -> OpenModel:
        """The opened checkpoint, on the cache's device. What it has in common with another that is open is held once.

        precision: by default what suits the device (`memory.pick_precision`). beside: ids of models that are in use.
        on: another device than the cache's, whose bytes are not counted.
        """
        import torch

        from studio.families import open_model, residency
        from studio.families.opened import Opened

        precision = precision or pick_precision(self.device, entry.dtype)
        parts = residency(entry.folder, precision)

        def opened() -> OpenModel:
            others = [cast(OpenModel, kept.thing) for kept in self._open.values() if isinstance(kept.thing, Opened)]
            model = open_model(entry.folder, entry.id, on or self.device, getattr(torch, precision), others)
            if isinstance(model, Opened):
                model.hashes = self.hashes
            return model

        def size() -> int:
            if on and on != self.device:
                return 0
            return sum(held.bytes for held in distinct(parts) if not self._lends(entry.folder, held))

        stamp, stored = _stamp(entry.folder)
        stamp = (*stamp, precision, on or self.device)
        model: OpenModel = self._get(entry.id, stamp, opened, size if parts else lambda: 2 * stored, beside)
        kept = self._open[entry.id]
        if isinstance(model, Opened):
            kept.size, kept.folder, kept.parts = 0, entry.folder, parts
        self._count()
        return model

    def planned(self, entries: Sequence[ModelEntry]) -> ResidencyPlan:
        """What of these models stays on the device: `$STUDIO_RESIDENCY`, else the first plan that fits what is free or held by
        models that could be closed. On a CPU everything stays unless a plan is named."""
        from studio.families import residency

        parts = [residency(entry.folder, pick_precision(self.device, entry.dtype)) for entry in entries]
        wanted, free = named(os.environ.get("STUDIO_RESIDENCY", "")), free_bytes(self.device)
        there = None if free is None else free + self.bytes
        wanted = wanted or ("everything" if self.device == "cpu" else None)
        found = choose(parts, there) if wanted is None else plan(parts, wanted, there)
        self.last = found, next((plan(parts, name, there) for name in [smaller(found.name)] if name), None)
        return found

    def relieve(self) -> str:
        """After memory ran out: everything is closed. What would hold less, one sentence."""
        self.close()
        less = self.last[1] if self.last and self.device != "cpu" else None
        if less is None:
            return "The models were closed."
        return f"The models were closed; with STUDIO_RESIDENCY={less.name} they would hold less. {less.sentence}"

    def whole(self, entry: ModelEntry) -> OpenModel:
        """`model` in float32, for whoever teaches it or from it."""
        return self.model(entry, "float32")

    def oracle(self, entry: ModelEntry) -> Oracle:
        """What reads the samples of a model that `has_oracle`; FileNotFoundError when it is not there."""
        folder = entry.oracle
        assert folder is not None, "looked at before"
        stamp, stored = _stamp(folder)
        make = partial(domain_of(entry.domain).hands().oracle, folder, self.device)
        # weights are often stored in half precision and opened in single: count the larger of the two
        return self.keep(f"oracle:{folder}", stamp, make, 2 * stored)

    def keep(self, name: str, stamp: tuple[object, ...], make: Callable[[], T], size: int) -> T:
        """Anything else worth keeping, e.g. reference features: made when `name` is new or `stamp` has changed."""
        return self._get(name, stamp, make, lambda: size)

    def close(self) -> None:
        """Let go of everything, and give its memory back to the device."""
        self._open.clear()
        self.prompts.clear()
        gc.collect()
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()

    def _get(
        self, name: str, stamp: tuple[object, ...], make: Callable[[], T], size: Callable[[], int], beside: Collection[str] = ()
    ) -> T:
        found = self._open.get(name)
        if found is None or found.stamp != stamp:
            self._open.pop(name, None)
            self._make_room(size, beside)
            found = _Kept(stamp, size(), make())
            self._open[name] = found
        self._open.move_to_end(name)
        kept: T = found.thing
        return kept

    def _make_room(self, size: Callable[[], int], beside: Collection[str]) -> None:
        self._count()
        limit = self.limit_bytes
        while self.bytes + size() > limit:
            unused = next((name for name in self._open if name not in beside), None)
            if unused is None:
                return
            del self._open[unused]

    def _lends(self, folder: Path, part: Held) -> bool:
        """Whether a model that is open has the part already, as whoever opens the folder will find."""
        from studio.families.sharing import equal

        return any(
            one.part == part.part and one.precision == part.precision and equal(folder / part.part, kept.folder / part.part)
            for kept in self._open.values()
            for one in kept.parts
        )

    def _count(self) -> None:
        """What open models hold on the device now: adapters come and go, and parts are moved."""
        from studio.families.opened import Opened

        for kept in self._open.values():
            if isinstance(kept.thing, Opened):
                kept.storages = kept.thing.storages(self.device.partition(":")[0])


def _stamp(folder: Path) -> tuple[tuple[object, ...], int]:
    """(equal as long as the weights stay what they are, their bytes)."""
    files = [(path.name, path.stat()) for path in weight_files(folder)]
    stamp = tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in files)
    return (str(folder), *stamp), sum(stat.st_size for _, stat in files)
