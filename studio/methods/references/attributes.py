"""References by attribute: a frozen model learns to take the colour from one picture and the light from another.

After FiVA (Wu et al. 2024, arXiv 2412.07674): pictures with the attribute that is wanted of each become tokens, which
cross-attention hears through keys and values of its own; the loss is the model's own, of a picture that shares the attributes
with its references. There a Q-Former reads CLIP's features and the attribute's word; here a small encoder reads latents, and
each attribute of the domain has queries of its own. Pairs come from a world that knows its factors, not from a generator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from studio.core.denoiser import Cond, Denoiser, from_x0
from studio.core.material import ConditionalNetwork
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.references import NONE, TAUGHT, Reader, crossings, hearing, references_key, shown
from studio.core.rng import rand
from studio.core.simulate import add_noise
from studio.methods.references import REFERENCES


class ReferenceData(Protocol):
    """Clean samples with conditions, and pictures that share an attribute with them."""

    shape: tuple[int, ...]  # of one sample
    values: tuple[int, ...]  # how many each attribute has

    def referred(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond, Tensor, Tensor, Tensor]:
        """(x0 [n, *shape], conditions that state none of the attributes that are wanted, references [n, R, *shape], the
        attribute that each shares with its x0, int64 [n, R], `core.references.NONE` for no reference, and its value, [n, R])."""
        ...

    def labelled(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """(samples [n, R, *shape], an attribute of each, int64 [n, R], and its value there, int64 [n, R])."""
        ...

    def null(self, cond: Cond) -> Cond:
        """The unconditional condition, of the same batch size."""
        ...

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        """As `core.material.Material.noise`."""
        ...


class AttributesConfig(MethodConfig):
    tokens: int = Field(4, ge=1, le=64, description="Tokens of a picture's attribute")
    width: int = Field(64, ge=8, le=1024, multiple_of=8, description="Width of what reads pictures")
    batch: int = Field(32, ge=1, le=1024, description="Samples an update")
    lr: float = Field(1e-3, gt=0, le=1, description="Learning rate")
    name_values: float = Field(
        0.1, ge=0, le=100, title="Name values", description="Weight of telling the attribute's value from its tokens"
    )
    name_first: int = Field(
        500, ge=0, title="Name first", description="Updates that teach nothing else, before the network hears"
    )
    drop: float = Field(0.1, ge=0, le=1, description="Share of samples whose prompt is left out")
    drop_references: float = Field(0.1, ge=0, le=1, description="Share of samples whose references are left out")
    ema: float = Field(0.99, ge=0, lt=1, description="EMA of what is learned")


class Learned(nn.Module):
    """What reads references, and heads that name an attribute's value by its tokens, which are of no use once it has learned.
    values: how many each attribute has. text: width of a token."""

    def __init__(self, reader: Reader, values: tuple[int, ...], text: int):
        super().__init__()
        self.reader = reader
        self.heads = nn.Parameter(torch.zeros(len(values), max(values), reader.tokens * text))

    def named(self, tokens: Tensor, attributes: Tensor, values: Tensor) -> Tensor:
        """Mean cross-entropy of the values [B, R] of attributes [B, R] by their tokens [B, R · n, D]; 0 where there are none."""
        asked = attributes.flatten()
        there = asked != NONE
        if not bool(there.any()):
            return tokens.sum() * 0
        own = tokens.reshape(len(asked), -1)[there]
        logits = torch.einsum("bvd,bd->bv", self.heads[asked[there]], own)
        return functional.cross_entropy(logits, values.flatten()[there])


@REFERENCES.add("attributes")
class Attributes(Method[AttributesConfig]):
    """The trained network is called "reader"."""

    card = Card(
        title="References by attribute",
        paper="arXiv 2412.07674",
        status="our formulation",
        good_for="attributes that are easier to show than to say, from several pictures at once",
        how="Show noised pictures with others that share one attribute with each; an encoder learns to pass that attribute on.",
    )
    Config = AttributesConfig

    def __init__(self, config: AttributesConfig, streams: Streams, denoiser: Denoiser, data: ReferenceData):
        super().__init__(config, streams)
        network = denoiser.network
        assert isinstance(network, ConditionalNetwork)
        network.requires_grad_(False).eval()
        self.denoiser, self.network, self.data = denoiser, network, data
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(streams.seed)
            places = crossings(network.adapted)
            reader = Reader(data.shape, places, len(data.values), config.tokens, config.width)
        reader.begin_as_text(network.adapted)
        text = next(iter(places.values()))[0]
        self.learned = Learned(reader, data.values, text).to(streams.device)
        self.trained = {"reader": Trained(self.learned, config.lr, ema=config.ema)}

    def batch(self) -> tuple[Tensor, Cond, Tensor, Tensor, Tensor]:
        return self.data.referred(self.config.batch, self.streams["data"])

    def iteration(self, batch: tuple[Tensor, Cond, Tensor, Tensor, Tensor], step: int) -> Iterator[tuple[str, Tensor]]:
        if step < self.config.name_first:
            pictures, asked, values = self.data.labelled(2 * self.config.batch, self.streams["values"])
            misnamed = self.learned.named(self.learned.reader(pictures, asked), asked, values)
            self.log = {"misnamed": float(misnamed.detach())}
            yield "reader", misnamed
            return
        x0, cond, pictures, asked, values = batch
        process = self.denoiser.process
        left_out = rand((len(x0),), self.streams["references"]) < self.config.drop_references
        asked = asked.masked_fill(left_out[:, None], NONE)
        tokens = self.learned.reader(pictures, asked)
        misnamed = self.learned.named(tokens, asked, values)
        t = rand((len(x0),), self.streams["time"]).double().sqrt() * process.t_max  # more noise more often: it decides attributes
        x = add_noise(process, x0, t, self.data.noise(cond, self.streams["noise"]))
        target = from_x0("v", x0, x, *process.alpha_sigma(t))
        given = {**self._sometimes_null(cond), references_key(TAUGHT): tokens}
        with hearing(self.network.adapted, self.learned.reader), shown(given):
            found = self.denoiser.velocity(x, t, given)
        missed = (found - target).square().mean()
        self.log = {"mse": float(missed.detach()), "misnamed": float(misnamed.detach())}
        yield "reader", missed + self.config.name_values * misnamed

    def _sometimes_null(self, cond: Cond) -> Cond:
        n, null = len(next(iter(cond.values()))), self.data.null(cond)
        dropped = rand((n,), self.streams["drop"]) < self.config.drop
        return {k: torch.where(dropped.view(-1, *([1] * (v.ndim - 1))), null[k], v) for k, v in cond.items()}

    def sampling(self) -> Sampling:
        raise TypeError("what reads references is no student; it is worn by models that are sampled as they are")
