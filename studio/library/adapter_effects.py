"""What an adapter moves, and how its amount is read: an attribute of the world, or a discovered direction. No torch at import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.core.domain import Attribute, Moved
from studio.domains import domain_of
from studio.library.adapters import AdapterEntry

if TYPE_CHECKING:
    from torch import Tensor

    from studio.core.domain import Readings

AXIS_UNIT = "standard deviations of the base's own spread"


@dataclass(frozen=True)
class Axis:
    """A direction in the oracle's features. It names no factors: whatever else it moves counts as moved besides."""

    title: str
    along: tuple[float, ...]
    std: float
    low: str = "less of it"
    high: str = "more of it"
    unit: str = AXIS_UNIT
    factors: tuple[str, ...] = ()

    def read(self, seen: Readings) -> Tensor:
        """Readings of N pictures -> [N], how far each lies along the direction."""
        import torch

        return (seen.features.float().cpu() @ torch.tensor(self.along) / self.std).cpu()


def moved(entry: AdapterEntry) -> Moved | None:
    """None where the oracle cannot read what it moves."""
    along, std = entry.axis.get("along"), entry.axis.get("std")
    if isinstance(along, list) and along and isinstance(std, int | float) and std > 0:
        return Axis(str(entry.card.get("attribute") or entry.title), tuple(float(v) for v in along), float(std))
    return attribute_of(entry)


def attribute_of(entry: AdapterEntry) -> Attribute | None:
    """The attribute of its world that it was taught to move, where its card names one."""
    return domain_of(entry.domain).attributes.get(str(entry.card.get("attribute")))
