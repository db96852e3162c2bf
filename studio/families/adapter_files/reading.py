"""An adapter file or folder -> an `Edit` and a report of what fitted. Everything a person can get wrong is one sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from studio.core.edit import Edit, LowRank
from studio.core.word_rows import plain
from studio.families.adapter_files import positions, references, words
from studio.families.adapter_files.alphas import Config, alpha_of, check
from studio.families.adapter_files.container import (
    LIMIT_BYTES,
    PICKLES,
    as_float,
    open_safetensors,
    parse_json,
    read_json,
    shown,
)
from studio.families.adapter_files.header import card_of
from studio.families.adapter_files.keys import layout_of, made_for, place, refuse_unsupported
from studio.families.adapter_files.targets import Names, Rows, Targets

PARTS = ("unet", "text_encoder", "text_encoder_2", "text_encoder_3")
PEFT_WEIGHTS, PEFT_CONFIG = "adapter_model.safetensors", "adapter_config.json"
DIFFUSERS_WEIGHTS = "pytorch_lora_weights.safetensors"
DIFFUSERS_CONFIG = "lora_adapter_metadata"
TEXT_WIDTHS = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 2048: "SDXL"}


@dataclass(frozen=True)
class Report:
    """What became of a file. matched, unmatched: layers of the file that the model has and has not; names: up to three of
    those it has not; words: new words it brings; notices: sentences for people."""

    layout: str
    matched: int
    unmatched: int = 0
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        layers = f"{self.matched} of {self.matched + self.unmatched} layers of this {self.layout} file fit the model"
        left = f"; {', '.join(self.names)}{' …' if self.unmatched > len(self.names) else ''} were left out" if self.names else ""
        new = f"; new words: {', '.join(self.words)}" if self.words else ""
        return f"{layers}{left}{new}."


def read(path: Path | str, modules: Targets, limit_bytes: int = LIMIT_BYTES, *, whole: bool = False) -> tuple[Edit, Report]:
    """Read a .safetensors file (diffusers, PEFT, kohya or original names, learned embeddings) or a PEFT folder.

    modules: layers of the model by part, as `targets` lists them. A file that fits in part is read with a notice, or refused
    with the names of what does not fit where ``whole`` is asked for. Nothing is unpickled.
    ValueError or FileNotFoundError, one sentence, for everything that does not fit.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path, modules, limit_bytes, whole)
    found = _File(path, modules, limit_bytes, whole=whole)
    return found.edit(words.beside(path))


class _File:
    """One safetensors file against one model."""

    def __init__(
        self,
        path: Path,
        modules: Targets,
        limit_bytes: int,
        part: str | None = None,
        config: Config | None = None,
        whole: bool = False,
    ):
        self.path, self.modules, self.limit_bytes = path, modules, limit_bytes
        tensors, self.header = open_safetensors(path, limit_bytes)
        refuse_unsupported(tensors)
        names = Names(modules)
        self.configs = {part: config} if config and part else {p: config or _config(self.header, p) for p in PARTS}
        self.card, self.damaged = card_of(self.header, path.stem)
        self.references = references.read(tensors, self.card, modules, path.name)
        tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith(references.PREFIX)}
        self.keys = list(tensors)
        self.pairs: dict[str, LowRank] = {}
        self.left: list[str] = []
        self.idle = 0  # pairs for layers that the model has not, which change nothing
        self.tokens = words.bundled(tensors, modules)
        rest = {key: tensor for key, tensor in tensors.items() if not key.startswith(words.BUNDLE)}
        layers: dict[tuple[str | None, tuple[Rows, ...], str], dict[str, Tensor]] = {}
        others = {}
        for key, tensor in rest.items():
            spot = place(key, names, part)
            if spot is None:
                others[key] = tensor
            else:
                layers.setdefault((spot.part, spot.rows, spot.layer), {})[spot.role] = tensor
        self._make_pairs(layers)
        if not layers and not self.tokens and self.references is None:
            phrase = self.header.get("modelspec.trigger_phrase", "").split()
            stem = phrase[0] if len(phrase) == 1 else path.stem.replace(" ", "_")
            self.tokens = words.embeddings(others, modules, stem[: words.LONGEST]) or {}
            others = {} if self.tokens else others
        self.left += [shown(key, 80) for key in others]
        if not self.pairs and not self.tokens and self.references is None:
            raise ValueError(self._nothing())
        if whole and self.left:
            raise ValueError(
                f"{len(self.left)} layers of {shown(path.name)} are not in this model ({together(self.left)}); an adapter whose "
                "layers are all in it would fit"
            )

    def _make_pairs(self, layers: Mapping[tuple[str | None, tuple[Rows, ...], str], Mapping[str, Tensor]]) -> None:
        for (part, rows, layer), found in layers.items():
            if part is None or not rows or set(found) == {"alpha"}:
                if "up" in found and "down" in found and not found["up"].any():
                    self.idle += 1
                else:
                    self.left.append(shown(layer, 80))
                continue
            if "down" not in found or "up" not in found:
                have = " and ".join(found)
                raise ValueError(
                    f"layer {shown(layer)} of {shown(self.path.name)} has {have} alone; both matrices of a pair would fit"
                )
            for inside, one in self._parted(part, rows, layer, found):
                path = f"{part}.{inside}"
                if path in self.pairs:
                    raise ValueError(f"{shown(self.path.name)} has two pairs for layer {shown(path)}; one would fit")
                self.pairs[path] = self._pair(part, inside, layer, one)

    def _parted(
        self, part: str, rows: Sequence[Rows], layer: str, found: Mapping[str, Tensor]
    ) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
        """The file's layer as the layers that it is here: all of A for each, and the rows of B that are its."""
        up, sizes = found["up"], [self.modules[part][one.path][0] for one in rows]
        if len(rows) > 1 and (up.ndim != 2 or len(up) != sum(sizes)):
            raise ValueError(
                f"{shown(self.path.name)} was made for another architecture: layer {shown(layer)} has matrices "
                f"{list(found['down'].shape)} and {list(up.shape)}, and {sum(sizes)} rows of the second would fit"
            )
        for one, its in zip(rows, up.split(sizes) if len(rows) > 1 else [up], strict=True):
            yield one.path, {**found, "up": torch.cat(its.chunk(2)[::-1]) if one.swapped and its.ndim else its}

    def _pair(self, part: str, inside: str, layer: str, found: Mapping[str, Tensor]) -> LowRank:
        weight = self.modules[part][inside]
        down, up = as_float(found["down"], layer), as_float(found["up"], layer)
        rank = down.shape[0] if down.ndim else 0
        if rank == 0 or 0 in up.shape:
            raise ValueError(
                f"layer {shown(layer)} of {shown(self.path.name)} has rank 0 and changes nothing; 1 or more would fit"
            )
        if weight[2:] in ((), (1, 1)) and down.shape[2:] in ((), (1, 1)) and up.shape[2:] in ((), (1, 1)):
            down, up = (t.reshape(*t.shape[:2], *[1] * (len(weight) - 2)) for t in (down, up))  # 1×1 convolution or linear
        fits_down, fits_up = (rank, *weight[1:]), (weight[0], rank, *[1] * (len(weight) - 2))
        if tuple(down.shape) != fits_down or tuple(up.shape) != fits_up:
            raise ValueError(
                f"{shown(self.path.name)} was made for another architecture{self._hint(layer, down)}: layer {shown(layer)} has "
                f"matrices {list(down.shape)} and {list(up.shape)}, and {list(fits_down)} and {list(fits_up)} would fit"
            )
        return LowRank(down, up, self._alpha(part, inside, found.get("alpha"), rank, layer))

    def _alpha(self, part: str, inside: str, own: Tensor | None, rank: int, layer: str) -> float:
        if own is None:
            return alpha_of(self.configs.get(part), inside, rank, layer)
        if own.numel() != 1:
            raise ValueError(f"the alpha of layer {shown(layer)} has shape {list(own.shape)}; one number would fit")
        return float(own) or float(rank)  # kohya takes alpha 0 for "as the rank"

    def _hint(self, layer: str, down: Tensor) -> str:
        if layer.endswith(("x_embedder", "img_in")) and down.ndim > 1:
            return " (a network that reads something beside the noise, as control LoRAs do, where its channels are more)"
        crossed = down.ndim > 1 and "attn2" in layer and layer.endswith(("to_k", "to_v"))
        kind = TEXT_WIDTHS.get(int(down.shape[1]), "") if crossed else ""
        return f" ({kind} by its text width)" if kind else ""

    def _nothing(self) -> str:
        kind = made_for(self.keys)
        some = ", ".join(self.left[:3]) or "nothing at all"
        lora = any("lora" in key for key in self.keys)
        what = f"It was made for {kind}." if kind else "" if lora else "It holds no low-rank pairs and no words."
        return (
            f"none of the {len(self.left)} layers of {shown(self.path.name)} is in this model (it has {some}); an adapter "
            f"for this model's architecture would fit. {what}"
        ).strip()

    def edit(self, near: list[Path]) -> tuple[Edit, Report]:
        """The edit, with the words of the files beside it."""
        notices = [self.damaged] if self.damaged else []
        for path in near:
            tokens = _File(path, self.modules, self.limit_bytes).tokens
            notices += [f"the word {word!r} stands in two files; the first was taken" for word in tokens if word in self.tokens]
            self.tokens = tokens | self.tokens
        brought = {plain(word) for word in self.tokens}
        missing = [word for word in self.header.get("modelspec.trigger_phrase", "").split() if word not in brought]
        if missing and "distillation_studio" in self.header:
            notices.append(f"its word {shown(missing[0])} is in a file of its own, which is not beside it")
        if self.idle:
            notices.append(f"{self.idle} layers are not in this model, change nothing, and were left out")
        if self.left:
            notices.append(f"{len(self.left)} layers are not in this model and were left out, {self.left[0]} first")
        matched = len(self.pairs) + (len(self.references.places) if self.references is not None else 0)
        report = Report(
            layout_of(self.keys), matched, len(self.left), tuple(self.left[:3]), tuple(sorted(brought)), tuple(notices)
        )
        return Edit(self.pairs, self.card, self.tokens, positions.read(self.path, self.card), self.references), report


def _config(header: Mapping[str, str], part: str) -> Config | None:
    """The LoraConfig of one part, which diffusers keeps in the header as "unet.lora_alpha" and so on ("transformer.lora_alpha"
    where that is what denoises)."""
    if DIFFUSERS_CONFIG not in header:
        return None
    every = parse_json(header[DIFFUSERS_CONFIG], DIFFUSERS_CONFIG)
    called = ("unet.", "transformer.") if part == "unet" else (f"{part}.",)
    config = {key.partition(".")[2]: value for key, value in every.items() if key.startswith(called)}
    check(config)
    return config


def _folder(folder: Path, modules: Targets, limit_bytes: int, whole: bool) -> tuple[Edit, Report]:
    """A PEFT folder, PEFT folders by part within one, or a folder that holds one file."""
    by_part = [(part, folder / part) for part in PARTS if (folder / part / PEFT_CONFIG).is_file()]
    if (folder / PEFT_CONFIG).is_file():
        by_part.insert(0, ("", folder))
    if not by_part:
        return read(_only_file(folder), modules, limit_bytes, whole=whole)
    files = [_peft(place, part or None, modules, limit_bytes, whole) for part, place in by_part]
    near = words.beside(folder / "adapter.safetensors")
    read_all = [file.edit(near if i == 0 else []) for i, file in enumerate(files)]
    edit, report = read_all[0]
    for more, its in read_all[1:]:
        edit = replace(edit, pairs={**edit.pairs, **more.pairs}, tokens={**edit.tokens, **more.tokens})
        notices = tuple(dict.fromkeys(report.notices + its.notices))
        report = replace(
            report,
            matched=report.matched + its.matched,
            unmatched=report.unmatched + its.unmatched,
            names=(report.names + its.names)[:3],
            notices=notices,
        )
    return edit, report


def _peft(folder: Path, part: str | None, modules: Targets, limit_bytes: int, whole: bool) -> _File:
    config = read_json(folder / PEFT_CONFIG)
    check(config)
    if not (folder / PEFT_WEIGHTS).is_file() and any(p.suffix in PICKLES for p in folder.iterdir()):
        raise ValueError(
            f"{shown(folder.name)} holds its weights as a pickle, which can run code when it is opened; {PEFT_WEIGHTS} would fit"
        )
    return _File(folder / PEFT_WEIGHTS, modules, limit_bytes, part, config, whole)


def together(names: Sequence[str]) -> str:
    """All of them, those alike but for their numbers as one: 'blocks.#.a' (38), 'b'."""
    counts = Counter(re.sub(r"\d+", "#", name) for name in names)
    first = {re.sub(r"\d+", "#", name): name for name in reversed(names)}
    return ", ".join(f"{alike} ({n})" if n > 1 else first[alike] for alike, n in counts.items())


def _only_file(folder: Path) -> Path:
    files = sorted(p for p in folder.iterdir() if p.is_file())
    found = [p for p in files if p.suffix == ".safetensors" and not (words.is_tokens(p) or positions.is_position(p))]
    usual = [p for p in found if p.name == DIFFUSERS_WEIGHTS]
    if len(found) > 1 and not usual:
        raise ValueError(f"folder {shown(folder.name)} holds {len(found)} adapters; the path of one of them would fit")
    if not found:
        pickles = [p for p in files if p.suffix in PICKLES]
        if pickles:
            raise ValueError(
                f"{shown(pickles[0].name)} is a pickle, which can run code when it is opened; the same adapter as "
                ".safetensors would fit"
            )
        what = f"no adapter among its {len(files)} files" if files else "no files"
        raise ValueError(f"folder {shown(folder.name)} holds {what}; a .safetensors file or a PEFT folder would fit")
    return (usual or found)[0]
