"""Measures of an arm, a file each, found by scanning and in `$STUDIO_METRICS`; `metrics.report` puts them into results.

    @measure("recognised", title="Recognised", about="share that the oracle recognises", percent=True, better="higher")
    def recognised(sample: Sample) -> Interval: ...

One with a title is shown wherever measures of arms are listed: result.json says beside its figure how it is called and written,
so that whoever shows it needs neither its code nor torch. One without is kept in results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeVar

import torch
from torch import Tensor

from studio.core.domain import Factor, Readings
from studio.core.files import Json
from studio.core.registry import Registry
from studio.metrics.bootstrap import N_BOOT
from studio.metrics.interval import Interval
from studio.metrics.readings import World, counted

T = TypeVar("T")
Need = Literal["reference", "teacher"]
LACKING: dict[Need, str] = {"reference": "no reference samples", "teacher": "no teacher on the same seeds"}


@dataclass(frozen=True, eq=False)
class Sample:
    """One arm of one prompt, as measures are given it. Arms of equal N, n_boot and seed share their resamples.

    readings: of N samples, row i of the same seed in every arm. stated: factor -> value, what the prompt says. world:
    frequencies that differ under it. reference: features [M, D] of the world's own samples under it. teacher: its readings on the
    same seeds. bandwidth: RBF width for features that all arms share; None where there is nothing to take it from.
    """

    readings: Readings
    stated: Mapping[str, str]
    factors: Mapping[str, Factor]
    world: World | None = None
    reference: Tensor | None = None
    teacher: Readings | None = None
    bandwidth: float | None = None
    n_boot: int = N_BOOT
    seed: int = 0
    _made: dict[str, object] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def features(self) -> Tensor:
        """[N, D], float64, on the CPU."""
        return features(self.readings)

    @cached_property
    def gate(self) -> Tensor:
        """[N] bool: whose diversity counts."""
        return counted(self.readings)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What several measures of the sample need, made by the first that asks."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]  # type: ignore[return-value]


Read = Callable[[Sample], "Interval | float | None"]  # None, or an interval without a value: not computable


@dataclass(frozen=True, kw_only=True)
class Measure:
    """title: the head of its column; "" is kept in results and shown nowhere. about: one clause. digits, percent: how it is
    written. better: which way. needs: without what it is not asked. order: among the others, then by name."""

    name: str
    read: Read
    title: str = ""
    about: str = ""
    percent: bool = False
    digits: int = 2
    better: Literal["higher", "lower", ""] = ""
    needs: tuple[Need, ...] = ()
    order: int = 100

    def of(self, sample: Sample) -> Interval | float | None:
        """A ValueError is its note; a value that is not finite is none."""
        lacking = next((LACKING[need] for need in self.needs if getattr(sample, need) is None), "")
        if lacking:
            return Interval(None, n=len(sample.gate), note=lacking)
        try:
            found = self.read(sample)
        except ValueError as error:
            return Interval(None, n=len(sample.gate), note=str(error))
        value = found.value if isinstance(found, Interval) else found
        finite = value is None or math.isfinite(value)
        return found if finite else Interval(None, n=len(sample.gate), note="it is not finite")

    def said(self, found: Interval | float | None) -> Json | float | None:
        """JSON-ready; of a titled one with how it is shown."""
        if not isinstance(found, Interval) and not self.title:
            return found
        shown = found if isinstance(found, Interval) else Interval(found)
        return {**shown.to_dict(), **(self.look if self.title else {})}

    @property
    def look(self) -> Json:
        return {"title": self.title, "about": self.about, "percent": self.percent, "digits": self.digits, "better": self.better}


MEASURES: Registry[Measure] = Registry("studio.metrics.measures", "measure", variable="STUDIO_METRICS")


def measure(
    name: str,
    *,
    title: str = "",
    about: str = "",
    percent: bool = False,
    digits: int = 2,
    better: Literal["higher", "lower", ""] = "",
    needs: tuple[Need, ...] = (),
    order: int = 100,
) -> Callable[[Read], Read]:
    """Decorator of a pure function; see `Measure`. name: in results."""

    def register(read: Read) -> Read:
        MEASURES.add(name)(
            Measure(
                name=name,
                read=read,
                title=title,
                about=about,
                percent=percent,
                digits=digits,
                better=better,
                needs=needs,
                order=order,
            )
        )
        return read

    return register


def in_order(titled: bool = False) -> list[Measure]:
    """All of them, or those that are shown."""
    found = sorted(MEASURES.all().values(), key=lambda one: (one.order, one.name))
    return [one for one in found if one.title or not titled]


def measured(sample: Sample) -> dict[str, Json | float | None]:
    """Every measure of one arm of one prompt, JSON-ready, by name."""
    return {one.name: one.said(one.of(sample)) for one in in_order()}


def features(readings: Readings) -> Tensor:
    """Features [N, D], float64, on the CPU."""
    return torch.as_tensor(readings.features).detach().double().cpu().flatten(1)
