"""How samples are shown and kept in files: the contract of a medium. Importing one imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch
    from torch import Tensor


class Medium(Protocol):
    """Whatever a sample is, it has a still, which walls, strips and previews show and which is kept as a PNG that says how it
    was made; what a picture cannot hold is kept in files beside it.

    pictures: samples are pictures [N, 3, H, W] in [0, 1], so that encoders of pictures can read them. types: MIME type of each
    suffix that `files` writes (".wav"); text/html is never opened on the page. viewer: file of an ES module that shows one sample
    on the page, None where its still says all; it exports `show(box, sample)`, which fills an empty element, `sample` being
    {"still": address, "files": addresses in their order, "title": words}.
    """

    @property
    def name(self) -> str: ...
    @property
    def pictures(self) -> bool: ...
    @property
    def types(self) -> Mapping[str, str]: ...
    @property
    def viewer(self) -> Path | None: ...
    def still(self, samples: Tensor, side: int | None = None) -> np.ndarray:
        """uint8 [N, S, S, 3]; side: S is at most this. Without side [N, H, W, 3] where samples are drawn in another shape."""

    def files(self, samples: Tensor, i: int) -> Mapping[str, bytes]:
        """What is kept of sample i beside its still: suffix -> bytes, the main one first; {} where the still holds all."""


@runtime_checkable
class Masks(Protocol):
    """A medium in whose samples a part can be marked."""

    def inside(self, masks: Tensor, shape: Sequence[int]) -> Tensor:
        """The share of every place of latents [N, *shape] that masks mark, in [0, 1], broadcast to their shape. masks: samples of
        the medium, bright where the part is."""


@runtime_checkable
class Parts(Protocol):
    """A medium whose samples have parts that are samples too, and that models may draw in another size than their own.

    Along each of its axes a sample has places, counted in units of its shorter side; a box [A, 2] says where a part begins and
    ends along each. written: how a person writes a size, in words.
    """

    @property
    def written(self) -> str: ...
    def extent(self, sample: Tensor) -> tuple[float, ...]:
        """Of one whole sample [C, …], along each axis."""

    def boxes(self, sample: Tensor, n: int, least: float, g: torch.Generator) -> Tensor:
        """[n, A, 2] of random parts of one sample whose side is `least` to 1."""

    def part(self, sample: Tensor, box: Tensor, shape: Sequence[int]) -> Tensor:
        """[*shape]: what lies in a box, resampled."""

    def sized(
        self, asked: str, sample_shape: Sequence[int], shape: Sequence[int], step: int = 2, most: int = 0
    ) -> tuple[int, ...]:
        """The latent shape of a sample of the size that was asked for, as a person writes it, where a model draws samples of
        sample_shape from latents of this shape. step, most: as of `core.family.Checkpoint`. ValueError in one sentence, which
        names the nearest sizes that fit, where there is none."""


def with_parts(medium: Medium) -> Parts:
    """The medium as one whose samples have parts. ValueError in one sentence where they have none."""
    if isinstance(medium, Parts):
        return medium
    raise ValueError(f"Samples of the medium {medium.name} are not cut into parts; the whole of one would fit.")
