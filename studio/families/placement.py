"""The modules of a run's models moved between a device and the CPU as a plan says (`core.residency_plan`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn

from studio.core.residency import Role
from studio.core.residency_plan import Name

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

CPU = torch.device("cpu")
TILED_PIXELS = 768**2  # of a picture; larger ones are decoded in tiles and one by one where memory is short
Move = Callable[[nn.Module, torch.device], object]


class Movable(Protocol):
    """An open model (`families.resident.Resident`)."""

    placement: Placement | None

    @property
    def by_role(self) -> dict[Role, list[nn.Module]]: ...
    @property
    def sample_shape(self) -> tuple[int, ...]: ...
    def moved(self, role: Role, device: torch.device) -> None: ...


class Placement:
    """Used as `with Placement(...)`: before a part is asked, it is on the device; afterwards all are on the CPU.

    models: opened on the CPU. move: puts a module on a device. moves: how many times one was put on it.
    """

    def __init__(self, name: Name, device: torch.device, models: Sequence[Movable], move: Move = nn.Module.to):
        self.name, self.device, self.models, self._move = name, device, tuple(models), move
        self.moves = 0
        self._on: dict[int, nn.Module] = {}
        self._tiled: list[AutoencoderKL] = []

    def __enter__(self) -> Placement:
        if self.name == "sequential":
            _accelerate()
        for model in self.models:
            model.placement = self
            for vae in model.by_role["vae"]:
                self._move(vae, self.device)
                self._tile(model, vae)
        if self.name == "sequential":
            for module in self._modules("network", "encoders"):
                _accelerate().cpu_offload(module, execution_device=self.device)
        return self

    def __exit__(self, *error: object) -> None:
        if self.name == "sequential":
            from accelerate.hooks import remove_hook_from_module

            for module in self._modules("network", "encoders"):
                remove_hook_from_module(module, recurse=True)
        for vae in self._tiled:
            vae.disable_tiling()
            vae.disable_slicing()
        for model in self.models:
            model.placement = None
            for role, modules in model.by_role.items():
                for module in modules:
                    self._move(module, CPU)
                model.moved(role, CPU)
        self._on.clear()

    def need(self, model: Movable, role: Role) -> None:
        """A model's network or text encoders are about to be asked."""
        if self.name == "sequential":
            return
        asked = self.models if self.name == "encoders-aside" else (model,)
        wanted = {id(module): module for one in asked for module in one.by_role[role]}
        if wanted.keys() == self._on.keys():
            return
        for key in self._on.keys() - wanted.keys():
            self._move(self._on.pop(key), CPU)
        for key in wanted.keys() - self._on.keys():
            self._move(wanted[key], self.device)
            self.moves += 1
        self._on = wanted
        for one in self.models:
            one.moved("encoders", self.device if role == "encoders" else CPU)

    def _modules(self, *roles: Role) -> list[nn.Module]:
        """Each once, whoever shares it."""
        found = {id(module): module for model in self.models for role in roles for module in model.by_role[role]}
        return list(found.values())

    def _tile(self, model: Movable, vae: nn.Module) -> None:
        from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

        if isinstance(vae, AutoencoderKL) and model.sample_shape[-1] * model.sample_shape[-2] > TILED_PIXELS:
            vae.enable_tiling()
            vae.enable_slicing()
            self._tiled.append(vae)


def _accelerate() -> Accelerate:
    try:
        import accelerate
    except ImportError as error:
        said = "Layers cannot come one by one, because accelerate is not installed; `pip install accelerate` brings it."
        raise ValueError(said) from error
    found: Accelerate = accelerate
    return found


class Accelerate(Protocol):
    """What is used of the library."""

    def cpu_offload(self, model: nn.Module, execution_device: torch.device) -> nn.Module: ...
