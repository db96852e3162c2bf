"""Four things that Pocket World does not contain, drawn as it draws: filled polygons by role, in colours that are their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from studio.domains.pocket.render import Parts, Pen, draw_subject, in_light, render, subject_centre
from studio.domains.pocket.scene import Scene
from studio.domains.pocket.shapes import Points, balloon_outline, band, ellipse, poly, right_half


@dataclass(frozen=True)
class Thing:
    """like: the world's subject that it is one of, which says whether it stands or floats. parts: back to front, in a unit box.
    colors: "#rrggbb" by role."""

    like: str
    parts: Parts
    colors: Mapping[str, str]

    def draw(self, scene: Scene, size: int = 128) -> Image.Image:
        """[size, size] RGB: the thing in the place of the scene's subject."""

        def put(pen: Pen, s: Scene, base_y: float) -> None:
            draw_subject(Pen.over(pen, pen.palette | in_light(self.colors, s.time)), s, base_y, self.parts)

        return render(scene, size, put)

    def mask(self, scene: Scene, size: int = 128) -> Image.Image:
        """[size, size], 255 where the thing is and 0 elsewhere."""
        canvas = Image.new("RGB", (4 * size, 4 * size))
        pen = Pen(canvas, {role: (255, 255, 255) for role, _ in self.parts})
        pen.shape(self.parts, scene.x, subject_centre(scene), scene.scale)
        return canvas.convert("L").reduce(4).point(lambda value: 255 * (value > 127))


def stripe(outline: Points, across: tuple[float, float], low: float, high: float) -> Points:
    """The part of an outline where low <= x · across <= high."""
    direction = np.array(across)
    return _below(_below(outline, direction, high), -direction, -low)


def _below(points: Points, direction: Points, most: float) -> Points:
    """The part of an outline on one side of a line (Sutherland and Hodgman)."""
    kept = []
    for here, there in zip(points, np.roll(points, -1, axis=0), strict=True):
        a, b = float(here @ direction) - most, float(there @ direction) - most
        if a <= 0:
            kept.append(here)
        if (a < 0 < b) or (b < 0 < a):
            kept.append(here + (there - here) * (a / (a - b)))
    return np.array(kept).reshape(-1, 2)


CAP = np.concatenate([ellipse(0.0, 0.06, 0.5, 0.5, 180, 360), ellipse(0.0, 0.06, 0.5, 0.12, 0, 180)])
STEM = np.concatenate([poly(-0.13, 0.0, 0.13, 0.0), ellipse(0.0, 0.4, 0.2, 0.1, 0, 180)])
SPOTTED_MUSHROOM = Thing(
    "mushroom",
    [
        ("second", STEM),
        ("first", CAP),
        ("second", ellipse(-0.19, -0.13, 0.19, 0.19)),
        ("first", ellipse(-0.19, -0.13, 0.085, 0.085)),
        ("second", ellipse(0.17, -0.27, 0.095, 0.095)),
        ("second", ellipse(0.2, 0.0, 0.095, 0.095)),
        ("second", ellipse(0.375, -0.08, 0.06, 0.06)),
    ],
    {"first": "#0fb9a8", "second": "#ff6a13"},
)

ENVELOPE = balloon_outline(1.1)
TILT = (0.6, 0.8)
STRIPED_BALLOON = Thing(
    "balloon",
    [
        ("rope", poly(-0.13, 0.28, -0.09, 0.28, -0.06, 0.4, -0.1, 0.4)),
        ("rope", poly(0.13, 0.28, 0.09, 0.28, 0.06, 0.4, 0.1, 0.4)),
        ("first", ENVELOPE),
        *(("second", stripe(ENVELOPE, TILT, low, low + 0.15)) for low in (-0.38, -0.08, 0.22)),
        ("basket", poly(-0.15, 0.36, 0.15, 0.36, 0.11, 0.5, -0.11, 0.5)),
    ],
    {"first": "#ffe14a", "second": "#2a2140", "rope": "#2a2140", "basket": "#e0218a"},
)

LOPSIDED_HOUSE = Thing(
    "house",
    [
        ("wall", poly(-0.42, 0.5, 0.22, 0.5, 0.42, -0.06, -0.16, -0.06)),
        ("side", poly(0.1, 0.5, 0.22, 0.5, 0.42, -0.06, 0.31, -0.06)),
        ("roof", poly(-0.3, 0.02, 0.52, -0.02, 0.3, -0.24, 0.12, -0.36, -0.06, -0.42, -0.3, -0.5, -0.2, -0.3)),
        ("under", poly(-0.3, 0.02, 0.52, -0.02, 0.46, -0.1, -0.26, -0.07)),
        ("lamp", ellipse(0.04, 0.13, 0.115, 0.115)),
        ("door", poly(-0.3, 0.5, -0.1, 0.5, -0.02, 0.26, -0.22, 0.26)),
    ],
    {"wall": "#7c4a2a", "side": "#5e351d", "roof": "#4ce3b1", "under": "#1fae83", "lamp": "#ffe680", "door": "#f2e3c6"},
)

BODY = np.concatenate([ellipse(0.0, 0.18, 0.2, 0.34, 180, 360), poly(0.25, 0.5, -0.25, 0.5)])
HEAD = ellipse(0.0, -0.2, 0.27, 0.22)
TAIL = band(np.concatenate([ellipse(0.2, 0.22, 0.2, 0.2, 100, 0), poly(0.43, 0.02, 0.44, -0.06)]), 0.13)
FLIPPED = (-1.0, 1.0)
TWO_TAILED_CAT = Thing(
    "cat",
    [
        ("first", TAIL),
        ("second", TAIL * FLIPPED),
        ("tip", ellipse(0.42, -0.1, 0.1, 0.1)),
        ("tip", ellipse(-0.42, -0.1, 0.1, 0.1)),
        ("first", BODY),
        ("second", right_half(BODY)),
        ("first", poly(-0.26, -0.22, -0.24, -0.5, -0.02, -0.38)),
        ("second", poly(0.26, -0.22, 0.24, -0.5, 0.02, -0.38)),
        ("first", HEAD),
        ("second", right_half(HEAD)),
        ("tip", ellipse(-0.11, -0.22, 0.055, 0.06)),
        ("tip", ellipse(0.11, -0.22, 0.055, 0.06)),
        ("nose", poly(-0.06, -0.12, 0.06, -0.12, 0.0, -0.05)),
    ],
    {"first": "#8a4f2a", "second": "#fff3dc", "tip": "#12c4d6", "nose": "#3a3152"},
)
