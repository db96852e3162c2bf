"""Pictures of what a run believed at its steps, and what was read in them.

A picture is one JPEG with all seeds side by side, `artifacts/<arm>/step-<n>.jpg`; beside the trace of an arm its readings
are kept, `readings/<arm>.safetensors`. Where there is an oracle it reads; where there is none a perceptual encoder gives
features, when one is installed. Steps that arms share have one picture. Worker side: imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from torch import Tensor

from studio.core.domain import Oracle
from studio.core.explain import explain
from studio.core.medium import Medium
from studio.core.weights import load_weights, save_weights
from studio.domains.media.image import STRIP_SIDE, jpeg_strip
from studio.jobs.run import Run
from studio.library.trace_header import Moment
from studio.workshop.tools import Tools

if TYPE_CHECKING:
    from studio.families.perceptual import Reader
    from studio.workshop.open_models import ModelCache

QUALITY = 85
ORACLE = "oracle"  # who wrote a file of readings that names no reader
NOISE_QUALITY = 60  # of pictures of x_t, which are mostly noise and would take most of the room


@dataclass(frozen=True)
class Seen:
    """An oracle's readings of N pictures, as they are kept; see `metrics.readings.Readings`.

    Of an encoder: its features alone, with no labels and an empty score and in_distribution.
    """

    labels: Mapping[str, Tensor]  # factor -> int64 [N]
    features: Tensor  # [N, D], half precision when kept
    score: Tensor  # [N]
    in_distribution: Tensor  # bool [N]
    values: Mapping[str, Tensor] = field(default_factory=dict)
    always: Mapping[str, Tensor] = field(default_factory=dict)


class Frames:
    """The pictures and readings of one run directory. `oracle` and `reader` are None where there is none."""

    def __init__(self, job: Run[Tools], medium: Medium, oracle: Oracle | None = None):
        self.job, self.medium, self.oracle = job, medium, oracle
        self._sides: dict[str, int] = {}  # of pictures in a strip, by its name
        self.reader: Reader | None = None  # asked only where there is no oracle
        self._seen: dict[tuple[str, str], dict[int, Seen]] = {}  # (who read, arm) -> step -> what was read

    def seek_reader(self, models: ModelCache) -> str:
        """For pictures without an oracle: take the perceptual encoder there is. The sentence says what stands in."""
        from studio.families.perceptual import installed, open_reader

        found = installed() if self.medium.pictures else None
        if found is None:
            return "Distances in the model's own space stand in for an oracle's readings."
        folder, name = found
        files = sorted(file for file in folder.glob("*") if file.suffix in (".json", ".safetensors"))
        stamp = tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
        size = 2 * sum(item[2] for item in stamp)  # kept in half precision, opened in single
        try:
            self.reader = models.keep(f"reader:{folder}", stamp, lambda: open_reader(folder, name, models.device), size)
        except (OSError, ValueError, RuntimeError) as error:
            why = explain(error)
            return (
                f"Distances in the model's own space stand in for an oracle's readings, because no encoder could be opened: {why}"
            )
        return f"Distances between what {name} sees in two pictures stand in for an oracle's readings."

    def has(self, moment: Moment) -> bool:
        """Whether the picture is there, and has been read where there is somebody to read it."""
        there = (self.job.folder / moment.strip).is_file()
        return there and (not self._who or self.reading(moment) is not None)

    def side(self, moment: Moment) -> int:
        """Pixels of the side of one sample in a strip that was added."""
        return self._sides[moment.strip]

    def add(self, moment: Moment, images: Tensor) -> str:
        """Keep the picture of x̂0, of samples [N, *shape], and read it; returns its name."""
        if self.oracle is not None:
            seen = self.oracle.read(images)
            self._of(moment.arm)[moment.at] = Seen(
                seen.labels, seen.features, seen.score, seen.in_distribution, always=getattr(seen, "always", {})
            )
        elif self.reader is not None:
            features = self.reader.read(images).half().float()  # what is kept, so that it says the same when it is read again
            self._of(moment.arm)[moment.at] = Seen({}, features, torch.zeros(0), torch.zeros(0).bool())
        stills = self.medium.still(images, STRIP_SIDE)
        self._sides[moment.strip] = stills.shape[1]
        return self.job.artifact(moment.strip, jpeg_strip(stills, QUALITY))

    def add_noisy(self, moment: Moment, images: Tensor) -> str:
        return self.job.artifact(moment.noisy, jpeg_strip(self.medium.still(images, STRIP_SIDE), NOISE_QUALITY))

    def reading(self, moment: Moment) -> Seen | None:
        return self._of(moment.arm).get(moment.at)

    def save(self) -> None:
        """Write the readings of every arm."""
        for (who, arm), seen in self._seen.items():
            if seen and who == self._who:
                header = {"reader": who} if self.oracle is None else {}
                save_weights(readings_file(self.job.folder, arm), _packed(seen), header)

    @property
    def _who(self) -> str:
        """Who reads: an oracle, an encoder by its key, or nobody."""
        return ORACLE if self.oracle is not None else self.reader.key if self.reader is not None else ""

    def _of(self, arm: str) -> dict[int, Seen]:
        key = (self._who, arm)
        if key not in self._seen:
            self._seen[key] = _unpacked(readings_file(self.job.folder, arm), self._who)
        return self._seen[key]


def readings_file(folder: Path, arm: str) -> Path:
    return folder / "readings" / f"{arm}.safetensors"


def _packed(seen: Mapping[int, Seen]) -> dict[str, Tensor]:
    steps = sorted(seen)
    rows = [seen[step] for step in steps]
    return {
        "steps": torch.tensor(steps),
        "features": torch.stack([row.features for row in rows]).half(),
        "score": torch.stack([row.score for row in rows]).float(),
        "inside": torch.stack([row.in_distribution for row in rows]),
        **{f"label.{name}": torch.stack([row.labels[name] for row in rows]).to(torch.uint8) for name in rows[0].labels},
        **{f"always.{name}": torch.stack([row.always[name] for row in rows]) for name in rows[0].always},
    }


def _unpacked(file: Path, who: str) -> dict[int, Seen]:
    """Nothing where there is no file, it cannot be read, or another reader wrote it: the pictures are then read again."""
    try:
        tensors, header = load_weights(file)
        if header.get("reader", ORACLE) != who:
            return {}
        names = [name for name in tensors if name.startswith("label.")]
        return {
            step: Seen(
                {name[6:]: tensors[name][row].long() for name in names},
                tensors["features"][row].float(),
                tensors["score"][row],
                tensors["inside"][row],
                always={name[7:]: tensors[name][row] for name in tensors if name.startswith("always.")},
            )
            for row, step in enumerate(tensors["steps"].tolist())
        }
    except (OSError, KeyError, SafetensorError):
        return {}
