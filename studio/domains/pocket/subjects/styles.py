"""Two ways of drawing any scene that Pocket World does not know: in ink on paper, and as a poster.

Both draw the same polygons in the same order as the world does, with another pen. Colours that captions name stay readable.
"""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
from PIL import Image, ImageDraw

from studio.domains.pocket.render import RGB, Pen, render, subject_centre
from studio.domains.pocket.scene import Scene
from studio.domains.pocket.shapes import SHAPES, Points

PAPER, DARK_INK = (250, 240, 216), (34, 26, 40)
LINE, THICK = 0.031, 0.15  # of the side: width of a line (a pixel at 32), and of the shapes that have it whole
HATCH, DARK = 0.09, 0.4  # distance of hatches, of the side; skies below this lightness have them
OWN = {"base", "shade", "deep", "light"}  # roles of a subject's own colours
WASHED, FADED = 0.8, 0.3  # how much colour stays, of those and of all others

CREAM, NAVY, RED = (255, 244, 214), (24, 24, 66), (232, 50, 44)
SKIES = {"day": ((64, 184, 240), (196, 236, 250)), "sunset": ((240, 92, 52), (255, 194, 40)),
         "night": ((40, 38, 120), (78, 74, 180))}  # fmt: skip
GROUNDS = {"meadow": (52, 168, 70), "sea": (10, 140, 160), "desert": (238, 160, 44), "snow": (226, 236, 250)}
DIMMED = {"day": 0.0, "sunset": 0.2, "night": 0.5}
RAYS, BORDER = 20, 0.03  # border around the subject, of the side


def mixed(a: RGB, b: RGB, t: float) -> RGB:
    red, green, blue = (round(x + (y - x) * t) for x, y in zip(a, b, strict=True))
    return red, green, blue


def lightness(color: RGB) -> float:
    return (0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]) / 255


class InkPen(Pen):
    """Outlines in ink around fills of paper with a wash of the colour; a dark sky is hatched."""

    def __init__(self, canvas: Image.Image, palette: dict[str, RGB]) -> None:
        super().__init__(canvas, palette)
        k = self.side
        red, green, blue = np.asarray(canvas)[k // 2, 0].tolist()
        self.draw.rectangle((0, 0, k, k), fill=mixed(PAPER, (red, green, blue), FADED))
        if lightness((red, green, blue)) < DARK:
            for x in range(0, 2 * k, round(HATCH * k)):
                self.draw.line((x, 0, x - k, k), fill=DARK_INK, width=round(0.3 * HATCH * k))

    def fill(self, role: str, points: Points, cx: float = 0.0, cy: float = 0.0, sx: float = 1.0, sy: float = 0.0) -> None:
        xy = self.pixels(points, cx, cy, sx, sy)
        flat, thin = xy.ravel().tolist(), float(np.ptp(xy, axis=0).min()) / self.side
        self.draw.polygon(flat, fill=mixed(PAPER, self.palette[role], WASHED if role in OWN else FADED))
        width = LINE * min(1.0, thin / THICK)  # thinner around what is small
        self.draw.line([*flat, *flat[:4]], fill=DARK_INK, width=max(1, round(width * self.side)), joint="curve")


def ink(scene: Scene, size: int = 128) -> Image.Image:
    """[size, size] RGB."""
    return render(scene, size, hand=InkPen)


class PosterPen(Pen):
    """Flat inks, and rays from behind the subject for a sky."""

    def __init__(self, canvas: Image.Image, palette: dict[str, RGB], scene: Scene) -> None:
        base = palette["base"]
        ground = mixed(GROUNDS[scene.place], NAVY, DIMMED[scene.time])
        flat = {"shade": base, "light": base, "deep": mixed(base, NAVY, 0.5), "far": ground, "near": mixed(ground, NAVY, 0.25)}
        flat |= {"hill": mixed(ground, NAVY, 0.45), "hill_back": mixed(ground, NAVY, 0.6), "cap": CREAM, "shadow": NAVY}
        flat |= {"accent": mixed(ground, CREAM, 0.6), "cloud": CREAM, "cloud_shade": CREAM, "halo": RED, "sun": CREAM}
        super().__init__(canvas, palette | flat)
        k, rays = self.side, SKIES[scene.time]
        x, y = scene.x * k, subject_centre(scene) * k
        for i in range(RAYS):
            ends = [(x + 2 * k * cos(a), y + 2 * k * sin(a)) for a in (2 * pi * i / RAYS, 2 * pi * (i + 1) / RAYS)]
            self.draw.polygon([(x, y), *ends], fill=rays[i % 2])


def cut_out(pen: Pen, s: Scene, base_y: float) -> None:
    """The subject on a hard shadow, with a border of paper."""
    around = [(BORDER * cos(a), BORDER * sin(a)) for a in np.arange(0, 2 * pi, pi / 8)]
    cream, navy = (Pen.over(pen, dict.fromkeys(pen.palette, color)) for color in (CREAM, NAVY))
    for one, shifts in ((navy, [(x + BORDER, y + BORDER) for x, y in around]), (cream, around)):
        for x, y in shifts:
            one.shape(SHAPES[s.subject], s.x + x, subject_centre(s) + y, s.scale)
    pen.shape(SHAPES[s.subject], s.x, subject_centre(s), s.scale)


def poster(scene: Scene, size: int = 128) -> Image.Image:
    """[size, size] RGB, in a frame."""
    out = render(scene, size, cut_out, lambda canvas, palette: PosterPen(canvas, palette, scene))
    ImageDraw.Draw(out).rectangle((0, 0, size - 1, size - 1), outline=CREAM, width=max(1, size // 32))
    return out
