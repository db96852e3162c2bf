"""Where the parts of an open model are, and how many bytes they hold there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from typing import cast

import torch
from torch import Tensor, nn

from studio.core.residency import Precision, Role
from studio.families.placement import Placement


class Resident(ABC):
    """The half of an open model that holds modules."""

    placement: Placement | None = None  # while its parts are moved

    @property
    @abstractmethod
    def by_role(self) -> dict[Role, list[nn.Module]]:
        """Everything that is held, by what it is for."""

    @abstractmethod
    def loose(self) -> Iterable[Tensor]:
        """What is held outside modules: the matrices of adapters."""

    def storages(self, kind: str) -> dict[Hashable, int]:
        """Bytes that it holds on a kind of device, by place: what another model holds too is at the same one."""
        modules = [module for group in self.by_role.values() for module in group]
        tensors = [t for module in modules for t in (*module.parameters(), *module.buffers())]
        found: dict[Hashable, int] = {}
        for tensor in (*tensors, *self.loose()):
            if tensor.device.type == kind:
                storage = tensor.untyped_storage()
                found[storage.data_ptr() or id(tensor)] = storage.nbytes()
        return found

    @property
    def precision(self) -> Precision:
        """Of the network's weights."""
        return cast(Precision, str(next(self.by_role["network"][0].parameters()).dtype).removeprefix("torch."))

    def need(self, role: Role) -> None:
        """Before a part is asked: it comes to the device where it is not there."""
        if self.placement is not None:
            self.placement.need(self, role)

    def moved(self, role: Role, device: torch.device) -> None:
        """What belongs to a part and is no module of it goes along."""
        return

    @property
    @abstractmethod
    def sample_shape(self) -> tuple[int, ...]:
        """Of one decoded sample."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.at_rest if self.placement is None else self.placement.device

    @property
    def at_rest(self) -> torch.device:
        """Where its network is."""
        return next(self.by_role["network"][0].parameters()).device
