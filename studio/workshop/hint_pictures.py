"""The pictures that ControlNets follow: hints of scenes of the prompt, or pictures that were brought."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image
from torch import Tensor

from studio.domains.pocket import scene
from studio.jobs.paths import Paths
from studio.library.hint_uses import HintUse, uploads


def hint_picture(use: HintUse, kind: str, stated: Mapping[str, str], size: int, paths: Paths) -> Tensor:
    """What a ControlNet follows, [1, 3, size, size] in [0, 1]. ValueError where a picture cannot be read."""
    from studio.domains.pocket import hints

    if use.scene is not None:
        drawn = scene.sample_scene(np.random.default_rng(use.scene), **stated)
        return hints.of_scenes(kind, [drawn], size).float() / 255
    try:
        with Image.open(uploads(paths) / use.picture) as image:
            return hints.of_picture(kind or "layout", image, size)
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{use.picture} is not a picture that can be read; a PNG or JPEG would fit.") from error
