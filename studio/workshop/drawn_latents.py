"""Samples that were drawn before, as latents, so that a grid that is drawn again, goes on or has grown draws only what is new.

A file of the cache is one plan with everything that decides what it draws; it holds a row a seed. Files may be deleted: what they
held is drawn again. Worker side: imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from studio.core import compiling
from studio.core.files import Json
from studio.core.kept_hashes import KeptHashes
from studio.core.weights import load_weights, save_weights
from studio.library.controlnets import load_controlnets
from studio.sampling.adapted import adapters_of
from studio.sampling.hinted import hints_of
from studio.sampling.plan import Plan
from studio.workshop.session import Session

FORMAT = 1  # part of every name: raise it when sampling changes what a file would hold
FOLDER = "latents"  # of the cache
MOST_BYTES = 2 << 30  # beyond this, what was not used for longest goes
ROOM = 0.8  # of them is left then
BETWEEN_S = 60.0  # looks at how much there is


class DrawnLatents:
    """Those of a data folder. Files are written whole; one that cannot be read counts as absent."""

    def __init__(self, cache: Path):
        self.folder = cache / FOLDER
        self.looked = -math.inf

    def get(self, name: str) -> dict[int, Tensor]:
        """By seed, on the CPU."""
        try:
            held, _ = load_weights(self._path(name))
            rows = dict(zip(held["seeds"].tolist(), held["latents"], strict=True))
        except (OSError, KeyError, ValueError, SafetensorError):
            return {}
        with contextlib.suppress(OSError):
            os.utime(self._path(name))
        return rows

    def add(self, name: str, drawn: Mapping[int, Tensor]) -> None:
        """Keep more seeds of a plan; those that are there stay as they are."""
        every = {**{seed: row.detach().cpu() for seed, row in drawn.items()}, **self.get(name)}
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = torch.stack(list(every.values())).contiguous()
        save_weights(path, {"seeds": torch.tensor(list(every), dtype=torch.int64), "latents": rows})
        if time.monotonic() - self.looked > BETWEEN_S:
            self.looked = time.monotonic()
            self._make_room()

    def _make_room(self) -> None:
        """Of several processes that do this at once, each may find a file gone."""
        found = []
        for file in self.folder.rglob("*.safetensors"):
            with contextlib.suppress(OSError):
                about = file.stat()
                found.append((about.st_mtime_ns, about.st_size, file))
        total = sum(size for _, size, _ in found)
        if total <= MOST_BYTES:
            return
        for _, size, file in sorted(found)[:-1]:  # the newest was just written
            with contextlib.suppress(OSError):
                file.unlink()
                total -= size
            if total <= ROOM * MOST_BYTES:
                return

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}.safetensors"


def name_of(session: Session, plan: Plan, group: tuple[int, ...] = ()) -> str:
    """Digest of everything that decides what a session draws by a plan. group: the seeds drawn together, where that matters."""
    wardrobe, dtypes, tools = session.wardrobe, session.precisions(), session.job.tools
    worn = {name: wardrobe.hashes.get(name, "") for name in sorted(adapters_of(plan))}
    nets, hashes = load_controlnets(wardrobe.paths), KeptHashes(tools.home.hashes)
    text: Json = {
        "format": FORMAT,
        "plan": plan.model_dump(mode="json", exclude={"name"}),
        "said": [[said.text, said.given] for said in (session.said, session.away)],
        "models": {name: [session.models[name].hash, dtypes.get(name, "")] for name in sorted(plan.models)},
        "adapters": worn,
        "controlnets": {name: hashes.of_folder(nets.get(name).folder) for name in sorted(hints_of(plan))},
        "words": wardrobe.hashes if session.words else {},
        "pictures": {name: _digest(picture) for name, picture in sorted(session.pictures.items())},
        "begins": {name: _digest(begun) for name, begun in sorted(session.begins.items())},
        "additions": [session.request.additions, wardrobe.hashes if session.request.additions else {}],
        "shape": list(session.shape or ()),
        "domain": session.domain.name,
        "device": tools.device.partition(":")[0],
        "how": compiling.named() if compiling.wanted() else "",
        "group": list(group),
    }
    return hashlib.sha256(json.dumps(text, sort_keys=True).encode()).hexdigest()[:32]


def _digest(tensor: Tensor) -> str:
    plain = tensor.detach().cpu().contiguous().float()
    return hashlib.sha256(f"{list(plain.shape)}".encode() + plain.numpy().tobytes()).hexdigest()
