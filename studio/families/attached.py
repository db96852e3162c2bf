"""Edits on a live model: any number at once, in an order that never matters, and gone without a trace.

Each changed layer gets one forward hook that adds scale · (alpha / rank) · B (A x) for every edit that is on (Hu et al. 2021,
arXiv 2106.09685). Modules, weights, their names and their memory layout stay what they were, so with no edit on the network
*is* the bare one; nothing has to be restored. PEFT's injection replaces modules instead, and adds up in the order given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from studio.core.edit import Edit, LowRank
from studio.core.lowrank import LayerChange, applied
from studio.core.position import Position
from studio.core.references import References, heard, tokens_of


class Attached:
    """The edits a model has at hand, and those that are on.

    parts: {"unet": module, "text_encoder": module, …}, the first word of a layer's path. always: (name, strength) of edits that
    are part of the model itself, as of a student in the form of a LoRA: on whatever else is.
    """

    def __init__(self, parts: Mapping[str, nn.Module]):
        self.parts = parts
        self.edits: dict[str, Edit] = {}
        self.on: tuple[tuple[str, float], ...] = ()
        self.always: tuple[tuple[str, float], ...] = ()
        self._taught: list[tuple[nn.Module, LayerChange, float]] = []
        self._here = True
        self._hashes: dict[str, str] = {}
        self._pairs: dict[str, dict[str, _Pair]] = {}
        self._placed: dict[str, _Placed | None] = {}
        self._heard: dict[str, dict[str, _Heard]] = {}
        self._hooks = ExitStack()

    def add(self, name: str, edit: Edit) -> None:
        """Keep an edit under a name, off. ValueError where a layer of it is not in the model or has another shape."""
        for path, pair in edit.pairs.items():
            _check(self.parts, path, pair)
        if edit.position is not None:
            _check_position(self.parts, edit.position)
        if edit.references is not None:
            _check_references(self.parts, edit.references)
        self.edits[name] = edit
        self._hashes[name] = edit.hash
        self._pairs[name] = {path: _Pair(pair) for path, pair in edit.pairs.items()}
        self._placed[name] = _Placed(edit.position) if edit.position is not None else None
        read = edit.references
        self._heard[name] = {} if read is None else {path: _Heard(name, *read.pair(path)) for path in read.places}

    def tensors(self) -> Iterator[Tensor]:
        """Matrices of all edits, as they were read and where their layers are."""
        for pairs in self._pairs.values():
            for one in pairs.values():
                yield from {id(t): t for t in (one.pair.down, one.pair.up, one.down, one.up)}.values()

    def remove(self, name: str) -> None:
        self.use([pair for pair in self.on if pair[0] != name])
        for kept in (self.edits, self._hashes, self._pairs, self._placed, self._heard):
            kept.pop(name)

    def use(self, wanted: Sequence[tuple[str, float]]) -> None:
        """Exactly these (name, strength) pairs are on, besides those that always are; a strength of 0 is off."""
        self.on = tuple(wanted)
        self._put_on()

    def off(self) -> None:
        self.use(())

    @contextmanager
    def taught(self, network: nn.Module, adapter: LayerChange, strength: float) -> Iterator[None]:
        """With an adapter that is being taught on one of the parts."""
        one = network, adapter, strength
        self._taught.append(one)
        self._put_on()
        try:
            yield
        finally:
            self._taught.remove(one)
            self._put_on()

    @contextmanager
    def without_always(self) -> Iterator[None]:
        always, self.always = self.always, ()
        self._put_on()
        try:
            yield
        finally:
            self.always = always
            self._put_on()

    def aside(self) -> None:
        """Off the parts until `back`; what is on stays written down."""
        self._here = False
        self._hooks.close()

    def back(self) -> None:
        self._here = True
        self._put_on()

    def _put_on(self) -> None:
        self._hooks.close()
        if not self._here:
            return
        layers: dict[str, list[tuple[_Change, float]]] = {}
        for name, strength in self._by_hash():
            for path, pair in self._pairs[name].items():
                layers.setdefault(path, []).append((pair, strength))
            if (placed := self._placed[name]) is not None:
                layers.setdefault(placed.position.layer, []).append((placed, strength))
            for path, one in self._heard[name].items():
                layers.setdefault(path, []).append((one, strength))
        for path, changes in layers.items():
            self._hooks.callback(_layer(self.parts, path).register_forward_hook(Adding(changes)).remove)
        for network, adapter, strength in self._taught:
            self._hooks.enter_context(applied(network, adapter, strength))

    def _by_hash(self) -> list[tuple[str, float]]:
        """What is on, in an order that does not depend on who asked for it."""
        every = [pair for pair in (*self.always, *self.on) if pair[1]]
        return sorted(every, key=lambda pair: (self._hashes[pair[0]], pair[1]))

    def text_key(self) -> tuple[tuple[str, float], ...]:
        """What is on in the text encoders: equal where prompts are encoded alike."""
        return tuple(
            sorted(
                (self._hashes[name], strength)
                for name, strength in self._by_hash()
                if any(not path.startswith("unet.") for path in self._pairs[name])
            )
        )


class _Change(Protocol):
    """What an edit adds behind one layer."""

    def change(self, layer: nn.Module, x: Tensor, strength: float) -> Tensor | float: ...


class _Placed:
    """Where features stand, computed once for a size."""

    def __init__(self, position: Position):
        self.position = position
        self._kept: tuple[Tensor, tuple[int, ...]] = torch.zeros(0), ()

    def change(self, layer: nn.Module, x: Tensor, strength: float) -> Tensor:
        """[1, C, *size of x], for a sample that is drawn whole."""
        size = tuple(x.shape[2:])
        found, of = self._kept
        if of != size or found.device != x.device or found.dtype != x.dtype:
            with torch.inference_mode(False):
                self._kept = found, _ = self.position.change(size, x), size
        return found * strength


class _Heard:
    """What a cross-attention hears of the references of an edit, where the layer is and in its precision."""

    def __init__(self, name: str, k: Tensor, v: Tensor):
        self.name, self.read, self.now = name, (k, v), (k, v)

    def change(self, layer: nn.Module, x: Tensor, strength: float) -> Tensor | float:
        """[B, S, C]; 0 where no reference is shown."""
        tokens = tokens_of(self.name)
        if tokens is None or not strength:
            return 0.0
        if self.now[0].device != x.device or self.now[0].dtype != x.dtype:
            with torch.inference_mode(False):
                k, v = (t.detach().to(x.device, x.dtype) for t in self.read)
                self.now = k, v
        return heard(layer, x, tokens, *self.now) * strength


class _Pair:
    """A pair where the layer is and in its precision; the original stays as it was read."""

    def __init__(self, pair: LowRank):
        self.pair, self.down, self.up = pair, pair.down, pair.up

    def change(self, layer: nn.Module, x: Tensor, strength: float) -> Tensor:
        """strength · (alpha / rank) · B (A x), of the shape the layer gives."""
        self.place(x)
        by = strength * self.pair.multiplier
        if isinstance(layer, nn.Conv2d):
            inner = functional.conv2d(x, self.down, None, layer.stride, layer.padding, layer.dilation)
            return functional.conv2d(inner * by, self.up)
        return functional.linear(functional.linear(x, self.down) * by, self.up)

    def place(self, like: Tensor) -> None:
        """On a tensor's device and in its precision."""
        if self.down.device != like.device or self.down.dtype != like.dtype or self.up.dtype != like.dtype:
            with torch.inference_mode(False):  # what is kept may be needed for gradients later
                self.down, self.up = (t.detach().to(like.device, like.dtype) for t in (self.pair.down, self.pair.up))


class Adding:
    """A hook that adds changes to what a layer gives."""

    def __init__(self, changes: Sequence[tuple[_Change, float]]):
        self.changes = changes

    def __call__(self, layer: nn.Module, args: tuple[Tensor, ...], y: Tensor) -> Tensor:
        for pair, strength in self.changes:
            y = y + pair.change(layer, args[0], strength)
        return y

    def placed(self, layer: nn.Module) -> bool:
        """Bring pairs to where the layer is; False where it adds anything else."""
        pairs = [pair for pair, _ in self.changes if isinstance(pair, _Pair)]
        for pair in pairs:
            pair.place(layer.get_parameter("weight"))
        return len(pairs) == len(self.changes)


def _layer(parts: Mapping[str, nn.Module], path: str) -> nn.Module:
    part, _, inside = path.partition(".")
    if part not in parts:
        raise ValueError(f"layer {path} is in a part this model has not; {', '.join(parts)} fit")
    try:
        return parts[part].get_submodule(inside)
    except AttributeError:
        raise ValueError(f"layer {path} is not in this model; an edit for this model's architecture would fit") from None


def _check(parts: Mapping[str, nn.Module], path: str, pair: LowRank) -> None:
    layer = _layer(parts, path)
    weight = getattr(layer, "weight", None)
    if not isinstance(layer, (nn.Linear, nn.Conv2d)) or (isinstance(layer, nn.Conv2d) and layer.groups != 1) or weight is None:
        raise ValueError(f"layer {path} is a {type(layer).__name__}; a linear layer or a convolution would fit")
    ones = [1] * (weight.ndim - 2)
    fits = [pair.rank, *weight.shape[1:]], [weight.shape[0], pair.rank, *ones]
    if (list(pair.down.shape), list(pair.up.shape)) != fits:
        raise ValueError(
            f"layer {path} has matrices {list(pair.down.shape)} and {list(pair.up.shape)}; {fits[0]} and {fits[1]} "
            "would fit: the edit was made for another architecture"
        )


def _check_position(parts: Mapping[str, nn.Module], position: Position) -> None:
    weight = getattr(_layer(parts, position.layer), "weight", None)
    if weight is None or len(weight) != len(position.weights) or weight.ndim - 2 != len(position.extent):
        raise ValueError(
            f"layer {position.layer} does not take positions of shape {list(position.weights.shape)} over "
            f"{len(position.extent)} axes; the edit was made for another architecture"
        )


def _check_references(parts: Mapping[str, nn.Module], references: References) -> None:
    for path in references.places:
        attention = _layer(parts, path)
        try:
            weight = attention.get_submodule("to_k").get_parameter("weight")
            fits = int(weight.shape[1]), int(weight.shape[0])
        except AttributeError:
            raise ValueError(f"layer {path} is no cross-attention; an edit for this model's architecture would fit") from None
        if references.widths(path) != fits:
            raise ValueError(
                f"layer {path} attends to width {fits[0]} with {fits[1]} numbers, and the edit with {references.widths(path)}: "
                "it was made for another architecture"
            )
