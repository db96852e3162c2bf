"""Hints: pictures that say where things are, for ControlNets. From a scene (exact) or from any picture (edges).

"layout" paints what a pixel belongs to: red the subject, green the ground below the horizon, blue the companion, black the
sky and the hills. "edges" is how fast the lightness changes (Sobel), bright where a contour runs, and needs no scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from studio.domains.media.image import square
from studio.domains.pocket.dataset import to_images
from studio.domains.pocket.render import RGB, SKIES, Pen, _draw_companion, _hex, draw_subject, palette_of, render_batch
from studio.domains.pocket.scene import Scene
from studio.domains.pocket.shapes import poly

SUBJECT, GROUND, COMPANION = (255, 0, 0), (0, 255, 0), (0, 0, 255)
UNDER = frozenset({"shadow", "sand", "pond", "accent"})  # what things stand in or on: part of the ground
HINTS = ("layout", "edges")
SHARPNESS = 4.0  # how strong an edge counts as a full one


class _Colours(dict[str, RGB]):
    """One colour for all roles, but for those that belong to the ground."""

    def __init__(self, colour: RGB):
        super().__init__(dict.fromkeys(UNDER, GROUND))
        self.colour = colour

    def __missing__(self, role: str) -> RGB:
        return self.colour


def layout(scene: Scene, size: int = 128) -> Image.Image:
    """The layout of `scene`, RGB, `size` x `size` pixels, softened at the borders as its picture is."""
    over = max(4, ceil(512 / size))
    canvas = Image.new("RGB", (size * over, size * over))
    base_y = scene.horizon_y + 0.58 * (1.0 - scene.horizon_y)
    h = scene.horizon_y
    Pen(canvas, _Colours(GROUND)).fill("far", poly(-0.02, h, 1.02, h, 1.02, 1.02, -0.02, 1.02))
    draw_subject(Pen(canvas, _Colours(SUBJECT)), scene, base_y)
    _draw_companion(Pen(canvas, _Colours(COMPANION)), scene, base_y)
    return canvas.reduce(over)


def edges(images: Tensor) -> Tensor:
    """[N, 3, H, W] in [0, 1] -> the same shape and range, three equal channels: Sobel's gradient of the lightness."""
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"edges are found in pictures [N, 3, H, W] in [0, 1]; got shape {tuple(images.shape)}")
    weights = torch.tensor([0.299, 0.587, 0.114]).to(images).view(1, 3, 1, 1)
    light = F.pad((images * weights).sum(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]).to(images).view(1, 1, 3, 3) / 8
    slope = torch.cat([F.conv2d(light, across), F.conv2d(light, across.transpose(2, 3))], 1).norm(dim=1, keepdim=True)
    return (SHARPNESS * slope).clamp(0, 1).expand(-1, 3, -1, -1)


def of_scenes(kind: str, scenes: Sequence[Scene], size: int) -> Tensor:
    """Hints of scenes, uint8 [N, 3, size, size]."""
    if kind == "layout":
        pixels = np.stack([np.asarray(layout(scene, size)) for scene in scenes])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    if kind == "edges":
        return (edges(to_images(render_batch(scenes, size))) * 255).round().to(torch.uint8).contiguous()
    raise ValueError(f"There is no hint {kind!r}; {' and '.join(HINTS)} fit.")


def of_picture(kind: str, picture: Image.Image, size: int) -> Tensor:
    """The hint [1, 3, size, size] in [0, 1] that a picture (Pillow, any size and mode) gives: its edges, or, for a layout,
    the picture itself. Pictures that are not square are cut to their middle."""
    if kind not in HINTS:
        raise ValueError(f"There is no hint {kind!r}; {' and '.join(HINTS)} fit.")
    image = square(picture, size)
    return edges(image) if kind == "edges" else image


TONES = ("base", "shade", "deep", "light", "patch")  # of a subject, in its palette
ELSEWHERE = ("far", "near", "accent", "hill", "hill_back", "cap", "shadow", "cloud", "cloud_shade", "sun", "halo", "star_dot",
             "bush", "rock", "sand", "pond")  # fmt: skip


def subject_mask(images: Tensor, scenes: Sequence[Scene]) -> Tensor:
    """Where a picture [N, 3, H, W] in [0, 1] shows the subject of its scene, by colour alone: bool [N, H, W].

    A pixel is the subject's when the nearest colour of the scene's palette is one of its tones. Poor where they resemble the
    surroundings (white in snow), so look at what it finds in the render of the same scene first.
    """
    masks = []
    for image, scene in zip(images, scenes, strict=True):
        palette = palette_of(scene.color, scene.place, scene.time)
        tones = [palette[role] for role in TONES]
        others = [palette[role] for role in ELSEWHERE] + [tuple(255 * v for v in _hex(colour)) for colour in SKIES[scene.time]]
        colours = torch.tensor([*tones, *others], dtype=torch.float32).to(image.device) / 255
        nearest = torch.cdist(image.flatten(1).T.float(), colours).argmin(1)
        masks.append((nearest < len(tones)).view(image.shape[1:]))
    return torch.stack(masks)


def same_place(mask: Tensor, drawn: Tensor) -> Tensor:
    """Intersection over union [N] of boolean masks [N, H, W]; 1 where both are empty."""
    both = (mask & drawn).flatten(1).sum(1).float()
    either = (mask | drawn).flatten(1).sum(1).float()
    return torch.where(either > 0, both / either.clamp_min(1), torch.ones_like(both))
