"""Folders of diffusers pipelines, read without torch: whether their parts are there, and remembered until a file changes."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from studio.core.explain import brief
from studio.core.family import Checkpoint
from studio.core.files import Json, read_json
from studio.families.layout import LORA, original_of

INDEX = "model_index.json"
SETTLED_NS = 2_000_000_000  # a file changed later than so long ago may change again and look the same
State = tuple[tuple[str, int, int], ...]  # of files: path, size, time of the last change in ns
LINK_BYTES = 400  # a weights file smaller than this may be the text of a link


class Remembering(ABC):
    """The half of a face that describes folders, each again only when a file of it is another than before."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[State, Checkpoint]] = {}

    @abstractmethod
    def _read(self, folder: Path) -> Checkpoint:
        """What a folder is, read anew."""

    def describe(self, folder: Path) -> Checkpoint:
        """ValueError never: what does not fit is the reason. Read again when a file of the folder is another than before."""
        state = _state(folder)
        if (known := self._known.get(folder)) is not None and known[0] == state:
            return known[1]
        found = self._read(folder)
        if state and max(changed for _, _, changed in state) < time.time_ns() - SETTLED_NS:
            self._known[folder] = state, found
        return found


def _state(folder: Path) -> State | None:
    """Of all files that are read to describe a folder: those in it and in its parts. None where one cannot be looked at."""
    found: list[tuple[str, int, int]] = []
    try:
        todo = [*os.scandir(folder)]
        for part in [entry for entry in todo if entry.is_dir()]:
            todo += os.scandir(part)
        for entry in todo:
            stat = entry.stat()
            found.append((entry.path, stat.st_size, max(stat.st_mtime_ns, stat.st_ctime_ns)))
    except OSError:
        return None
    return tuple(sorted(found))


def pipeline_of(folder: Path) -> object:
    """The pipeline's class that a folder names, whatever stands there; None where it names none."""
    index = read_json(folder / INDEX)
    return index.get("_class_name") if isinstance(index, dict) else None


def check_parts(
    folder: Path, index: Json, classes: Mapping[str, Iterable[str]], original: Callable[[Path, str, Json], None] | None = None
) -> None:
    """ValueError that goes on behind "it cannot be opened:", where a part is of none of these classes or not whole. Parts
    whose names begin with "tokenizer" have files of any kind, the others a config and weights.

    original: checks a part whose weights are in a file of the original layout, by its config, where a family reads these.
    """
    for part, known in classes.items():
        entry = index.get(part)
        one_of(entry[1] if isinstance(entry, list) and len(entry) == 2 else entry, known, part)
        if not (folder / part).is_dir():
            raise ValueError(f"its {part} is missing; a folder saved by diffusers has it")
        if not part.startswith("tokenizer"):
            config = json_object(folder / part / "config.json")
            file = original_of(folder / part) if original else None
            if file is not None and original is not None:
                original(file, part, config)
            else:
                _check_weights(folder / part, part)
        elif not any((folder / part).iterdir()):
            raise ValueError(f"its {part} is empty; a folder saved by diffusers has files there")
    if (folder / LORA).is_dir():
        _check_weights(folder / LORA, LORA)


def _check_weights(folder: Path, part: str) -> None:
    files = list(folder.glob("*.safetensors"))
    if not files:
        other = next((file.suffix for file in folder.iterdir() if file.suffix in (".bin", ".pt", ".ckpt", ".msgpack")), "")
        have = f"its {part} has {other} weights alone" if other else f"its {part} has no weights"
        raise ValueError(f"{have}; .safetensors would fit")
    for file in files:
        if not file.exists():
            raise ValueError(f"{part}/{file.name} is a link to a file that is not there; the whole set of models would fit")
        text = file.read_bytes() if file.stat().st_size < LINK_BYTES else b""
        if text.startswith(b"version https://git-lfs"):
            raise ValueError(f"{part}/{file.name} is a pointer of Git LFS; `git lfs pull` fetches the file")
        if text[-12:] == b".safetensors":  # the text of a link, not weights
            raise ValueError(
                f"{part}/{file.name} is a link that was checked out as text; clone again with "
                "`git -c core.symlinks=true clone`, or copy the file it names"
            )


def pixels_a_position(vae: Json) -> int:
    """Pixels of a side of what one latent position of an autoencoder is, by its config."""
    blocks = vae.get("block_out_channels") or vae.get("encoder_block_out_channels")
    return 2 ** (len(blocks) - 1) if isinstance(blocks, list) and blocks else 8


def one_of(given: object, known: Iterable[str], what: str) -> str:
    """What is given, where it is known; else ValueError that lists what is."""
    names = tuple(known)
    if given not in names:
        raise ValueError(f"its {what} is {brief(given)}; {' or '.join(names)} would fit")
    return str(given)


def json_object(path: Path) -> Json:
    """ValueError in one sentence where a file is not there or holds no object. It is named behind its part."""
    said = path.name if path.name == INDEX else f"{path.parent.name}/{path.name}"
    if not path.is_file():
        raise ValueError(f"its {said} is missing; a folder saved by diffusers has it")
    found = read_json(path)
    if not isinstance(found, dict):
        raise ValueError(f"its {said} is not a JSON object; the one that diffusers writes would fit")
    return found
