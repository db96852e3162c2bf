"""Draws a `Scene` as a flat illustration, the same picture at every size.

Everything is a filled polygon in fractions of the image side, drawn with Pillow on a canvas three or more
times too large and box-averaged down: cheap, anti-aliased and independent of the resolution. Shapes
are big and nothing is thinner than about 2.5 px at 128 px, because an 8x autoencoder has to keep them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import ceil, pi

import numpy as np
from PIL import Image, ImageDraw

from studio.domains.pocket.scene import Scene, sample_scene
from studio.domains.pocket.shapes import BIRD, BUSH, CLOUD, DISC, ROCK, SHAPES, Points, ellipse, poly, rounded

RGB = tuple[int, int, int]
Color = tuple[float, float, float]

FLOATING = frozenset({"balloon", "star", "heart", "rocket"})

# Base, soft shade, deep shade and highlight. Shades keep the hue: a yellow roof must not turn olive.
SUBJECT_COLORS = {
    "red": ("#e5352f", "#c92a34", "#a81f36", "#ff8a7a"),
    "orange": ("#ff8a1c", "#ec6f10", "#d4590e", "#ffbe75"),
    "yellow": ("#ffd91f", "#f2bf12", "#dba50c", "#fff0a0"),
    "green": ("#1fa24f", "#168a49", "#0c6b3f", "#7fd08a"),
    "blue": ("#2567e3", "#1c52c4", "#1a48b2", "#86b4ff"),
    "purple": ("#8a3fd1", "#7130b5", "#6229a6", "#c497f0"),
    "pink": ("#ff82bb", "#f163a3", "#d9488b", "#ffc0dc"),
    "white": ("#fffcf5", "#dcdfef", "#a7aecf", "#ffffff"),
}
# Day colours of each place: far ground, near ground, accent, hills behind.
PLACE_COLORS = {
    "meadow": ("#a5d86e", "#86c65a", "#c9ec95", "#6fb48f"),
    "sea": ("#35b4c0", "#2199ae", "#93e3e2", "#7fa9a6"),
    "desert": ("#f3d49b", "#e8bd7c", "#fbe7c0", "#d58d5c"),
    "snow": ("#d0e2f3", "#b3d0eb", "#edf6fd", "#8fb0d3"),
}
# Sky from top (0) to just under the lowest horizon (0.8).
SKIES = {
    "day": ("#4fb0ec", "#86cdf4", "#b9e6f9"),
    "sunset": ("#5b4a92", "#f4a67e", "#ffd79a"),
    "night": ("#141c4d", "#26357a", "#4a62ad"),
}
LIGHTS = {"day": ("#ffe26b", "#a9dcee"), "sunset": ("#ffd98a", "#cf7f98"), "night": ("#f7f0d0", "#35447f")}
CLOUDS = {
    "day": ("#ffffff", "#dcEff9"),
    "sunset": ("#ffc3a8", "#ee9a9c"),
    "night": ("#7182c2", "#5a6aae"),
}
NEUTRALS = {
    "cream": "#fff1d6",
    "ink": "#3a3152",
    "wood": "#8c5a3c",
    "glass": "#bfe8f7",
    "fire": "#ffb52e",
    "bush": "#2f8048",
    "bush_light": "#5db567",
    "blossom": "#ffe3ec",
    "rock": "#8b8a9c",
    "rock_light": "#b4b3c2",
    "sand": "#f0d298",
    "pond": "#3aa9c2",
    "bird": "#3d3a5c",
}


def _hex(text: str) -> Color:
    return tuple(int(text[i : i + 2], 16) / 255.0 for i in (1, 3, 5))  # type: ignore[return-value]


def _mix(a: Color, b: Color, t: float) -> Color:
    return tuple(x + (y - x) * t for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def _mul(a: Color, b: Color) -> Color:
    return tuple(x * y for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def _rgb(c: Color) -> RGB:
    return tuple(round(255 * min(max(v, 0.0), 1.0)) for v in c)  # type: ignore[return-value]


def _lit(c: Color, time: str) -> Color:
    """A subject's colour in the light of the hour: a mild tint, so that red still reads as red at night."""
    if time == "sunset":
        return _mix(_mul(c, (1.0, 0.95, 0.92)), _hex("#ff9a62"), 0.05)
    if time == "night":
        return _mul(c, (0.92, 0.93, 1.0))
    return c


# How much of each channel the moon leaves; not one triple for all, or desert and meadow would both be grey.
_NIGHT = {
    "meadow": (0.34, 0.46, 0.55),
    "sea": (0.36, 0.50, 0.74),
    "desert": (0.55, 0.47, 0.66),
    "snow": (0.56, 0.66, 0.90),
}


def _grounded(c: Color, place: str, time: str) -> Color:
    """A landscape colour in the light of the hour: a strong tint, the hour must be visible everywhere."""
    if time == "sunset":
        # Sand goes to mauve rather than to orange: orange subjects must stand out from it too.
        return _mix(_mul(c, (0.97, 0.76, 0.76)), _hex("#8a4a8f"), 0.30 if place == "desert" else 0.14)
    if time == "night":
        return _mul(c, _NIGHT[place])
    return c


def in_light(colors: Mapping[str, str], time: str) -> dict[str, RGB]:
    """Colours of a subject, by role, in the light of the hour. colors: as "#rrggbb"."""
    return {role: _rgb(_lit(_hex(color), time)) for role, color in colors.items()}


@cache
def palette_of(color: str, place: str, time: str) -> dict[str, RGB]:
    """Every role a polygon may be filled with, for one combination of stated factors."""
    dusk = _hex("#2b1d5a")
    tones = zip(("base", "shade", "deep", "light"), SUBJECT_COLORS[color], strict=True)
    out = {k: _lit(_hex(v), time) for k, v in tones}
    out.update({k: _lit(_hex(v), time) for k, v in NEUTRALS.items()})
    out["patch"] = out["deep" if color == "white" else "cream"]  # cream spots would vanish on white
    if time == "night":  # lamps are on
        out["window"] = _hex("#ffe08a")
    else:
        out["window"] = out["glass"] if color != "blue" else out["cream"]
    far, near, accent, hill = (_grounded(_hex(v), place, time) for v in PLACE_COLORS[place])
    out.update(far=far, near=near, accent=accent, hill=hill, shadow=_mix(near, dusk, 0.22))
    sky = _hex(SKIES[time][1])
    out["hill"] = _mix(hill, sky, 0.12)
    out["hill_back"] = _mix(hill, sky, 0.42)
    out["cap"] = _mix(_grounded(_hex("#f7fbff"), "snow", time), sky, 0.08)
    dim = 0.3 if time == "night" else 0.55  # companions keep more light than the ground, to be seen on it
    for name in ("sand", "pond", "bush", "bush_light", "rock", "rock_light"):
        out[name] = _mix(_hex(NEUTRALS[name]), _grounded(_hex(NEUTRALS[name]), place, time), dim)
    if place == "snow":
        out["pond"] = _grounded(_hex("#7cc0e4"), place, time)
    out["cloud"], out["cloud_shade"] = (_hex(v) for v in CLOUDS[time])
    out["sun"], out["halo"] = (_hex(v) for v in LIGHTS[time])
    out["star_dot"] = _hex("#fff6d2")
    if time == "night":
        out["bird"] = _hex("#cfd6f2")  # a dark bird would be lost in a dark sky
    return {k: _rgb(v) for k, v in out.items()}


@cache
def _sky(time: str, side: int) -> Image.Image:
    """Vertical gradient, [side, side] pixels."""
    y = (np.arange(side) + 0.5) / side
    stops = np.array([_hex(c) for c in SKIES[time]])
    rows = np.stack([np.interp(y, (0.0, 0.42, 0.8), stops[:, k]) for k in range(3)], axis=1)
    pixels = np.broadcast_to(np.rint(rows * 255).astype(np.uint8)[:, None, :], (side, side, 3))
    return Image.fromarray(np.ascontiguousarray(pixels))


class Pen:
    """Fills polygons given in fractions of the image side."""

    def __init__(self, canvas: Image.Image, palette: dict[str, RGB]) -> None:
        self.draw = ImageDraw.Draw(canvas)
        self.side = canvas.width
        self.palette = palette

    @classmethod
    def over(cls, pen: Pen, palette: dict[str, RGB]) -> Pen:
        """A pen with other colours on the same canvas."""
        other = cls.__new__(cls)
        other.draw, other.side, other.palette = pen.draw, pen.side, palette
        return other

    def fill(self, role: str, points: Points, cx: float = 0.0, cy: float = 0.0, sx: float = 1.0, sy: float = 0.0) -> None:
        """Polygon scaled by (sx, sy or sx), then moved to (cx, cy)."""
        self.draw.polygon(self.pixels(points, cx, cy, sx, sy).ravel().tolist(), fill=self.palette[role])

    def pixels(self, points: Points, cx: float, cy: float, sx: float, sy: float) -> Points:
        """[N, 2] on the canvas, of a polygon scaled by (sx, sy or sx), then moved to (cx, cy)."""
        return points * (sx * self.side, (sy or sx) * self.side) + (cx * self.side - 0.5, cy * self.side - 0.5)

    def shape(self, parts: Sequence[tuple[str, Points]], cx: float, cy: float, scale: float) -> None:
        for role, points in parts:
            self.fill(role, points, cx, cy, scale)


def _draw_sky(pen: Pen, s: Scene) -> None:
    if s.stars != "none":
        # A fixed low-discrepancy set, shifted: even cover, and never two stars on top of each other.
        for i in range(7 if s.stars == "few" else 28):
            x, y = (s.sky_phase + i * 0.7548777) % 1.0, (s.sky_phase * 3 + i * 0.5698403) % 1.0
            r = 0.0125 + 0.004 * (i % 3 == 0)
            pen.fill("star_dot", _STAR_DOT, 0.03 + 0.94 * x, 0.03 + 0.47 * y, r)
    if s.light != "hidden":
        x = 0.14 if s.light == "left" else 0.86
        r = 0.085 if s.time == "sunset" else 0.078
        pen.fill("halo", DISC, x, 0.135, r + 0.04)
        pen.fill("sun", DISC, x, 0.135, r)
    # Clouds keep to the strip above every subject and away from the sun, so that both can be counted.
    if s.clouds != "none":
        lo, hi = {"left": (0.42, 0.86), "right": (0.14, 0.58), "hidden": (0.16, 0.84)}[s.light]
        if s.clouds == "one":
            _draw_cloud(pen, lo + (hi - lo) * s.sky_phase, 0.15, 0.27)
        else:
            shift = 0.05 * (s.sky_phase - 0.5)
            _draw_cloud(pen, lo - 0.02 + shift, 0.1, 0.19)
            _draw_cloud(pen, (lo + hi) / 2 + shift, 0.235, 0.17)
            _draw_cloud(pen, hi + 0.02 + shift, 0.115, 0.2)


_STAR_DOT = ellipse(0, 0, 1, 1)[::5]


def _draw_cloud(pen: Pen, x: float, y: float, width: float) -> None:
    """One cloud with a shaded belly."""
    pen.fill("cloud_shade", CLOUD, x, y + 0.014, width)
    pen.fill("cloud", CLOUD, x, y, width)


_HILL_X = np.linspace(-0.02, 1.02, 40)


def _draw_ground(pen: Pen, s: Scene) -> None:
    h = s.horizon_y
    if s.ground == "rolling":
        for role, amp, freq, shift in (("hill_back", 0.13, 1.1, 0.35), ("hill", 0.085, 1.6, 0.0)):
            y = h - amp * (0.55 + 0.45 * np.sin(2 * pi * (freq * _HILL_X + s.phase + shift)))
            pen.fill(role, np.concatenate([np.stack([_HILL_X, y], 1), poly(1.02, h + 0.02, -0.02, h + 0.02)]))
    elif s.ground == "peaked":
        for i, (dx, height, width) in enumerate(((0.06, 0.2, 0.2), (0.42, 0.25, 0.23), (0.8, 0.18, 0.2))):
            x = (dx + s.phase) % 1.2 - 0.1
            pen.fill("hill_back" if i == 1 else "hill", poly(-width, 0.02, 0, -height, width, 0.02), x, h)
            k = 0.36
            cap = poly(
                -width * k,
                -height * (1 - k),
                0,
                -height,
                width * k,
                -height * (1 - k),
                width * k * 0.35,
                -height * (1 - k * 0.75),
                0,
                -height * (1 - k * 1.1),
                -width * k * 0.35,
                -height * (1 - k * 0.75),
            )
            pen.fill("cap", cap, x, h)
    pen.fill("far", poly(-0.02, h, 1.02, h, 1.02, 1.02, -0.02, 1.02))
    depth = 1.0 - h
    wave = 0.10 if s.place != "sea" else 0.03
    y = h + depth * (0.42 + wave * np.sin(2 * pi * (0.8 * _HILL_X + s.phase)))
    pen.fill("near", np.concatenate([np.stack([_HILL_X, y], 1), poly(1.02, 1.02, -0.02, 1.02)]))
    marks = _MARKS[s.place]
    for i, (dx, dy) in enumerate(((0.05, 0.2), (0.36, 0.82), (0.62, 0.24), (0.9, 0.7), (0.16, 0.62))):
        pen.fill("accent", marks, (dx + s.phase) % 1.0, h + depth * dy, 1.0 if i % 2 else 0.8)


_MARKS = {
    "meadow": poly(-0.035, 0.0, -0.03, -0.04, -0.01, -0.012, 0.0, -0.055, 0.01, -0.012, 0.03, -0.04, 0.035, 0.0),
    "sea": rounded(-0.08, -0.012, 0.08, 0.012, 0.0119),
    "desert": ellipse(0.0, 0.0, 0.11, 0.026, 180, 360),
    "snow": ellipse(0.0, 0.0, 0.12, 0.04, 180, 360),
}


def _draw_companion(pen: Pen, s: Scene, base_y: float) -> None:
    if s.companion == "none":
        return
    to_right = s.side < 0.5 if s.position == "centre" else s.position == "left"
    if s.position == "centre":
        x = 0.885 if to_right else 0.115
    else:
        x = (0.80 + 0.07 * s.side) if to_right else (0.20 - 0.07 * s.side)
    if s.companion == "bird":
        pen.fill("bird", BIRD, x, 0.36, 0.15)
        return
    y = base_y + 0.035
    if s.place == "sea" and s.companion == "bush":
        pen.fill("sand", DISC, x, y, 0.11, 0.028)
    else:
        pen.fill("shadow", DISC, x, y, 0.1, 0.024)
    pen.shape(BUSH if s.companion == "bush" else ROCK, x, y - 0.075, 0.16)


def ground_level(s: Scene) -> float:
    """Where subjects stand, as a fraction of the height from the top."""
    return s.horizon_y + 0.58 * (1.0 - s.horizon_y)


def subject_centre(s: Scene) -> float:
    """Height of the middle of the subject's box: on the ground, or in the air for what floats."""
    if s.subject in FLOATING:
        # High enough to fly, low enough to leave sun and clouds (above 0.2) in view.
        return max(s.horizon_y - 0.19, 0.5 * s.scale + 0.2)
    return ground_level(s) - 0.5 * s.scale


Parts = Sequence[tuple[str, Points]]  # (role, polygon), back to front


def draw_subject(pen: Pen, s: Scene, base_y: float, parts: Parts | None = None) -> None:
    """The subject and what it stands on. parts: another figure that stands or floats as the subject does."""
    scale, cy = s.scale, subject_centre(s)
    if s.subject in FLOATING:
        pen.fill("shadow", DISC, s.x, max(base_y, cy + 0.5 * scale + 0.06), 0.34 * scale, 0.07 * scale)
    else:
        if s.subject == "boat":
            if s.place != "sea":
                pen.fill("pond", DISC, s.x, base_y - 0.01, 0.62 * scale, 0.13 * scale)
        elif s.place == "sea":
            pen.fill("sand", DISC, s.x, base_y, 0.62 * scale, 0.12 * scale)
        else:
            pen.fill("shadow", DISC, s.x, base_y, 0.52 * scale, 0.075 * scale)
    pen.shape(SHAPES[s.subject] if parts is None else parts, s.x, cy, scale)
    if s.subject == "boat":  # the bow wave also hides the keel
        pen.fill("accent", DISC, s.x, base_y, 0.4 * scale, max(0.035 * scale, 0.012))


Put = Callable[[Pen, Scene, float], None]  # draws with a pen what stands on the ground: (pen, scene, its level)
Hand = Callable[[Image.Image, dict[str, RGB]], Pen]  # of a canvas with the sky on it, and colours by role


def render(scene: Scene, size: int = 128, put: Put = draw_subject, hand: Hand = Pen) -> Image.Image:
    """The picture of `scene`, RGB, `size` x `size` pixels; `size` in 8..4096.

    put: draws another thing than the subject. hand: another pen, which may also paint over the sky it is given.
    """
    if not 8 <= size <= 4096:
        raise ValueError(f"Cannot render at {size} px; ask for a size from 8 to 4096.")
    over = max(4, ceil(512 / size))
    canvas = _sky(scene.time, size * over).copy()
    pen = hand(canvas, palette_of(scene.color, scene.place, scene.time))
    base_y = ground_level(scene)
    _draw_sky(pen, scene)
    _draw_ground(pen, scene)
    put(pen, scene, base_y)
    _draw_companion(pen, scene, base_y)
    return canvas.reduce(over)


def render_batch(scenes: Sequence[Scene], size: int = 128) -> np.ndarray:
    """Pictures of many scenes, uint8 [N, size, size, 3]."""
    out = np.empty((len(scenes), size, size, 3), dtype=np.uint8)
    for i, scene in enumerate(scenes):
        out[i] = np.asarray(render(scene, size))
    return out


def illustration(count: int = 8, size: int = 112) -> list[list[Image.Image]]:
    """Three rows of red houses at night: all different; as like one another as a collapsed student's; different again."""
    house = {"subject": "house", "color": "red", "time": "night"}
    same = house | {"position": "left", "size": "medium", "horizon": "middle", "place": "meadow", "companion": "none",
                    "clouds": "one", "light": "right", "stars": "few", "ground": "flat"}  # fmt: skip
    rows = []
    for fixed, seed in ((house, 3), (same, 4), (house, 9)):
        rng = np.random.default_rng(seed)
        rows.append([render(sample_scene(rng, **fixed), size) for _ in range(count)])
    return rows
