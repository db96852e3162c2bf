"""MACE: a change for each concept, fused into one by least squares, so that many can go at once.

Lu et al. 2024, "MACE: Mass Concept Erasure in Diffusion Models" (arXiv 2403.06135), in three steps on keys and values:
1. what the other places of a prompt read of the concept is taken out in closed form (`closed_form`, places behind the concept);
2. a small change Δ_i for each concept is trained;
3. Δ = (Σ_i (Δ₀ + Δ_i) G_i) (Σ_i G_i + p G_r + λ 1)⁻¹ does on each concept's prompts what its own change does there, and nothing
   on what must stay.
The paper's second step pushes the attention to the concept down inside masks of pictures. That needs masks that a person's models
seldom have, so Δ_i is trained by the loss of concept ablation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from pydantic import Field
from torch import Tensor, nn

from studio.core.edit import LowRank
from studio.core.lowrank import Adapter, LayerChange
from studio.core.method import Card
from studio.methods.unlearn import UNLEARN
from studio.methods.unlearn.closed_form import Readers, solved
from studio.methods.unlearn.forgetting import LowRankForgetting, TrainedConfig


class MaceConfig(TrainedConfig):
    rank: int = Field(2, ge=1, le=64, description="Rank of each concept's change (published: 1)")
    refine: bool = Field(True, description="Take what other places read of the concept out first, in closed form")
    preserve: float = Field(1.0, ge=0, le=1000, description="Weight of what must stay, when changes are fused")
    ridge: float = Field(0.05, gt=0, le=1e6, description="Weight of the fused change itself")


class Fused(LayerChange):
    """The changes of all concepts. only: while one concept's is trained, its number. moments: layer -> (G of each concept,
    G of what must stay, Δ₀)."""

    only: int | None = None

    def __init__(self, layers: Mapping[str, nn.Module], config: MaceConfig, concepts: int, seed: int):
        super().__init__()
        each = range(concepts)
        self.each = nn.ModuleList(Adapter(layers, config.rank, float(config.rank), seed + i) for i in each)
        self.config = config
        for place, layer in layers.items():
            n = layer.get_parameter("weight").shape[1]
            self.register_buffer(f"grams/{_key(place)}", torch.zeros(concepts, n, n))
            self.register_buffer(f"staying/{_key(place)}", torch.zeros(n, n))
            self.register_buffer(f"first/{_key(place)}", torch.zeros(layer.get_parameter("weight").shape))
        self.register_buffer("known", torch.zeros((), dtype=torch.bool))
        self._kept: tuple[list[int], dict[str, Tensor]] | None = None

    def _of(self, concept: int) -> Adapter:
        found = self.each[concept]
        assert isinstance(found, Adapter)
        return found

    @property
    def places(self) -> tuple[str, ...]:
        return self._of(0).places

    def change(self, place: str, layer: nn.Module, x: Tensor) -> Tensor:
        if self.only is not None:
            first = self.get_buffer(f"first/{_key(place)}").to(x)
            return nn.functional.linear(x, first) + self._of(self.only).change(place, layer, x)
        return nn.functional.linear(x, self.fused()[place].to(x))

    def pairs(self, part: str) -> dict[str, LowRank]:
        found = {}
        for place, delta in self.fused().items():
            if bool(delta.any()):
                found[f"{part}.{place}"] = LowRank(delta.cpu().float(), torch.eye(len(delta)), float(len(delta)))
        return found

    @torch.no_grad()
    def fused(self) -> dict[str, Tensor]:
        """Δ of every layer, as the changes are now."""
        now = [parameter._version for parameter in self.parameters()]
        if self._kept is None or self._kept[0] != now:
            self._kept = now, {place: self._fuse(place) for place in self.places}
        return self._kept[1]

    def _fuse(self, place: str) -> Tensor:
        grams, staying = (self.get_buffer(f"{name}/{_key(place)}").double() for name in ("grams", "staying"))
        wanted = torch.zeros_like(self.get_buffer(f"first/{_key(place)}")).double()
        for concept, gram in enumerate(grams):
            pair = self._of(concept).pairs("")[f".{place}"]
            wanted += (self.get_buffer(f"first/{_key(place)}").double() + pair.delta().to(wanted)) @ gram
        whole = grams.sum(0) + self.config.preserve * staying
        return solved(torch.eye(len(wanted), dtype=wanted.dtype, device=wanted.device), wanted, whole, self.config.ridge)


@UNLEARN.add("mace")
class Mace(LowRankForgetting[MaceConfig]):
    card = Card(
        title="MACE",
        paper="arXiv 2403.06135",
        status="published first and third step; the second trains by concept ablation, as it asks for no masks",
        good_for="several concepts at once, each with what it becomes",
        how="A small change for each concept; then one change that does what each of them does on its own prompts.",
        text_alone=True,
    )
    Config = MaceConfig
    ema = None

    def changing(self) -> Fused:
        return Fused(self.network.adaptable(self.config.layers), self.config, self.matter.concepts, self.streams.seed)

    def iteration(self, batch: None, step: int) -> Iterator[tuple[str, Tensor]]:
        change = self.change
        assert isinstance(change, Fused)
        if not bool(change.get_buffer("known")):
            self._know(change)
        change.only = step % self.matter.concepts
        try:
            x, t, forget, becomes, _ = self.matter.anchored(self.config.batch, self.streams["concept"], change.only)
            with torch.no_grad():
                target = self.velocity(x, t, becomes, bare=True)
            loss = (self.velocity(x, t, forget) - target).square().mean()
            self.log["forget"] = float(loss.detach())
            yield "forgetting", self.with_retained(loss)
        finally:
            change.only = None

    def _know(self, change: Fused) -> None:
        """Everything that does not change while concepts are trained."""
        layers = self.network.adaptable(self.config.layers)
        readers = Readers(self.network, layers, self.matter, self.streams["readers"])
        staying = readers.staying()
        for concept in range(self.matter.concepts):
            grams, _ = readers.pairs(*self.matter.pairs(concept))
            for place, gram in grams.items():
                change.get_buffer(f"grams/{_key(place)}")[concept].copy_(gram)
        for place, gram in staying.items():
            change.get_buffer(f"staying/{_key(place)}").copy_(gram)
        if self.config.refine:
            grams, moved = readers.pairs(*self.matter.pairs(), after=True)
            for place in layers:
                whole = grams[place] + self.config.preserve * staying[place]
                first = solved(readers.weight(place), moved[place], whole, self.config.ridge)
                change.get_buffer(f"first/{_key(place)}").copy_(first)
        change.get_buffer("known").fill_(True)


def _key(place: str) -> str:
    return place.replace(".", "/")
