"""The pictures that ControlNets follow: hints of items of the world that a prompt asks for, or pictures that were brought."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from studio.core.domain import Domain, Stated
from studio.domains.media.image import filling
from studio.jobs.paths import Paths
from studio.library.hint_uses import HintUse, uploads


def hint_picture(use: HintUse, kind: str, domain: Domain, stated: Stated, shape: Sequence[int], paths: Paths) -> Tensor:
    """What a ControlNet follows, [1, *shape] in [0, 1]: a picture of a kind that the domain knows as its hands make it, of others
    the picture as it is. ValueError where it cannot be read, or where a world, whose hints are squares, is asked for another
    shape."""
    if domain.has_world and len(set(shape[1:])) > 1:
        raise ValueError(f"Hints of {domain.title} are squares, and {use.id} follows one; a size with equal sides would fit.")
    if use.scene is not None:
        hands = domain.hands()
        return hands.hint(kind, hands.items(1, use.scene, stated), shape)
    try:
        with Image.open(uploads(paths) / use.picture) as image:
            return domain.hands().hint(kind, image, shape) if kind in domain.hints else filling(image, *shape[1:])
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{use.picture} is not a picture that can be read; a PNG or JPEG would fit.") from error
