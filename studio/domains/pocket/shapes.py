"""The outlines of Pocket World: subjects, companions and clouds as polygons in unit boxes.

A subject is a list of (role, polygon), back to front; the role is looked up in the picture's palette.
"""

from __future__ import annotations

from math import ceil, cos, pi, sin

import numpy as np

Points = np.ndarray  # [N, 2] float, (x, y), y down


def poly(*xy: float) -> Points:
    return np.array(xy, dtype=np.float64).reshape(-1, 2)


def ellipse(cx: float, cy: float, rx: float, ry: float, start: float = 0.0, stop: float = 360.0) -> Points:
    """Arc of an ellipse, degrees clockwise from the right, y down."""
    n = max(12, ceil(56 * (stop - start) / 360.0))
    a = np.radians(np.linspace(start, stop, n))
    return np.stack([cx + rx * np.cos(a), cy + ry * np.sin(a)], axis=1)


def band(path: Points, width: float) -> Points:
    """A thick stroke with round-ish ends along `path`."""
    d = np.gradient(path, axis=0)
    n = np.stack([-d[:, 1], d[:, 0]], axis=1) / np.linalg.norm(d, axis=1, keepdims=True)
    return np.concatenate([path + n * width / 2, (path - n * width / 2)[::-1]])


def rounded(x0: float, y0: float, x1: float, y1: float, r: float) -> Points:
    arcs = ((x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180), (x1 - r, y0 + r, 270))
    return np.concatenate([ellipse(cx, cy, r, r, a, a + 90)[::2] for cx, cy, a in arcs])


def _heart(k: float = 1.0, dx: float = 0.0, dy: float = 0.0) -> Points:
    t = np.linspace(0, 2 * pi, 64, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) - 2.5
    return np.stack([k * x / 33 + dx, k * y / 30 + dy], axis=1)


def _star_facets() -> list[tuple[str, Points]]:
    """Five kites, each split along its axis into a lit and a shaded half."""
    parts = []
    tip = [(0.54 * sin(2 * pi * i / 5), -0.54 * cos(2 * pi * i / 5) + 0.03) for i in range(5)]
    dip = [(0.26 * sin(2 * pi * (i + 0.5) / 5), -0.26 * cos(2 * pi * (i + 0.5) / 5) + 0.03) for i in range(5)]
    outline = [p for pair in zip(tip, dip, strict=True) for p in pair]
    parts.append(("base", np.array(outline)))
    for i in range(5):
        parts.append(("shade", np.array([(0.0, 0.03), tip[i], dip[i]])))
    return parts


def balloon_outline(k: float = 1.0) -> Points:
    top = ellipse(0.0, -0.13, 0.37 * k, 0.37, 180, 360)
    t = np.linspace(0, 1, 14)[1:]
    right = np.stack([k * (0.09 + 0.28 * np.cos(t * pi / 2) ** 1.2), -0.13 + 0.44 * t], axis=1)
    return np.concatenate([top, right, (right * (-1, 1))[::-1]])


def _hull(width: float, top: float, bottom: float) -> Points:
    """A rocket's body: pointed nose, widest below the middle, narrower tail."""
    t = np.linspace(0, 1, 28)
    w, y = width * np.sin(pi * 0.8 * t**0.8) ** 0.9, top + (bottom - top) * t
    return np.concatenate([np.stack([w, y], 1), np.stack([-w, y], 1)[::-1]])


def between(outer: Points, inner: Points) -> Points:
    """The crescent between two arcs that run the same way."""
    return np.concatenate([outer, inner[::-1]])


def right_half(points: Points) -> Points:
    """The right half of a left-right symmetric outline."""
    return np.stack([np.maximum(points[:, 0], 0.0), points[:, 1]], axis=1)


# Each subject in a unit box, (-0.5, -0.5) top left, standing on y = 0.5: (role, polygon) back to front.
SHAPES: dict[str, list[tuple[str, Points]]] = {
    "house": [
        ("deep", poly(0.18, -0.46, 0.33, -0.46, 0.33, -0.1, 0.18, -0.1)),
        ("base", poly(-0.4, -0.02, 0.4, -0.02, 0.4, 0.5, -0.4, 0.5)),
        ("shade", poly(0.16, -0.02, 0.4, -0.02, 0.4, 0.5, 0.16, 0.5)),
        ("deep", poly(-0.52, 0.04, 0.0, -0.5, 0.52, 0.04)),
        ("patch", rounded(-0.12, 0.17, 0.1, 0.5, 0.09)),
        ("window", poly(0.18, 0.13, 0.34, 0.13, 0.34, 0.29, 0.18, 0.29)),
        ("window", poly(-0.34, 0.13, -0.18, 0.13, -0.18, 0.29, -0.34, 0.29)),
    ],
    "tree": [
        ("wood", poly(-0.08, 0.28, 0.08, 0.28, 0.1, 0.5, -0.1, 0.5)),
        ("base", poly(0.0, -0.14, 0.4, 0.34, -0.4, 0.34)),
        ("shade", poly(0.0, -0.14, 0.4, 0.34, 0.0, 0.34)),
        ("base", poly(0.0, -0.34, 0.32, 0.1, -0.32, 0.1)),
        ("deep", poly(-0.32, 0.1, 0.32, 0.1, 0.0, 0.17)),
        ("shade", poly(0.0, -0.34, 0.32, 0.1, 0.0, 0.1)),
        ("base", poly(0.0, -0.5, 0.23, -0.12, -0.23, -0.12)),
        ("deep", poly(-0.23, -0.12, 0.23, -0.12, 0.0, -0.05)),
        ("shade", poly(0.0, -0.5, 0.23, -0.12, 0.0, -0.12)),
    ],
    "balloon": [
        ("wood", poly(-0.1, 0.28, 0.1, 0.28, 0.08, 0.4, -0.08, 0.4)),
        ("base", balloon_outline()),
        ("shade", right_half(balloon_outline())),
        ("light", balloon_outline(0.42)),
        ("patch", poly(-0.11, 0.37, 0.11, 0.37, 0.09, 0.5, -0.09, 0.5)),
    ],
    "boat": [
        ("wood", poly(-0.03, -0.5, 0.03, -0.5, 0.03, 0.25, -0.03, 0.25)),
        ("light", poly(0.03, -0.48, 0.03, 0.17, 0.42, 0.17)),
        ("base", poly(-0.03, -0.34, -0.03, 0.17, -0.36, 0.17)),
        ("base", np.concatenate([poly(-0.5, 0.22, 0.5, 0.22), ellipse(0.0, 0.22, 0.42, 0.28, 20, 160)])),
        ("deep", poly(-0.5, 0.22, 0.5, 0.22, 0.47, 0.3, -0.47, 0.3)),
    ],
    "star": _star_facets(),
    "heart": [
        ("shade", _heart()),
        ("base", _heart(0.86, -0.03, -0.025)),
        ("light", ellipse(-0.24, -0.2, 0.09, 0.07)),
    ],
    "mushroom": [
        ("cream", np.concatenate([poly(-0.14, 0.0, 0.14, 0.0), ellipse(0.0, 0.4, 0.2, 0.1, 0, 180)])),
        ("deep", ellipse(0.0, 0.04, 0.48, 0.1)),
        ("base", ellipse(0.0, 0.04, 0.5, 0.52, 180, 360)),
        (
            "shade",
            between(ellipse(0.0, 0.04, 0.5, 0.52, 295, 360), ellipse(-0.06, 0.04, 0.42, 0.5, 300, 360)),
        ),
        ("patch", ellipse(-0.05, -0.26, 0.12, 0.1)),
        ("patch", ellipse(-0.3, -0.08, 0.08, 0.075)),
        ("patch", ellipse(0.2, -0.1, 0.09, 0.08)),
    ],
    "rocket": [
        ("fire", poly(-0.12, 0.3, 0.12, 0.3, 0.0, 0.54)),
        ("deep", poly(-0.1, 0.02, -0.4, 0.38, -0.1, 0.3)),
        ("deep", poly(0.1, 0.02, 0.4, 0.38, 0.1, 0.3)),
        ("base", _hull(0.26, -0.52, 0.32)),
        ("shade", right_half(_hull(0.26, -0.52, 0.32))),
        ("patch", ellipse(0.0, -0.1, 0.12, 0.12)),
        ("ink", ellipse(0.0, -0.1, 0.07, 0.07)),
    ],
    "car": [
        ("base", poly(-0.3, 0.14, -0.2, -0.1, 0.14, -0.1, 0.3, 0.14)),
        ("glass", poly(-0.2, 0.12, -0.14, -0.03, -0.02, -0.03, -0.02, 0.12)),
        ("glass", poly(0.04, 0.12, 0.04, -0.03, 0.11, -0.03, 0.2, 0.12)),
        ("base", rounded(-0.5, 0.11, 0.5, 0.4, 0.09)),
        ("deep", rounded(-0.49, 0.29, 0.49, 0.4, 0.05)),
        ("ink", ellipse(-0.27, 0.38, 0.13, 0.13)),
        ("ink", ellipse(0.27, 0.38, 0.13, 0.13)),
        ("cream", ellipse(-0.27, 0.38, 0.055, 0.055)),
        ("cream", ellipse(0.27, 0.38, 0.055, 0.055)),
    ],
    "cat": [
        ("shade", band(ellipse(0.2, 0.22, 0.23, 0.22, -30, 90), 0.11)),
        ("shade", ellipse(0.4, 0.11, 0.055, 0.055)),
        ("base", np.concatenate([ellipse(0.0, 0.2, 0.25, 0.34, 180, 360), poly(0.3, 0.5, -0.3, 0.5)])),
        ("base", poly(-0.3, -0.2, -0.25, -0.5, -0.02, -0.38)),
        ("base", poly(0.3, -0.2, 0.25, -0.5, 0.02, -0.38)),
        ("base", ellipse(0.0, -0.18, 0.31, 0.23)),
        ("patch", ellipse(0.0, 0.3, 0.12, 0.17)),
        ("ink", ellipse(-0.12, -0.2, 0.045, 0.055)),
        ("ink", ellipse(0.12, -0.2, 0.045, 0.055)),
        ("patch", ellipse(0.0, -0.08, 0.09, 0.055)),
    ],
}

BIRD = poly(
    -0.5,
    -0.14,
    -0.3,
    -0.26,
    -0.12,
    -0.2,
    0.0,
    0.0,
    0.12,
    -0.2,
    0.3,
    -0.26,
    0.5,
    -0.14,
    0.28,
    -0.08,
    0.12,
    0.08,
    0.0,
    0.26,
    -0.12,
    0.08,
    -0.28,
    -0.08,
)
BUSH = [
    (
        "bush",
        np.concatenate([ellipse(-0.27, 0.25, 0.25, 0.25, 90, 270), ellipse(0.27, 0.25, 0.25, 0.25, -90, 90)]),
    ),
    ("bush", ellipse(0.0, 0.08, 0.3, 0.34)),
    ("bush_light", ellipse(-0.06, 0.02, 0.2, 0.2)),
    ("blossom", ellipse(-0.3, 0.22, 0.1, 0.1)),
    ("blossom", ellipse(0.02, 0.0, 0.1, 0.1)),
    ("blossom", ellipse(0.28, 0.24, 0.1, 0.1)),
]
ROCK = [
    ("rock", poly(-0.5, 0.5, -0.4, 0.08, -0.1, -0.24, 0.22, -0.12, 0.44, 0.2, 0.5, 0.5)),
    ("rock_light", poly(-0.4, 0.08, -0.1, -0.24, 0.04, 0.1, -0.16, 0.26)),
]
CLOUD = np.concatenate([
    ellipse(-0.32, 0.0, 0.18, 0.17, 90, 250), ellipse(-0.08, -0.12, 0.24, 0.24, 190, 330),
    ellipse(0.22, -0.04, 0.18, 0.18, 250, 340), ellipse(0.36, 0.05, 0.14, 0.12, -80, 90),
])  # fmt: skip
DISC = ellipse(0.0, 0.0, 1.0, 1.0)
