"""Drawn spoils: a scene with something else in the place of its subject, or with its subject taken apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F

from studio.domains.pocket.render import FLOATING, Pen, draw_subject, palette_of, render, subject_centre
from studio.domains.pocket.scene import COLORS, COUNT, SUBJECTS, TIMES, Scene
from studio.domains.pocket.shapes import DISC, SHAPES
from studio.domains.pocket.spoils.images import blocks, blur

Pixels = np.ndarray  # uint8 [H, W, 3]
Drawn = Callable[[Scene, np.random.Generator, int], Pixels]


def _figure(
    pen: Pen, subject: str, cx: float, cy: float, width: float, height: float, turn: float = 0.0, colour: str = ""
) -> None:
    """A subject anywhere, turned by `turn` degrees, `width` × `height`; colour: fills all of it with one role."""
    a = np.radians(turn)
    rotation = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    for role, points in SHAPES[subject]:
        pen.fill(colour or role, (points * (width, height)) @ rotation, cx, cy)


def _other(rng: np.random.Generator, names: tuple[str, ...], *but: str) -> str:
    return str(rng.choice([n for n in names if n not in but]))


def nothing(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """The place without its subject; a companion may be there."""
    return np.asarray(render(s, size, put=lambda pen, s, base: None))


def two(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """The subject and a second one, of any legal kind, colour and size, beside it; often the same once more."""
    same = rng.random() < 0.5
    subject = s.subject if same else _other(rng, SUBJECTS, s.subject)
    colour = s.color if rng.random() < 0.6 else _other(rng, COLORS, s.color)
    scale = float(rng.uniform(0.24, 0.45)) if rng.random() < 0.6 else s.scale
    free = 0.7 + 0.3 * rng.random()  # how far apart, in half widths of the two
    x = s.x + (1 if s.x < 0.5 else -1) * free * 0.5 * (s.scale + scale)
    x = float(np.clip(x, 0.35 * scale, 1 - 0.35 * scale))
    second = dataclasses.replace(s, subject=subject, color=colour, x=x, scale=scale)

    def put(pen: Pen, _: Scene, base: float) -> None:
        first = (pen, s), (Pen.over(pen, palette_of(colour, s.place, s.time)), second)
        for p, who in first if rng.random() < 0.5 else first[::-1]:
            draw_subject(p, who, base)

    return np.asarray(render(s, size, put))


def _sized(low: float, high: float) -> Drawn:
    def draw(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
        return np.asarray(render(dataclasses.replace(s, scale=float(rng.uniform(low, high))), size))

    return draw


def cut_off(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """A quarter to three quarters of the subject lie outside the picture."""
    outside = float(rng.uniform(0.25, 0.75)) * s.scale - 0.5 * s.scale
    x = -outside if rng.random() < 0.5 else 1 + outside
    return np.asarray(render(dataclasses.replace(s, x=x), size))


def turned(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """The subject lies on its side or stands on its head."""
    turn = 180.0 if rng.random() < 0.5 else float(rng.uniform(40, 320))
    if s.subject == "star":  # five tips: a fifth of a turn changes nothing
        turn = float(rng.integers(5) * 72 + rng.uniform(24, 48))

    def put(pen: Pen, s: Scene, base: float) -> None:
        _figure(pen, s.subject, s.x, subject_centre(s), s.scale, s.scale, turn)

    return np.asarray(render(s, size, put))


def stretched(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """Half as wide or half as high as it should be."""
    k = float(rng.uniform(0.4, 0.65))
    wide, high = (k, 1.0) if rng.random() < 0.5 else (1.0, k)

    def put(pen: Pen, s: Scene, base: float) -> None:
        low = subject_centre(s) + 0.5 * s.scale * (1 - high) * (s.subject not in FLOATING)
        _figure(pen, s.subject, s.x, low, s.scale * wide, s.scale * high)

    return np.asarray(render(s, size, put))


def misplaced(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """In the air what stands, in the ground what flies."""
    cy, half = subject_centre(s), 0.5 * s.scale
    up, down = max(cy - 0.2, 0.0), 1.02 - half - cy
    floats = s.subject in FLOATING
    # balloons and rockets go below where they fly, everything else above where it stands
    shift = float(rng.uniform(0.17, max(0.18, down))) if floats else -float(rng.uniform(0.17, max(0.18, up)))

    def put(pen: Pen, s: Scene, base: float) -> None:
        pen.shape(SHAPES[s.subject], s.x, cy + shift, s.scale)

    return np.asarray(render(s, size, put))


def silhouette(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """One flat colour, no parts inside."""

    def put(pen: Pen, s: Scene, base: float) -> None:
        _figure(pen, s.subject, s.x, subject_centre(s), s.scale, s.scale, colour=str(rng.choice(["base", "deep", "shade"])))

    return np.asarray(render(s, size, put))


def foreign_colour(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """The subject in a colour that the world has not: black, grey, brown, olive, turquoise."""
    tone = np.array([(28, 28, 34), (120, 120, 124), (104, 66, 40), (110, 112, 40), (60, 190, 180)][int(rng.integers(5))])
    palette = dict(palette_of(s.color, s.place, s.time))
    for role, k in (("base", 1.0), ("shade", 0.88), ("deep", 0.72), ("light", 1.25)):
        red, green, blue = (tone * k).clip(0, 255)
        palette[role] = (int(red), int(green), int(blue))
    return np.asarray(render(s, size, put=lambda pen, s, base: draw_subject(Pen.over(pen, palette), s, base)))


def second_light(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """A sun on either side."""

    def put(pen: Pen, s: Scene, base: float) -> None:
        for x in (0.14, 0.86):
            pen.fill("halo", DISC, x, 0.135, 0.12)
            pen.fill("sun", DISC, x, 0.135, 0.08)
        draw_subject(pen, s, base)

    return np.asarray(render(s, size, put))


# Of two renders of the same place: what is inside the subject's box comes from another one than what is around it.


def _box(s: Scene, size: int, share: float = 1.0) -> tuple[slice, slice]:
    """Rows and columns of the subject's box, `share` of its side."""
    half, cy = 0.5 * s.scale * share, subject_centre(s)
    rows, columns = ((round((c - half) * size), round((c + half) * size)) for c in (cy, s.x))
    return slice(max(rows[0], 0), min(rows[1], size)), slice(max(columns[0], 0), min(columns[1], size))


def _half_of(box: tuple[slice, slice], rng: np.random.Generator) -> tuple[slice, slice]:
    """The left, right, upper or lower half of a box."""
    rows, columns = box
    side, middle = int(rng.integers(4)), ((rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2)
    return (
        (rows, slice(columns.start, middle[1])), (rows, slice(middle[1], columns.stop)),
        (slice(rows.start, middle[0]), columns), (slice(middle[0], rows.stop), columns),
    )[side]  # fmt: skip


def half(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """Half of the subject is missing; the place is seen instead."""
    out, part = np.array(render(s, size)), _half_of(_box(s, size, 1.1), rng)
    out[part] = nothing(s, rng, size)[part]
    return out


def chimera(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """Half one subject, half another."""
    other = dataclasses.replace(s, subject=_other(rng, SUBJECTS, s.subject))
    out, part = np.array(render(s, size)), _half_of(_box(s, size), rng)
    beside = nothing(s, rng, size) if (s.subject in FLOATING) != (other.subject in FLOATING) else np.asarray(render(other, size))
    if (s.subject in FLOATING) != (other.subject in FLOATING):

        def put(pen: Pen, _: Scene, base: float) -> None:
            pen.shape(SHAPES[other.subject], s.x, subject_centre(s), s.scale)

        beside = np.asarray(render(s, size, put))
    out[part] = beside[part]
    return out


def two_colours(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """Half of it in another colour."""
    near = {
        "red": "orange",
        "orange": "red",
        "yellow": "orange",
        "blue": "purple",
        "purple": "blue",
        "pink": "white",
        "white": "pink",
    }
    other = _other(rng, COLORS, s.color, near.get(s.color, s.color))
    out, part = np.array(render(s, size)), _half_of(_box(s, size, 1.05), rng)
    out[part] = np.asarray(render(dataclasses.replace(s, color=other), size))[part]
    return out


def ghost(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """The place shows through the subject."""
    k = float(rng.uniform(0.3, 0.6))
    return np.rint(k * np.asarray(render(s, size)) + (1 - k) * nothing(s, rng, size)).astype(np.uint8)


def shuffled_box(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """The subject's box is cut into 2 × 2 to 4 × 4 tiles, and they change places."""
    out, n = np.array(render(s, size)), int(rng.integers(2, 5))
    rows, columns = _box(s, size)
    high, wide = (rows.stop - rows.start) // n, (columns.stop - columns.start) // n
    places = [(rows.start + i * high, columns.start + j * wide) for i in range(n) for j in range(n)]
    order = rng.permutation(n * n)
    while (order == np.arange(n * n)).sum() > n * n // 4:
        order = rng.permutation(n * n)
    tiles = [out[y : y + high, x : x + wide].copy() for y, x in places]
    for (y, x), k in zip(places, order, strict=True):
        out[y : y + high, x : x + wide] = tiles[k]
    return out


def melted_box(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """The subject's box is bent by a smooth field of up to an eighth of the subject."""
    out = torch.from_numpy(np.array(render(s, size))).permute(2, 0, 1)[None].float()
    rough = torch.from_numpy(rng.normal(size=(1, 2, 5, 5))).float()
    field = F.interpolate(rough, size=size, mode="bicubic", align_corners=True)
    ys, xs = (torch.arange(size) + 0.5) / size, (torch.arange(size) + 0.5) / size
    inside = (1 - ((ys[:, None] - subject_centre(s)).abs() / (0.55 * s.scale)) ** 4).clamp_min(0) * (
        1 - ((xs[None, :] - s.x).abs() / (0.55 * s.scale)) ** 4
    ).clamp_min(0)
    field = 2 * field / field.std() * float(rng.uniform(0.1, 0.17)) * s.scale * inside
    base = torch.stack(torch.meshgrid(ys * 2 - 1, xs * 2 - 1, indexing="ij")[::-1], -1)[None]
    bent = F.grid_sample(out, base + field.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)
    return bent[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()


def blurred_box(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """The subject alone is out of focus, or in blocks."""
    out = np.array(render(s, size))
    box = _box(s, size, 1.1)
    x = torch.from_numpy(out).permute(2, 0, 1)[None].float() / 255
    if rng.random() < 0.5:
        new = blur(x, float(rng.uniform(2.5, 5.0)) * size / 128 + 0.3)
    else:
        new = blocks(x, max(2, round(float(rng.uniform(0.035, 0.08)) * size)))
    out[box] = (new[0].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).numpy()[box]
    return out


def other_sky(s: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """Above the horizon another hour than below."""
    time = _other(rng, TIMES, s.time)
    other = dataclasses.replace(s, time=time, stars="few" if time == "night" else "none")
    out, cut = np.array(render(s, size)), round(s.horizon_y * size)
    out[:cut] = np.asarray(render(other, size))[:cut]
    return out


DRAWN: dict[str, Drawn] = {
    "no subject": nothing,
    "two subjects": two,
    "too small": _sized(0.09, 0.21),
    "too large": _sized(0.61, 0.85),
    "cut off": cut_off,
    "turned": turned,
    "stretched": stretched,
    "misplaced": misplaced,
    "silhouette": silhouette,
    "foreign colour": foreign_colour,
    "two suns": second_light,
    "half a subject": half,
    "chimera": chimera,
    "two colours": two_colours,
    "ghost": ghost,
    "box shuffled": shuffled_box,
    "subject melted": melted_box,
    "subject blurred": blurred_box,
    "sky of another hour": other_sky,
}
_FIGURE = ("subject", "color", "position", "size")
# What can no longer be read, or has no name; everything else is as in the scene, and a reader should say so.
HIDDEN: dict[str, tuple[str, ...]] = {
    "no subject": _FIGURE,
    "two subjects": _FIGURE,
    "too small": ("size",),
    "too large": ("size",),
    "cut off": ("position", "size"),
    "stretched": ("size",),
    "silhouette": ("color",),
    "foreign colour": ("color",),
    "two suns": ("light",),
    "half a subject": ("position", "size"),
    "chimera": ("subject", COUNT),
    "two colours": ("color",),
    "box shuffled": (*_FIGURE, COUNT),
    "sky of another hour": ("time", "light", "stars", "clouds"),
}
COUNTS = {"no subject": 0, "two subjects": 2}  # one everywhere else
# Whether the picture still shows one of each thing that can vary; None: people would not agree.
DRAWN_SHOWS: dict[str, bool | None] = {
    **dict.fromkeys(DRAWN, True), "no subject": False, "two subjects": False, "box shuffled": False, "chimera": None,
    "cut off": None, "sky of another hour": None,
}  # fmt: skip


def truth(kind: str, labels: Mapping[str, int], unknown: int) -> dict[str, int]:
    """What a reader should say of a drawn spoil of a scene with these labels, the count included; `unknown` if it is hidden."""
    every = {**labels, COUNT: COUNTS.get(kind, 1)}
    return {name: unknown if name in HIDDEN.get(kind, ()) else label for name, label in every.items()}


def drawn(kind: str, scene: Scene, rng: np.random.Generator, size: int) -> Pixels:
    """One spoilt picture, uint8 [size, size, 3]."""
    return DRAWN[kind](scene, rng, size)
