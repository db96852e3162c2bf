"""One picture known by heart, to be edited afterwards (SINE, Zhang et al. 2022, arXiv 2212.04489).

    L = E_{t, eps} ‖v_θ(x_t, t, c_source) − v(y, eps)‖²

An adapter and the rows of a word are taught on a single picture y under its source prompt, at all timesteps and with nothing to
hold them back: they are never worn to draw by themselves. Sampling mixes what the model says under the adapter to the source
prompt into what the untouched model says to an edit (`sampling.one_picture`). Where `mode` is "patches" the picture is seen in
random squares of 10 to 100 % of its side, with their places told to the network behind its first layer, so that it can be drawn
in other sizes and shapes (section 3.3). The paper trains the whole network at 1e-6 for 7,000 to 10,000 steps; this is an adapter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor

from studio.core.domain import Said
from studio.core.lowrank import Adapter
from studio.core.method import Card, Roles
from studio.core.placed_adapter import PlacedAdapter
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.personal import Batch, Personal, PersonalConfig
from studio.methods.personalize.rows import Pictures

Part = Annotated[float, Field(ge=0, le=1)]


class Patches(Pictures, Protocol):
    """Parts of one picture. extent: of the whole along each axis, its shorter side being 1."""

    extent: tuple[float, ...]

    def patches(self, n: int, g: torch.Generator) -> tuple[Tensor, list[Said], Tensor]:
        """(x0 [n, *shape], prompts, boxes [n, A, 2] in which each lies)."""
        ...


class SineConfig(PersonalConfig):
    mode: Literal["whole", "patches"] = Field(
        "whole", description="What is shown: the whole picture, or random parts of it, which lets it be drawn in other sizes"
    )
    times: Literal["all", "own"] = Field("all", description="Timesteps: all, or those at which the model is sampled")
    patches: int = Field(256, ge=1, le=10_000, description="Parts that are cut, where parts are shown")
    least: float = Field(0.1, gt=0, le=1, title="Smallest part", description="Side of the smallest part, over the picture's")
    picture: int = Field(1, ge=1, le=100, description="Which of the subject's pictures, from 1")
    edits: str = Field("", max_length=1000, description="Prompts drawn and measured, with ; between them")
    betas: tuple[Part, ...] = Field(
        (0.3, 0.5, 0.7), min_length=1, max_length=4, title="Mixes β", description="Of what is measured: the picture's own part"
    )
    above: float | None = Field(
        None,
        ge=0,
        title="Mixed above K",
        description="Of what is measured: mixed at times t > K; empty is 400, or all but the last step",
    )
    noised: float = Field(400.0, gt=0, title="Image-to-image from t", description="Of what is measured beside it")


@PERSONALIZE.add("sine")
class Sine(Personal[SineConfig]):
    card = Card(
        title="SINE",
        paper="arXiv 2212.04489",
        status="published recipe, as an adapter",
        good_for="editing one picture: its layout stays, the prompt changes what it shows",
        how="Show one picture, or parts of it, at every noise level; what is then said of it is mixed into an edit's steps.",
    )
    Config = SineConfig
    models: ClassVar[Roles] = ("teacher", "student")
    shots: Patches

    def adapter(self) -> Adapter:
        config = self.config
        if config.mode == "whole":
            return super().adapter()
        layers, first = self.network.adaptable(config.layers), self.network.first_layer
        return PlacedAdapter(layers, first, self.shots.extent, config.rank, config.alpha, self.streams.seed)

    def batch(self) -> Batch:
        if self.config.mode == "whole":
            return super().batch()
        x0, said, boxes = self.shots.patches(self.config.batch, self.streams["data"])
        return Batch(x0, said, None, boxes)

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        cond, adapter = self.worded(batch.said), self.learned.adapter
        if isinstance(adapter, PlacedAdapter):
            adapter.boxes = batch.boxes
        n = len(batch.x0)
        t = self.any_times(n) if self.config.times == "all" else self.own_times(n)
        loss = self.missed(batch.x0, t, self.noise(cond), cond, batch.weight).mean()
        if isinstance(adapter, PlacedAdapter):
            adapter.boxes = None
        self.log["picture"] = float(loss.detach())
        yield "personal", loss
