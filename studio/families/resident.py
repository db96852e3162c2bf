"""Where the parts of an open model are, and how many bytes they hold there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from typing import cast

import torch
from torch import Tensor, nn

from studio.core.residency import Precision, Role


class Resident(ABC):
    """The half of an open model that holds modules."""

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

    @property
    def device(self) -> torch.device:
        return next(self.by_role["network"][0].parameters()).device
