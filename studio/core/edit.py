"""An edit: what personalization, unlearning and sliders leave behind, and what is applied to any model at a scale.

An edit changes some layers of a network by low-rank pairs, y = W x + scale · (alpha / rank) · B (A x) (Hu et al. 2021,
arXiv 2106.09685), and may bring rows for new words. It knows nothing of files (`families.adapter_files`) and nothing
of what applies it. The card says where it comes from and what was measured; its values travel in the file's header.
"""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from studio.core.files import Json
from studio.core.position import Position
from studio.core.references import References
from studio.core.trim import cut, ranks_for

PRIVATE = ("prompts", "note", "settings", "created")  # settings hold names of files
Kind = Literal["slider", "subject", "preference", "forgetting", "direction", "references", "adapter"]


@dataclass(frozen=True)
class LowRank:
    """The change of one layer. down: A, [r, in] or [r, in, h, w]; up: B, [out, r] or [out, r, 1, 1]; alpha > 0."""

    down: Tensor
    up: Tensor
    alpha: float

    def __post_init__(self) -> None:
        rank = self.down.shape[0]
        if rank < 1 or self.down.ndim not in (2, 4) or self.down.ndim != self.up.ndim or self.up.shape[1] != rank:
            shapes = f"down {list(self.down.shape)} and up {list(self.up.shape)}"
            raise ValueError(f"{shapes} are no low-rank pair; [r, in] and [out, r] with r of 1 or more would fit")
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise ValueError(f"an alpha of {self.alpha:g} does not fit a low-rank pair; a number above 0 would")

    @property
    def rank(self) -> int:
        return int(self.down.shape[0])

    @property
    def multiplier(self) -> float:
        """What scale 1 multiplies B(A x) with."""
        return self.alpha / self.rank

    def delta(self) -> Tensor:
        """The change of the layer's weight at scale 1, of its shape, float32. [out, in] or [out, in, h, w]."""
        down, up = self.down.float(), self.up.float()
        return self.multiplier * (up.flatten(1) @ down.flatten(1)).reshape(up.shape[0], *down.shape[1:])

    def scaled(self, factor: float) -> LowRank:
        """The same layer, `factor` times as strong; B takes it, so that alpha stays what it was trained with."""
        return LowRank(self.down, self.up * factor, self.alpha)

    def resized(self, rank: int) -> LowRank:
        """The nearest change of at most this rank (Eckart & Young 1936), as strong at scale 1; itself where it is smaller."""
        if rank < 1:
            raise ValueError(f"a rank of {rank} does not fit; 1 or more would")
        if rank >= self.rank:
            return self
        down, up = cut(self.down, self.up, rank)
        return LowRank(down, up, rank * self.multiplier)


class EditCard(BaseModel):
    """Where an edit comes from. Everything a reader of the file may want to know; private fields can be stripped.

    base, base_hash: id and weights hash of the model it was trained on. calibration: scale that strength 1 stands for, so
    that adapters are comparable; `attribute` and `unit` say of what. measured: figures, with intervals where there are any.
    mode: of an edit of one sample, "whole" or "patches": what it was shown, and so what it can draw. attributes: that can be
    wanted of a reference, of an edit that reads some.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    kind: Kind = "adapter"
    method: str = ""
    domain: str = ""
    base: str = ""
    base_hash: str = ""
    base_recipe: str = ""  # how the base is sampled when it is a student
    calibration: float = Field(default=1.0, allow_inf_nan=False)
    attribute: str = ""
    unit: str = ""
    prompts: tuple[str, ...] = ()
    settings: Json = Field(default_factory=dict)
    measured: Json = Field(default_factory=dict)
    seed: int = 0
    steps: int = 0
    created: str = ""
    note: str = ""
    mode: str = Field(default="", max_length=20, exclude_if=operator.not_)
    attributes: tuple[str, ...] = Field(default=(), max_length=64, exclude_if=operator.not_)

    def public(self) -> EditCard:
        """Without what may be private: prompts, notes, settings, the date."""
        return EditCard(**{k: v for k, v in self.model_dump().items() if k not in PRIVATE})


@dataclass(frozen=True)
class Edit:
    """pairs: change by layer, named by its path inside the model ("unet.down_blocks.0…", "text_encoder.…").
    tokens: rows of new words, {"<word>": [n, dim]}, or with several text encoders {"<word>": …} for the first and
    {"<word>@2": …} for the second. position: where features stand, of an edit that was shown parts of one sample. references:
    what reads reference pictures, of an edit that takes attributes from them."""

    pairs: Mapping[str, LowRank]
    card: EditCard
    tokens: Mapping[str, Tensor] = field(default_factory=dict)
    position: Position | None = None
    references: References | None = None

    def __post_init__(self) -> None:
        if not self.pairs and not self.tokens and self.references is None:
            raise ValueError("an edit with no layers and no tokens changes nothing; one of them is needed")
        broken = [path for path, pair in self.pairs.items() if not (_finite(pair.down) and _finite(pair.up))]
        broken += [word for word, rows in self.tokens.items() if not _finite(rows)]
        if broken:
            raise ValueError(
                f"{len(broken)} of {len(self.pairs) + len(self.tokens)} layers hold NaN or infinity, {broken[0]} "
                "first; the training that wrote them has failed"
            )

    @property
    def ranks(self) -> tuple[int, ...]:
        """The distinct ranks of its layers, ascending."""
        return tuple(sorted({pair.rank for pair in self.pairs.values()}))

    @property
    def bytes(self) -> int:
        tensors = [t for pair in self.pairs.values() for t in (pair.down, pair.up)] + list(self.tokens.values())
        tensors += list(self.references.tensors.values()) if self.references is not None else []
        return sum(t.numel() * t.element_size() for t in tensors)

    @property
    def hash(self) -> str:
        """12 hexadecimal digits over names, alphas and values: equal for files of any layout that hold the same edit.
        (Kohya files of an edit whose layers differ in alpha carry the difference in B, and have a hash of their own.)"""
        digest = hashlib.sha256()
        for path, pair in sorted(self.pairs.items()):
            digest.update(f"{path} {pair.alpha:.6g}".encode())
            for tensor in (pair.down, pair.up):
                digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
        for word, rows in sorted(self.tokens.items()):
            digest.update(word.encode() + rows.detach().float().cpu().contiguous().numpy().tobytes())
        if self.position is not None:
            told = self.position
            digest.update(f"{told.layer} {told.extent}".encode() + told.weights.float().contiguous().numpy().tobytes())
        for name, tensor in sorted(self.references.tensors.items()) if self.references is not None else ():
            digest.update(name.encode() + tensor.detach().float().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    def half(self) -> Edit:
        """The same in half precision, as files hold it: a change of 1e-3 of itself at most."""
        pairs = {path: LowRank(pair.down.half(), pair.up.half(), pair.alpha) for path, pair in self.pairs.items()}
        told = self.position and replace(self.position, weights=self.position.weights.half())
        read = self.references and self.references.half()
        return Edit(pairs, self.card, {word: rows.half() for word, rows in self.tokens.items()}, told, read)

    def resized(self, rank: int) -> Edit:
        """The same with layers of at most this rank; the card says so. Figures in it are of the edit as it was."""
        pairs = {path: pair.resized(rank) for path, pair in self.pairs.items()}
        note = f"Brought to rank {rank} from {' and '.join(map(str, self.ranks))} by singular values."
        if all(pairs[path] is pair for path, pair in self.pairs.items()):
            return self
        return replace(self, pairs=pairs, card=self.card.model_copy(update={"note": f"{self.card.note} {note}".strip()}))

    def trimmed(self, keep: float) -> Edit:
        """The same in fewer numbers, with a share of its squared change kept over all layers (`core.trim`); the card says so.
        Layers end at different ranks, and one that hardly changes is left out. Figures in the card are of the edit as it was."""
        ranks = ranks_for({path: (pair.down, pair.up, pair.multiplier) for path, pair in self.pairs.items()}, keep)
        pairs = {path: pair.resized(ranks[path]) for path, pair in self.pairs.items() if ranks[path]}
        if (
            not any(ranks.values())
            or len(pairs) == len(self.pairs)
            and all(pairs[path] is pair for path, pair in self.pairs.items())
        ):
            return self
        note = f"Cut to {100 * keep:g} % of its squared change by singular values."
        return replace(self, pairs=pairs, card=self.card.model_copy(update={"note": f"{self.card.note} {note}".strip()}))

    def scaled(self, factor: float) -> Edit:
        """The same edit, `factor` times as strong at scale 1; its tokens stay."""
        told, read = self.position and self.position.scaled(factor), self.references and self.references.scaled(factor)
        pairs = {path: pair.scaled(factor) for path, pair in self.pairs.items()}
        return replace(self, pairs=pairs, position=told, references=read)


def combined(edits: Iterable[tuple[Edit, float]], card: EditCard) -> Edit:
    """Several edits at their scales as one, exactly: ranks add up. Equal tokens of two edits are refused."""
    downs: dict[str, list[Tensor]] = {}
    ups: dict[str, list[Tensor]] = {}
    tokens: dict[str, Tensor] = {}
    for edit, scale in edits:
        check_weights_hold(edit)
        for path, pair in edit.pairs.items():
            downs.setdefault(path, []).append(pair.down.float())
            ups.setdefault(path, []).append(pair.up.float() * pair.multiplier * scale)
        for word, rows in edit.tokens.items():
            if word in tokens:
                raise ValueError(f"both edits bring the word {word!r}; one of them under another name would fit")
            tokens[word] = rows
    pairs = {
        path: LowRank(torch.cat(downs[path]), torch.cat(ups[path], 1), float(sum(d.shape[0] for d in downs[path])))
        for path in downs
    }
    return Edit(pairs, card, tokens)


def check_weights_hold(edit: Edit) -> None:
    """ValueError where an edit is told places or reads references, which weights alone cannot hold."""
    if edit.references is not None:
        raise ValueError(
            f"{edit.card.title} reads reference pictures, which weights alone cannot hold; an adapter that reads none would fit"
        )
    if edit.position is not None:
        raise ValueError(
            f"{edit.card.title} was taught on parts of a picture and is told where each lies, which weights alone cannot hold; "
            "one that was taught on the whole picture would fit"
        )


class Merged:
    """Edits added to a network's own weights, and taken out again bit for bit (the originals are kept).

        with Merged(model_parts, [(edit, 1.0)]): ...        # or .undo()

    parts: {"unet": module, "text_encoder": module, …}, the first word of a layer's path. Layers are changed in the order
    of their names and edits in that of their hashes, so the order in which edits are given never matters.
    """

    def __init__(self, parts: Mapping[str, nn.Module], edits: Iterable[tuple[Edit, float]]):
        self._kept: dict[nn.Parameter, Tensor] = {}
        try:
            for edit, scale in sorted(edits, key=lambda pair: (pair[0].hash, pair[1])):
                check_weights_hold(edit)
                for path, pair in sorted(edit.pairs.items()):
                    self._add(parts, path, pair, scale)
        except BaseException:  # half an edit is worse than none
            self.undo()
            raise

    def _add(self, parts: Mapping[str, nn.Module], path: str, pair: LowRank, scale: float) -> None:
        part, _, inside = path.partition(".")
        if part not in parts:
            raise ValueError(f"layer {path} is in a part the model has not; {', '.join(parts)} fit")
        weight = parts[part].get_submodule(inside).get_parameter("weight")
        with torch.no_grad():
            self._kept.setdefault(weight, weight.detach().clone())
            weight.add_((scale * pair.delta()).to(weight))

    def undo(self) -> None:
        with torch.no_grad():
            for weight, before in self._kept.items():
                weight.copy_(before)
        self._kept.clear()

    def __enter__(self) -> Merged:
        return self

    def __exit__(self, *_: object) -> None:
        self.undo()


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())
