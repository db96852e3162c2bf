"""How samples are shown and kept in files: the contract of a medium. Importing one imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class Medium(Protocol):
    """Whatever a sample is, it has a still, which walls, strips and previews show and which is kept as a PNG that says how it
    was made; what a picture cannot hold is kept in files beside it.

    pictures: samples are pictures [N, 3, H, W] in [0, 1], so that encoders of pictures can read them. types: MIME type of each
    suffix that `files` writes (".wav"); text/html is never opened on the page.
    """

    @property
    def name(self) -> str: ...
    @property
    def pictures(self) -> bool: ...
    @property
    def types(self) -> Mapping[str, str]: ...
    def still(self, samples: Tensor, side: int | None = None) -> np.ndarray:
        """uint8 [N, S, S, 3]; side: S is at most this."""

    def files(self, samples: Tensor, i: int) -> Mapping[str, bytes]:
        """What is kept of sample i beside its still: suffix -> bytes, the main one first; {} where the still holds all."""
