"""Reference pictures beside a prompt: what an edit reads from them, one attribute of each, and where a network hears of it.

Z = Attn(Q, K_text, V_text) + s · Attn(Q, K_ref, V_ref): cross-attention hears references beside the text, through keys and
values of its own, as in IP-Adapter (Ye et al. 2023, arXiv 2308.06721) and FiVA (Wu et al. 2024, arXiv 2412.07674). A picture and
the attribute that is wanted of it become a few tokens; those of several pictures follow one another. Rows of zeros are no token.

`Reader` is the network that makes tokens and hears them; `References` is the same as an edit holds it. Tokens stand in conditions
under `references_key`, [B, T, D], and reach the layers through `shown`, so a network needs no argument for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from studio.core.denoiser import Cond
from studio.core.explain import brief, did_you_mean
from studio.core.position import BANDS, grid

HEADS = 4  # of what reads pictures
SIDE = 8  # features of a picture are at most this many a side
NONE = -1  # in place of an attribute: no reference
TAUGHT = ""  # name of a reader that is being taught
_PREFIX = "references:"
_SHOWN: ContextVar[Cond] = ContextVar("references")


def references_key(name: str) -> str:
    """Under which conditions hold the tokens of an adapter."""
    return _PREFIX + name


@contextmanager
def shown(cond: Cond) -> Iterator[None]:
    """While open, networks hear the tokens that stand in a condition."""
    token = _SHOWN.set(cond)
    try:
        yield
    finally:
        _SHOWN.reset(token)


def tokens_of(name: str) -> Tensor | None:
    """Tokens of an adapter in the condition that is shown now; None where there are none."""
    return _SHOWN.get({}).get(references_key(name))


class Reader(nn.Module):
    """Makes tokens of pictures, and holds the keys and values by which each cross-attention hears them.

    shape: of a latent sample, its channels first. hearing: cross-attention by its place in the network: (width of what it
    attends to, width of its queries), with weights that `begin_as_text` sets.
    """

    def __init__(self, shape: Sequence[int], hearing: Mapping[str, tuple[int, int]], attributes: int, tokens: int, width: int):
        super().__init__()
        if not hearing:
            raise ValueError("the network has no cross-attention that could hear references; one that reads text so would fit")
        if width % (2 * HEADS) or attributes < 1 or tokens < 1:
            raise ValueError(f"a width of {width} does not fit; a multiple of {2 * HEADS} would")
        self.width, self.tokens = width, tokens
        channels, *sides = shape
        convolution = nn.Conv2d if len(sides) == 2 else nn.Conv1d
        halvings = max(0, math.ceil(math.log2(max(sides) / SIDE)))
        strides = [1, *[2] * halvings, 1, 1]
        self.look = nn.ModuleList(convolution(width if i else channels, width, 3, stride, 1) for i, stride in enumerate(strides))
        self.even = nn.ModuleList(nn.GroupNorm(HEADS, width) for _ in strides)
        self.place = nn.Linear(2 * BANDS * len(sides), width)
        self.queries = nn.Parameter(torch.randn(attributes, tokens, width) / math.sqrt(width))
        self.ask = nn.ModuleList(Asking(width) for _ in range(2))
        text = next(iter(hearing.values()))[0]
        self.out = nn.Sequential(nn.Linear(width, text), nn.LayerNorm(text))
        self.hear = nn.ModuleDict({_key(place): Hearing(*widths) for place, widths in hearing.items()})

    def forward(self, pictures: Tensor, attributes: Tensor) -> Tensor:
        """[B, R · tokens, D] of latents [B, R, *shape] and the attribute wanted of each, int64 [B, R]; `NONE` gives zeros."""
        n, each = attributes.shape
        features = self._features(pictures.flatten(0, 1))
        asked = attributes.flatten()
        x = self.queries[asked.clamp(min=0)]
        for ask in self.ask:
            x = ask(x, features)
        made = self.out(x) * (asked != NONE)[:, None, None]
        return cast(Tensor, made.view(n, each * self.tokens, -1))

    def _features(self, x: Tensor) -> Tensor:
        """[N, places, width]."""
        for layer, even in zip(self.look, self.even, strict=True):
            made = F.silu(even(layer(x)))
            x = x + made if made.shape == x.shape else made
        size = tuple(x.shape[2:])
        whole = torch.tensor([[[0.0, 1.0]] * len(size)], device=x.device)
        where = self.place(grid(whole, size).flatten(2).transpose(1, 2).to(x))
        return x.flatten(2).transpose(1, 2) + where

    def begin_as_text(self, network: nn.Module) -> None:
        """Hear tokens as the network hears words."""
        with torch.no_grad():
            for key, own in self.hear.items():
                for ours, theirs in (("k", "to_k"), ("v", "to_v")):
                    weight = network.get_submodule(f"{_place(key)}.{theirs}").get_parameter("weight")
                    own.get_submodule(ours).get_parameter("weight").copy_(weight)


class Asking(nn.Module):
    """Queries look at features, and at one another."""

    def __init__(self, width: int):
        super().__init__()
        self.before, self.between, self.after = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.think = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        near = self.before(x)
        seen = torch.cat([self.between(features), near], 1)
        x = x + self.attend(near, seen, seen, need_weights=False)[0]
        return cast(Tensor, x + self.think(self.after(x)))


class Hearing(nn.Module):
    """Keys and values of one cross-attention."""

    def __init__(self, text: int, inner: int):
        super().__init__()
        self.k, self.v = nn.Linear(text, inner, bias=False), nn.Linear(text, inner, bias=False)


def heard(attention: nn.Module, x: Tensor, tokens: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """[B, S, C] that a cross-attention of diffusers adds to what it gives. x: [B, S, C], tokens: [B or 1, T, D]."""
    n = len(x)
    tokens = tokens.to(x).expand(n, -1, -1)
    there = tokens.abs().sum(-1) > 0  # [B, T]
    some = there.any(1)
    query = attention.get_submodule("to_q")(x)
    heads = int(cast(int, attention.heads))

    def split(of: Tensor) -> Tensor:
        return of.view(n, of.shape[1], heads, -1).transpose(1, 2)

    mask = (there | ~some[:, None])[:, None, None]
    z = F.scaled_dot_product_attention(split(query), split(F.linear(tokens, k)), split(F.linear(tokens, v)), attn_mask=mask)
    z = z.transpose(1, 2).reshape(n, x.shape[1], -1) * some[:, None, None]
    return F.linear(z, attention.get_submodule("to_out.0").get_parameter("weight"))


@contextmanager
def hearing(network: nn.Module, reader: Reader, strength: float = 1.0) -> Iterator[None]:
    """A reader that is being taught is heard on `network` until the block is left; then the network is what it was."""

    def hook(own: Hearing) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def add(attention: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            tokens = tokens_of(TAUGHT)
            return output if tokens is None else output + strength * heard(attention, args[0], tokens, own.k.weight, own.v.weight)

        return add

    with ExitStack() as stack:
        for key, own in reader.hear.items():
            attention = network.get_submodule(_place(key))
            stack.callback(attention.register_forward_hook(hook(cast(Hearing, own))).remove)
        yield


def crossings(network: nn.Module) -> dict[str, tuple[int, int]]:
    """The cross-attention of a network of diffusers by its place: widths of what it attends to and of its queries."""
    found = {}
    for place, module in network.named_modules():
        if place.endswith(".attn2"):
            weight = module.get_submodule("to_k").get_parameter("weight")
            found[place] = int(weight.shape[1]), int(weight.shape[0])
    return found


@dataclass(frozen=True)
class References:
    """attributes: those that can be wanted of a picture, in the order of the queries. tensors: of a `Reader`, by their names.
    part: of the model, whose cross-attention hears them."""

    attributes: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    part: str = "unet"

    def __post_init__(self) -> None:
        if not all(bool(torch.isfinite(tensor).all()) for tensor in self.tensors.values()):
            raise ValueError("what reads references holds NaN or infinity; the training that wrote it has failed")
        if len(self._at("queries", 3)) != len(self.attributes) or not self.places:
            raise ValueError(f"what reads references is damaged: it has no queries for {len(self.attributes)} attributes")

    def _at(self, name: str, axes: int) -> Tensor:
        found = self.tensors.get(name)
        if found is None or found.ndim != axes:
            raise ValueError(f"what reads references is damaged: its {name} is missing or of another shape")
        return found

    @property
    def places(self) -> tuple[str, ...]:
        """Of the cross-attention, inside the model."""
        keys = [name.split(".")[1] for name in self.tensors if name.startswith("hear.") and name.endswith(".k.weight")]
        return tuple(f"{self.part}.{_place(key)}" for key in keys)

    def widths(self, place: str) -> tuple[int, int]:
        """(width of what is attended to, width of queries) of a cross-attention."""
        weight = self._at(f"hear.{_key(place.removeprefix(f'{self.part}.'))}.k.weight", 2)
        return int(weight.shape[1]), int(weight.shape[0])

    def pair(self, place: str) -> tuple[Tensor, Tensor]:
        """Keys and values of a cross-attention."""
        key = _key(place.removeprefix(f"{self.part}."))
        return self.tensors[f"hear.{key}.k.weight"], self.tensors[f"hear.{key}.v.weight"]

    def reader(self, shape: Sequence[int]) -> Reader:
        """The network itself, float32, for latents of this shape. ValueError where it was made for others."""
        _, tokens, width = self._at("queries", 3).shape
        inner = {place.removeprefix(f"{self.part}."): self.widths(place) for place in self.places}
        made = Reader(shape, inner, len(self.attributes), tokens, width)
        try:
            made.load_state_dict({name: tensor.float() for name, tensor in self.tensors.items()})
        except RuntimeError as error:
            raise ValueError(f"what reads references was made for other latents than {list(shape)}") from error
        return made.eval().requires_grad_(False)

    def index(self, attribute: str) -> int:
        """Of an attribute; `NONE` for none. ValueError in one sentence where it cannot be wanted."""
        if not attribute:
            return NONE
        if attribute not in self.attributes:
            known = ", ".join(self.attributes)
            raise ValueError(f"No attribute is called {brief(attribute)}; {known} fit.{did_you_mean(attribute, self.attributes)}")
        return self.attributes.index(attribute)

    def half(self) -> References:
        return replace(self, tensors={name: tensor.half() for name, tensor in self.tensors.items()})

    def scaled(self, factor: float) -> References:
        """The same, heard `factor` times as strongly."""
        values = [name for name in self.tensors if name.startswith("hear.") and name.endswith(".v.weight")]
        return replace(self, tensors={**self.tensors, **{name: self.tensors[name] * factor for name in values}})


def of_reader(reader: Reader, attributes: Sequence[str]) -> References:
    """A reader as an edit holds it."""
    return References(tuple(attributes), {name: tensor.detach().cpu() for name, tensor in reader.state_dict().items()})


def _key(place: str) -> str:
    return place.replace(".", "/")  # a ModuleDict takes no dots


def _place(key: str) -> str:
    return key.replace("/", ".")
