"""Figures of studies, a file each: one plotly figure, for wide and for narrow pages; found by scanning and in `$STUDIO_FIGURES`.

    @figure_of("k-sweep", caption="Bars are 95 % intervals.")
    def k_sweep(result, narrow): ...

A module of `$STUDIO_FIGURES` is imported by the page, so it imports no torch. A study without a figure is shown by its tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from studio.core.files import Json
from studio.core.registry import Registry

Result = Mapping[str, Any]  # a study's result.json
Draw = Callable[[Result, bool], Json | None]  # bool: narrow, for pages of a telephone's width


@dataclass(frozen=True)
class Figure:
    """draw: a plain plotly dict, with CSS variables for colours (`ui.lab.plot`); None while there is nothing to draw."""

    draw: Draw
    caption: str


FIGURES: Registry[Figure] = Registry("studio.ui.lab.figures", "figure of a study", variable="STUDIO_FIGURES")


def figure_of(study: str, caption: str = "") -> Callable[[Draw], Draw]:
    """Decorator of the function that draws a study's figure. caption: one or two sentences under it."""

    def register(draw: Draw) -> Draw:
        FIGURES.add(study)(Figure(draw, caption))
        return draw

    return register


def drawn(result: Result, narrow: bool = False) -> str | None:
    """JSON text of the figure that belongs to a result; None where there is none (yet)."""
    figure = FIGURES.all().get(str(result.get("study")))
    found = figure.draw(result, narrow) if figure else None
    return json.dumps(found, separators=(",", ":")) if found else None


def both(result: Result) -> Json | None:
    """{"wide", "narrow"}: the browser takes the one that fits."""
    wide = drawn(result)
    return {"wide": wide, "narrow": drawn(result, narrow=True)} if wide else None


def caption(result: Result) -> str:
    """What stands under it."""
    figure = FIGURES.all().get(str(result.get("study")))
    return figure.caption if figure else ""
