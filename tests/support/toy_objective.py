"""An objective and a teacher of a few parameters, loaded through `$STUDIO_OBJECTIVES`: training runs of milliseconds."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from studio.capabilities.distill.lesson import LESSONS, Lesson
from studio.capabilities.distill.request import DistillRequest
from studio.core.denoiser import Cond, Denoiser
from studio.core.domain import told
from studio.core.material import ConditionalNetwork, Material
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.process import VP
from studio.core.recipe import Recipe
from studio.core.rng import rand, randn
from studio.core.simulate import add_noise
from studio.core.weights import save_weights
from studio.domains import domain_of
from studio.jobs.run import Run
from studio.library.models import ModelEntry
from studio.methods.distill import METHODS
from tests.support.folders import pretended

SHAPE = (3, 8, 8)


class Network(ConditionalNetwork):
    """One 1 × 1 convolution; the time and the condition add a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.time = nn.Conv2d(3, 3, 1), nn.Linear(2, 3)

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        return self.mix(x) + self.time(torch.stack([t / 1000, cond["states"]], 1))[:, :, None, None]


class ToyMaterial:
    shape = SHAPE

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        return 0.1 * randn((n, *SHAPE), g), self.conditions(n, g)

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        return {"states": rand((n,), g)}

    def null(self, cond: Cond) -> Cond:
        return {"states": torch.zeros_like(cond["states"])}

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        return randn((len(cond["states"]), *SHAPE), g)


class ToyConfig(MethodConfig):
    batch: int = Field(4, ge=1)
    lr: float = Field(1e-2, gt=0, description="Learning rate")
    seconds: float = Field(0.0, ge=0, le=5, description="Extra time of every iteration")
    nan_from: int = Field(0, ge=0, description="From this step on the loss is not finite; 0 is never")
    timesteps: tuple[float, ...] = Field((999, 499), description="Sampling grid")
    flavour: str | None = None
    ballast: int = Field(0, ge=0, description="Numbers that checkpoints carry besides")


@METHODS.add("toy")
class Toy(Method[ToyConfig]):
    card = Card(title="Toy", paper="none", status="baseline", good_for="tests", family="plain")
    Config = ToyConfig

    def __init__(self, config: ToyConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        assert isinstance(teacher.network, nn.Module)
        self.teacher, self.material = teacher, material
        network = copy.deepcopy(teacher.network).requires_grad_(True)
        self.student = Denoiser(network, teacher.process, teacher.prediction)
        self.trained = {"student": Trained(network, config.lr, ema=0.9)}
        if config.ballast:
            self.held = {"ballast": nn.Embedding(config.ballast, 1, _weight=torch.zeros(config.ballast, 1))}

    def batch(self) -> tuple[Tensor, Cond]:
        return self.material.data(self.config.batch, self.streams["data"])

    def iteration(self, batch: tuple[Tensor, Cond], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, cond = batch
        time.sleep(self.config.seconds)
        t = rand((len(x0),), self.streams["time"], torch.float64) * 999
        xt = add_noise(self.teacher.process, x0, t, self.material.noise(cond, self.streams["noise"]))
        loss = ((self.student.x0(xt, t, cond) - x0) ** 2).mean()
        if self.config.nan_from and step >= self.config.nan_from:
            loss = loss * math.nan
        self.log["size"] = float(loss.detach())
        yield "student", loss

    def sampling(self) -> Sampling:
        return Sampling(self.config.timesteps, "lcm", tuple(sorted({1, len(self.config.timesteps)})))


def toy_lesson(entry: ModelEntry, request: DistillRequest, run: Run, say: Callable[[int, int], None]) -> Lesson:
    torch.manual_seed(0)
    say(1, 1)

    def save(target: Path, network: Any, method: Method[Any], card: dict[str, Any]) -> None:
        save_weights(target / "unet" / "model.safetensors", network.state_dict())
        how = method.sampling()
        Recipe(teacher=entry.id, teacher_hash="0" * 12, timesteps=how.timesteps, rule=how.rule, prediction="v",
               valid_steps=how.valid_steps).save(target)  # fmt: skip
        (target / "card.json").write_text(json.dumps(card))
        pretended(target)

    return Lesson(
        teacher=Denoiser(Network().requires_grad_(False), VP.scaled_linear(0.00085, 0.012), "x0"), material=ToyMaterial(),
        hash="0" * 12, encode=lambda said: {"states": torch.tensor([len(one.text) / 10 for one in said])},
        null=lambda cond: {"states": 0 * cond["states"]}, decode=lambda x, given: (x * 0.5 + 0.5).clamp(0, 1), save=save,
        said=tuple(told(["a", "bb"])), domain=domain_of("toy"),
    )  # fmt: skip


LESSONS["toy"] = toy_lesson


def list_teacher(models: Path) -> None:
    """Put the toy teacher into a data folder's list."""
    folder = models / "toy-teacher"
    pretended(folder, {"sample_size": 8, "in_channels": 1})  # no UNet that a smaller student could be cut from
    entry = {"id": "toy/teacher", "title": "Toy teacher", "role": "teacher", "domain": "toy", "size": 8, "folder": "toy-teacher"}
    (models / "toy.yaml").write_text(json.dumps(entry))


def request(**fields: Any) -> dict[str, Any]:
    return {"name": "pupil", "teacher": "toy/teacher", "objective": "toy", "steps": 40, "measure_every": 0, **fields}
