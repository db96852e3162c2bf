"""A second witness of a subject: the reader that the person's pictures make, made once more in the features of an encoder that
was trained on other pictures.

It is there where the world's oracle reads first and an encoder of pictures is on this machine: DINOv2 or CLIP in the folder that
`$STUDIO_PERCEPTUAL` names or in the Hugging Face cache, otherwise the optional package of ImageNet's features.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from studio.core.files import Json
from studio.families.efficientnet_lite import installed, open_witness
from studio.metrics.recognition import recogniser
from studio.workshop.arms_measured import share
from studio.workshop.judge import open_judge
from studio.workshop.open_models import ModelCache

WITNESS_BYTES = 20 << 20


class Eyes(Protocol):
    """An encoder of pictures."""

    @property
    def name(self) -> str:
        """For people."""

    def read(self, images: Tensor) -> Tensor:
        """Pictures [N, 3, H, W] in [0, 1] -> features [N, D]."""


class SecondReader:
    """shown, held, of_class: decoded pictures that are learned from, held back and of the class. views: as of `recogniser`."""

    def __init__(self, eyes: Eyes, shown: Tensor, held: Tensor, of_class: Tensor, views: int):
        self.eyes = eyes
        self.reader = recogniser(eyes.read(shown), eyes.read(held), eyes.read(of_class), views)

    @property
    def said(self) -> Json:
        """As `SubjectMeasurement.read_by` says it of the first."""
        return {"features": self.eyes.name, "found": self.reader.found, "mistaken": self.reader.mistaken}

    def figures(self, with_word: Tensor, of_class: Tensor) -> Json:
        """{"hit", "leak"} of drawn pictures."""
        hit, leak = (self.reader.shows(self.eyes.read(images)) for images in (with_word, of_class))
        return {"hit": share(hit), "leak": share(leak)}


def second_eyes(models: ModelCache) -> tuple[Eyes | None, str]:
    """(what is on this machine, None where nothing is; what a person should know of it, "" for nothing)."""
    judge = open_judge(models)
    if judge.reader is not None:
        return judge.reader, judge.notice
    path = installed()
    if path is None:
        return None, judge.notice
    stamp = (path.stat().st_mtime_ns,)
    return models.keep("second witness", stamp, lambda: open_witness(path, models.device), WITNESS_BYTES), judge.notice
