"""What stays on a device and what waits in the CPU's memory, chosen from bytes alone. No torch.

In the order in which they are tried: everything stays; the text encoders leave once they have read; one network at a time is
there; the layers of networks and text encoders come one by one. Autoencoders stay in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from studio.core.explain import brief
from studio.core.residency import Held, by_role, distinct

Name = Literal["everything", "encoders-aside", "one-network", "sequential"]
NAMES: tuple[Name, ...] = get_args(Name)
SHARE = 0.8  # of what is free, for weights; the rest is for what is computed. A choice, not a measurement
COUNTED = {1: "The model stays", 2: "Both models stay"}


@dataclass(frozen=True)
class ResidencyPlan:
    """added: bytes of each model besides what those before it have. most: on the device at once, weights alone. free: bytes there
    before, None where nobody says."""

    name: Name
    added: tuple[int, ...]
    most: int
    free: int | None

    @property
    def fits(self) -> bool:
        return self.free is None or self.most <= SHARE * self.free

    @property
    def sentence(self) -> str:
        if not sum(self.added):
            return "What the models hold is not known, so all of it stays on the device."
        of = "" if self.free is None else f" of {_gb(self.free)} GB free"
        if self.name == "everything":
            who = COUNTED.get(len(self.added), f"All {len(self.added)} models stay")
            return f"{who} on the device: {_sum(self.added)}{of}."
        what = {
            "encoders-aside": "The text encoders leave the device once they have read",
            "one-network": "One network at a time is on the device, the rest waits in the CPU's memory",
            "sequential": "Layers come to the device one by one, which is slow",
        }[self.name]
        least = "and a layer " if self.name == "sequential" else ""
        return f"{what}: at most {_gb(self.most)} GB {least}at once{of}; {_gb(sum(self.added))} GB are held in all."


def plan(models: Sequence[Sequence[Held]], name: Name, free: int | None = None) -> ResidencyPlan:
    """A plan by its name. models: the parts of each model that a run uses."""
    return ResidencyPlan(name, _added(models), most(models, name), free)


def choose(models: Sequence[Sequence[Held]], free: int | None) -> ResidencyPlan:
    """The first that fits into its share of what is free; the last where none does."""
    tried = [plan(models, name, free) for name in NAMES]
    return next((one for one in tried if one.fits), tried[-1])


def named(given: str) -> Name | None:
    """A plan that a person asks for; None for "auto" and "". ValueError in one sentence."""
    wanted = given.strip().lower()
    if wanted in ("", "auto"):
        return None
    for name in NAMES:
        if wanted == name:
            return name
    raise ValueError(f"$STUDIO_RESIDENCY is {brief(given)}; auto, {', '.join(NAMES[:-1])} and {NAMES[-1]} fit.")


def smaller(name: Name) -> Name | None:
    """The plan after this one."""
    return next(iter(NAMES[NAMES.index(name) + 1 :]), None)


def most(models: Sequence[Sequence[Held]], name: Name) -> int:
    """Bytes of weights that are on the device at once, at most."""
    every = [held for model in models for held in model]
    role = by_role(every)
    if name == "everything":
        return sum(role.values())
    if name == "sequential":
        return role["vae"]
    if name == "encoders-aside":
        return role["vae"] + max(role["encoders"], role["network"])
    one_by_one = [by_role(model) for model in models]
    return role["vae"] + max((max(one["encoders"], one["network"]) for one in one_by_one), default=0)


def _added(models: Iterable[Sequence[Held]]) -> tuple[int, ...]:
    before: list[Held] = []
    found = []
    for model in models:
        whole = sum(held.bytes for held in distinct(before))
        before += model
        found.append(sum(held.bytes for held in distinct(before)) - whole)
    return tuple(found)


def _sum(bytes_: Sequence[int]) -> str:
    """Small ones in MB."""
    if max(bytes_) >= 1e8:
        return f"{' + '.join(map(_gb, bytes_))} GB"
    return f"{' + '.join(f'{n / 1e6:.1f}' for n in bytes_)} MB"


def _gb(n: int) -> str:
    return f"{n / 1e9:.1f}"
