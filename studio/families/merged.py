"""Edits merged into a model's weights and saved as a model of its own, which diffusers opens without this project."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from torch import Tensor, nn

from studio.core.edit import Edit, Merged
from studio.core.recipe import FILE_NAME
from studio.core.weights import forget_places, opens_in_float32, replace_bytes, save_weights, system_errors
from studio.families.layout import LORA, ORIGINAL, original_of
from studio.families.opened import NETWORK, AdapterFiles
from studio.families.vocabulary import table_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS = (".safetensors", ".bin", ".ckpt", ".pt", ".pth", ".msgpack", ".h5")


class Mergeable(Protocol):
    """An open model of a folder of diffusers whose weights take edits. network_folder: where its network lies."""

    folder: Path
    network_folder: str

    @property
    def modules(self) -> Mapping[str, nn.Module]: ...
    @property
    def autoencoder(self) -> nn.Module: ...
    @property
    def tokenizers(self) -> Mapping[str, PreTrainedTokenizerBase]:
        """By their folders."""

    @property
    def own(self) -> tuple[Edit, float] | None: ...
    def as_base(self) -> AbstractContextManager[None]: ...
    def using(self, adapters: Sequence[tuple[str, float]]) -> AbstractContextManager[None]: ...
    def knowing(self, tokens: Sequence[Mapping[str, Tensor]]) -> AbstractContextManager[None]: ...


class MergeableFiles(AdapterFiles):
    """Adapter files of a model whose weights take edits."""

    def merge(self, edits: Sequence[tuple[Edit, float]], folder: Path) -> None:
        save_merged(cast(Mergeable, self.model), edits, folder)


def save_merged(model: Mergeable, edits: Sequence[tuple[Edit, float]], folder: Path | str) -> Path:
    """Write the model with the edits at their strengths added to its weights, whole or not at all; returns the folder.

    Unchanged parts are copied as they are stored; changed ones, and all that lie in a file of the original layout, are written
    as diffusers writes them, in the precision the model is open in. Card and
    recipe come along with a note that says what was merged. The open model is the same afterwards, bit for bit; adapters
    that are on play no part. ValueError where the folder is there already or an edit does not fit.
    """
    folder = Path(folder)
    if folder.exists():
        raise ValueError(f"{folder.name!r} is there already; a name that is free would fit")
    if not edits:
        raise ValueError("no edit was given; at least one with its strength would fit")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    tokens = [edit.tokens for edit, _ in edits if edit.tokens]
    every = [*edits, *([model.own] if model.own else ())]  # a student in the form of a LoRA becomes one in the weights
    try:
        shutil.copytree(model.folder, draft, ignore=_unwanted(model, every))
        with model.using([]), model.as_base(), model.knowing(tokens), Merged(model.modules, every):
            modules = {model.network_folder if name == NETWORK else name: module for name, module in model.modules.items()}
            for part, module in sorted({**modules, "vae": model.autoencoder}.items()):
                if part in _changed(model, every):
                    _save_part(draft / part, module, diffusers=part in (model.network_folder, "vae"))
            for name, tokenizer in model.tokenizers.items() if tokens else ():
                with system_errors():
                    tokenizer.save_pretrained(draft / name)
        forget_places(draft)
        opens_in_float32(draft)
        _note(draft, edits)
        os.replace(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _changed(model: Mergeable, edits: Sequence[tuple[Edit, float]]) -> set[str]:
    """Folders of parts whose weights are written anew; new words change every text encoder."""
    encoders = {name for name in model.modules if name != NETWORK}
    originals = {name for name in (*encoders, model.network_folder, "vae") if original_of(model.folder / name) is not None}
    parts = {path.partition(".")[0] for edit, _ in edits for path in edit.pairs}
    words = any(edit.tokens for edit, _ in edits)
    return originals | {model.network_folder if name == NETWORK else name for name in parts} | (encoders if words else set())


def _unwanted(model: Mergeable, edits: Sequence[tuple[Edit, float]]) -> Callable[[str, list[str]], set[str]]:
    """For copytree: weights of the parts that are written anew, single files, and pickles anywhere."""
    changed = _changed(model, edits)

    def ignored(where: str, names: list[str]) -> set[str]:
        part = Path(where).name if Path(where).parent == model.folder else ""
        old = {n for n in names if part in changed and (n.endswith(WEIGHTS) or n.endswith(".index.json"))}
        whole = {LORA, ORIGINAL} if Path(where) == model.folder else set()
        return old | (whole & set(names)) | {n for n in names if n.endswith(WEIGHTS[1:]) or n.startswith(".")}

    return ignored


def _save_part(folder: Path, module: nn.Module, diffusers: bool) -> None:
    """The weights under the name diffusers and transformers look for; the config says how many words there are."""
    if diffusers:
        state = {name: t.detach().to("cpu").contiguous() for name, t in module.state_dict().items()}
        save_weights(folder / "diffusion_pytorch_model.safetensors", state)
        return
    encoder = cast("PreTrainedModel", module)
    config = encoder.config
    before = config.vocab_size, config.eos_token_id
    try:
        config.vocab_size = table_of(encoder).weight.shape[0]
        config.eos_token_id = getattr(getattr(encoder, "text_model", encoder), "eos_token_id", config.eos_token_id)
        with system_errors():
            encoder.save_pretrained(folder, safe_serialization=True)
    finally:
        config.vocab_size, config.eos_token_id = before


def _note(folder: Path, edits: Sequence[tuple[Edit, float]]) -> None:
    """What was merged, in the card and in the recipe."""
    said = "; ".join(f"{edit.card.title} ({edit.hash}) at {scale:g}" for edit, scale in edits)
    path = folder / "card.json"
    card = json.loads(path.read_text()) if path.is_file() else {}
    card["merged"] = [{"title": e.card.title, "hash": e.hash, "strength": s} for e, s in edits]
    card.pop("measured", None)  # those figures are the base's
    card["what"] = f"{card.get('what', 'a model')}, with {said} merged into its weights"
    replace_bytes(path, (json.dumps(card, indent=2) + "\n").encode())
    recipe = folder / FILE_NAME
    if recipe.is_file():
        content = json.loads(recipe.read_text())
        content["note"] = f"{content.get('note', '')} Merged: {said}.".strip()
        replace_bytes(recipe, (json.dumps(content, indent=2) + "\n").encode())
