"""Parts that an open model has already: equal files are held once, so a student brings no second autoencoder or text encoder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from torch import nn

from studio.core.edit import Edit
from studio.core.files import read_json
from studio.core.recipe import files_hash
from studio.families import adapter_files
from studio.families.layout import LORA, LORA_SETTINGS, ORIGINAL, WEIGHTS, blob_digest, loaded, original_of
from studio.families.turns import Turns

IGNORED = ("_name_or_path", "_diffusers_version", "transformers_version", "torch_dtype", "dtype")  # what says nothing of the part
_digests: dict[tuple[str, int, int], str] = {}  # of files by path, size and time of the last change


class Sharer(Protocol):
    """An open model that may lend its parts."""

    folder: Path
    turns: Turns


S = TypeVar("S", bound=Sharer)


class Shares(Generic[S]):
    """Which open models have parts of a folder already. All of them are of one `Turns`, that of the first found."""

    def __init__(self, folder: Path, models: Iterable[S]):
        self.folder, self.models = folder, tuple(models)
        self._turns: Turns | None = None

    @property
    def turns(self) -> Turns:
        """Of a model with what it shares."""
        return self._turns or Turns()

    def of(self, part: str) -> S | None:
        """An open model that has this part; None where none has."""
        for model in self.models:
            if self._turns in (None, model.turns) and equal(self.folder / part, model.folder / part):
                self._turns = model.turns
                return model
        return None


def own_edit(folder: Path, modules: Mapping[str, nn.Module]) -> tuple[Edit, float] | None:
    """What makes a student in the form of a LoRA of its base: the edit, and the strength it was made for. modules: the parts
    that edits may change. ValueError in one sentence where it is of another base."""
    if not (folder / LORA).is_dir():
        return None
    edit, report = adapter_files.read(loaded(folder / LORA)[0], adapter_files.targets(modules))
    if report.unmatched or edit.tokens:
        raise ValueError(f"model folder {folder.name!r} cannot be opened: its LoRA is of another base; {report.sentence}")
    return edit, float((read_json(folder / LORA / LORA_SETTINGS) or {}).get("scale", 1.0))


def equal(one: Path, other: Path) -> bool:
    """Whether two folders of a part open as the same: configs that say the same, and weights that are the same bytes. Parts in
    a single file are the same where the file is the same one; two whole checkpoints are not read to compare them."""
    ours, theirs = _files(one), _files(other)
    if not any(name.endswith(WEIGHTS) for name in ours) or ours.keys() != theirs.keys():
        return False
    return all(_same(ours[name], theirs[name]) for name in sorted(ours, key=lambda name: name.endswith(WEIGHTS)))


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    found = [path for path in folder.iterdir() if path.is_file() and path.suffix in (".json", ".txt", ".model")]
    original = original_of(folder)
    return {path.name: path for path in (*found, *(loaded(folder) if original is None else [original]))}


def _same(one: Path, other: Path) -> bool:
    if os.path.samefile(one, other):
        return True
    if one.name == ORIGINAL:
        return False
    if one.suffix == ".json":
        return _plain(one) == _plain(other)
    return one.stat().st_size == other.stat().st_size and digest(one) == digest(other)


def _plain(path: Path) -> object:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return path  # equal to nothing else
    return {k: v for k, v in found.items() if k not in IGNORED} if isinstance(found, dict) else found


def digest(path: Path) -> str:
    """Of a file's bytes, computed once for a file as it is. A blob of the Hub's cache is called by it."""
    if (named := blob_digest(path)) is not None:
        return named
    real = path.resolve()
    stat = real.stat()
    key = str(real), stat.st_size, stat.st_mtime_ns
    if key not in _digests:
        _digests[key] = files_hash([real], real)
    return _digests[key]
