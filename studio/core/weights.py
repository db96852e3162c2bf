"""Atomic files: weights, checkpoints and JSON that are either the old state or the new one, never half of each."""

from __future__ import annotations

import errno
import json
import os
import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar, cast

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from studio.core.explain import out_of_memory

State = dict[str, Any]  # of a training, as checkpoints hold it: nested dicts of tensors and plain values
M = TypeVar("M", bound=nn.Module)
_SYSTEM = re.compile(r"([^:]+) \(os error (\d+)\)")  # how Rust's standard library ends the text of an error of the system


def channels_last(module: M) -> M:
    """The module with image weights stored channels last, which CPU convolutions prefer."""
    for p in (*module.parameters(), *module.buffers()):
        if p.ndim == 4:
            p.data = p.data.contiguous(memory_format=torch.channels_last)
    return module


def replace_bytes(path: Path, data: bytes) -> None:
    """Write under a temporary name, fsync, rename: a reader or a crash sees a whole file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as f:
        f.write(data)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` at the end; where that fails the old one stays, and nothing beside it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def system_errors() -> Iterator[None]:
    """Around safetensors and tokenizers where they write files themselves: they put an error of the system, a full disk say,
    into words of an exception of their own; it comes out as the OSError it is."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # tokenizers raises Exception itself
        found = _SYSTEM.search(str(error))
        if found is None:
            raise
        number = int(found[2])
        raise OSError(number, found[1].strip(), None, number) from error


def save_weights(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, object] | None = None) -> None:
    """Tensors as safetensors; ``header`` values go into the file's metadata as JSON strings."""
    meta = {k: v if isinstance(v, str) else json.dumps(v) for k, v in (header or {}).items()}
    replace_bytes(path, save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, metadata={"format": "pt", **meta}))


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(tensors, header) of a safetensors file."""
    with safe_open(str(path), framework="pt") as f:
        return {k: f.get_tensor(k) for k in f.keys()}, dict(f.metadata() or {})  # noqa: SIM118 - not a dict


def opens_in_float32(folder: Path) -> None:
    """Let every part of a diffusers folder open in float32 unless asked otherwise, however its weights are stored.

    diffusers does so by itself, except that transformers opens its parts in the precision their config names, and a text
    encoder in another one does not fit its UNet. Weights, and hashes of them, stay as they are.
    """
    for path in sorted(folder.glob("*/config.json")):
        config = json.loads(path.read_text())
        if "_class_name" in config:  # a part of diffusers
            continue
        config.pop("torch_dtype", None)  # an older name of the same
        replace_bytes(path, (json.dumps(config | {"dtype": "float32"}, indent=2) + "\n").encode())


def forget_places(folder: Path) -> None:
    """Take out of every config.json in a folder where its part was loaded from: a path of this machine, which diffusers keeps."""
    for path in sorted(folder.rglob("config.json")):
        config = json.loads(path.read_text())
        if config.pop("_name_or_path", None) is not None:
            replace_bytes(path, (json.dumps(config, indent=2) + "\n").encode())


def save_checkpoint(path: Path, state: State) -> None:
    """Training state (nested dicts of tensors and plain values), atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as f:
        witness = _Witness(f)
        try:
            torch.save(state, cast("IO[bytes]", witness))
        except RuntimeError:  # torch closes its archive after a write that failed, and says only that it does not add up
            if witness.error is None:
                raise
            raise witness.error from None


class _Witness:
    """A file to write to that remembers what first went wrong with it."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        self.file.flush()


def load_checkpoint(path: Path) -> State:
    """What `save_checkpoint` wrote; refuses pickled code. ValueError in a sentence where the file is cut off or damaged."""
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError, OSError) as error:
        if out_of_memory(error) or (isinstance(error, OSError) and error.errno != errno.EINVAL):  # torch's for a cut archive
            raise
        raise ValueError(f"{path.name} is cut off or damaged and cannot be gone on from; start the run again.") from error
    return state
