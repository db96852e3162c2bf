"""An image encoder that was trained to see: pictures in, features out, in which near means alike to a person.

DINOv2 (arXiv 2304.07193) or the image half of CLIP (arXiv 2103.00020), as transformers saves them. A whole CLIP also reads
words, into the same space as pictures. Only what is on this machine is used: the folder named by `$STUDIO_PERCEPTUAL`
("none": no encoder at all), otherwise `CACHED` where they are in the Hugging Face cache. Nothing is downloaded.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from studio.core.files import Json
from studio.core.recipe import weights_hash

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

VARIABLE = "STUDIO_PERCEPTUAL"
NONE = "none"
CACHED = ("facebook/dinov2-small", "openai/clip-vit-base-patch32")
# what a config says it is -> the class that reads pictures with it
READERS = {"Dinov2Model": "Dinov2Model", "CLIPVisionModel": "CLIPVisionModel", "CLIPModel": "CLIPVisionModelWithProjection",
           "CLIPVisionModelWithProjection": "CLIPVisionModelWithProjection"}  # fmt: skip
WHOLE = "CLIPModel"  # what a config calls a CLIP of both halves, with the projections into their common space
TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"))  # either set of files is enough
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, where the processor's config names no others
BATCH = 32  # pictures at once
MAX_SIDE = 1024  # pixels; a larger side is a mistake in a config, not an encoder of this kind


@dataclass(eq=False)
class Reader:
    """An open encoder. name: for people. side: pixels of a side of what it sees. mean, std: of its input, by channel."""

    name: str
    folder: Path
    network: nn.Module
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @cached_property
    def key(self) -> str:
        """Equal only for readers that give the same features: the weights and how a picture is brought to them."""
        return f"{self.name}:{weights_hash(self.folder)}:{self.side}:{self.mean}:{self.std}"

    @torch.no_grad()
    def read(self, images: Tensor) -> Tensor:
        """Pictures [N, 3, H, W] in [0, 1] -> features [N, D] of unit length, float32 on the CPU.

        The whole picture is resized, not its middle cut out, so that nothing at its border goes unseen.
        """
        device = next(self.network.parameters()).device
        mean, std = (torch.tensor(of, device=device).view(1, 3, 1, 1) for of in (self.mean, self.std))
        features = []
        for part in images.detach().float().split(BATCH):
            size = (self.side, self.side)
            seen = nn.functional.interpolate(part.to(device), size=size, mode="bicubic", antialias=True).clamp(0, 1)
            out = self.network(pixel_values=(seen - mean) / std)
            found = getattr(out, "image_embeds", None)  # CLIP's shared space where there is its projection
            features.append((out.pooler_output if found is None else found).float().cpu())
        return nn.functional.normalize(torch.cat(features), dim=-1)


@dataclass(eq=False)
class Words:
    """The text half of a CLIP: lines in, features out, in the space of the features that its image half gives."""

    name: str
    tokenizer: PreTrainedTokenizerBase
    network: nn.Module

    @torch.no_grad()
    def read(self, lines: Sequence[str]) -> Tensor:
        """Lines -> features [N, D] of unit length, float32 on the CPU; what is longer than CLIP reads is cut."""
        longest = int(self.network.config.max_position_embeddings)  # type: ignore[union-attr, arg-type]
        device = next(self.network.parameters()).device
        found = []
        for line in lines:  # one by one: nothing is padded, so no line depends on the others
            ids = self.tokenizer(line, truncation=True, max_length=longest, return_tensors="pt").input_ids
            found.append(self.network(input_ids=ids.to(device)).text_embeds.float().cpu())
        return nn.functional.normalize(torch.cat(found), dim=-1)


def installed(words: bool = False) -> tuple[Path, str] | None:
    """(folder, name) of the encoder to use, or None. A named folder is given back unread, even when it is not there.

    words: of the cached ones, rather one that reads words too.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if switched_off():
        return None
    if given:
        return Path(given).expanduser(), Path(given).name
    from huggingface_hub import try_to_load_from_cache

    there = []
    for repository in CACHED:
        found = try_to_load_from_cache(repository, "config.json")
        if isinstance(found, str) and _weights(Path(found).parent):  # a cache may hold the config of a model alone
            there.append((Path(found).parent, repository))
    return max(there, key=lambda one: words and reads_words(one[0]), default=None)  # the first of equals


def switched_off() -> bool:
    """Whether no encoder of pictures is to be used, whatever is on this machine."""
    return os.environ.get(VARIABLE, "").strip().lower() == NONE


def reads_words(folder: Path) -> bool:
    """Whether a folder says that it holds a CLIP of both halves, and has a tokenizer."""
    try:
        config = _json(folder, "config.json", folder.name)
    except (FileNotFoundError, ValueError):
        return False
    has = any(all((folder / file).is_file() for file in files) for files in TOKENIZERS)
    return has and WHOLE in (config.get("architectures") or [])


def open_reader(folder: Path, name: str, device: str = "cpu") -> Reader:
    """ValueError or FileNotFoundError in one sentence where the folder holds no encoder of these kinds, whole."""
    config = _json(folder, "config.json", name)
    given = [str(kind) for kind in config.get("architectures") or []]
    kinds = [kind for kind in given if kind in READERS]
    if not kinds:
        what = " ".join(" and ".join(given or [str(config.get("model_type") or "something else")]).split())[:60]
        raise ValueError(f"{name!r} holds {what}; {', '.join(READERS)} would fit.")
    network = _network(folder, name, READERS[kinds[0]])
    side, mean, std = _processing(folder, network.config)
    reader = Reader(name, folder, nn.Module.to(network, device), side, mean, std)
    if not reader.read(torch.full((1, 3, side, side), 0.5)).isfinite().all():
        raise ValueError(f"{name!r} gives features that are not finite; another copy of its weights would fit.")
    return reader


def open_words(folder: Path, name: str, device: str = "cpu") -> Words:
    """The text half of a CLIP folder. ValueError or FileNotFoundError in one sentence where it is not there, whole."""
    config = _json(folder, "config.json", name)
    if WHOLE not in (config.get("architectures") or []):
        raise ValueError(f"{name!r} has no text half beside its image half; a {WHOLE} would fit.")
    if not reads_words(folder):
        raise FileNotFoundError(
            f"{name!r} has no tokenizer; its {' and '.join(TOKENIZERS[1])}, or {TOKENIZERS[0][0]}, would fit."
        )
    network = _network(folder, name, "CLIPTextModelWithProjection")
    from transformers import CLIPTokenizer

    try:
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # tokenizers raises Exception itself where a file is damaged
        raise ValueError(f"The tokenizer of {name!r} cannot be read ({_first(error)}); a whole copy would fit.") from error
    words = Words(name, tokenizer, nn.Module.to(network, device))
    try:
        found = words.read(["a picture"])
    except (IndexError, RuntimeError, TypeError) as error:  # ids beyond the table of a smaller vocabulary
        raise ValueError(f"The tokenizer of {name!r} does not belong to its weights; a whole copy would fit.") from error
    if not found.isfinite().all():
        raise ValueError(f"{name!r} reads words into features that are not finite; another copy of its weights would fit.")
    return words


def _network(folder: Path, name: str, kind: str) -> PreTrainedModel:
    """A transformers class with the weights of a folder, in eval mode. kind: the class's name."""
    if not _weights(folder):
        raise FileNotFoundError(f"{name!r} has no .safetensors file beside its config.json; save_pretrained writes both.")
    import transformers

    try:
        network, found = getattr(transformers, kind).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise ValueError(f"The weights of {name!r} cannot be read ({_first(error)}); a whole copy would fit.") from error
    if missing := sorted(found["missing_keys"]):  # transformers would put random numbers there
        raise ValueError(f"{name!r} lacks {len(missing)} of its weights, {missing[0]} first; a whole copy would fit.")
    made: PreTrainedModel = network.eval().requires_grad_(False)
    return made


def _processing(folder: Path, config: PreTrainedConfig) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """(side, mean, std) of the image processor's config, where there is one; CLIP's position embeddings fit one size only."""
    found = _json(folder, "preprocessor_config.json", folder.name) if (folder / "preprocessor_config.json").is_file() else {}
    side = int(config.image_size)
    if "clip" not in str(config.model_type):
        side = next((s for s in map(_side, (found.get("crop_size"), found.get("size"))) if s), side)
    mean, std = (_channels(found.get(key), default) for key, default in (("image_mean", MEAN), ("image_std", STD)))
    if not 0 < side <= MAX_SIDE or not all(s > 0 for s in std):
        raise ValueError(
            f"{folder.name!r} asks for pictures of {side} pixels and a spread of {std}; up to {MAX_SIDE}, above 0, fit."
        )
    return side, mean, std


def _side(size: object) -> int | None:
    values = [size] if isinstance(size, int) else list(size.values()) if isinstance(size, dict) else []
    return next((value for value in values if isinstance(value, int)), None)


def _channels(given: object, default: tuple[float, ...]) -> tuple[float, ...]:
    numbers = given if isinstance(given, list) and len(given) == 3 else ()
    fits = numbers and all(isinstance(x, (int, float)) and math.isfinite(x) for x in numbers)
    return tuple(float(x) for x in numbers) if fits else default


def _weights(folder: Path) -> bool:
    return any(file.is_file() for file in folder.glob("*.safetensors"))


def _json(folder: Path, file: str, name: str) -> Json:
    if not (folder / file).is_file():
        where = "is not there" if not folder.is_dir() else f"has no {file}"
        raise FileNotFoundError(f"The folder {name!r} {where}; one that transformers saved would fit.")
    try:
        found = json.loads((folder / file).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} of {name!r} is not JSON; a whole copy would fit.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{file} of {name!r} is not a JSON object; a whole copy would fit.")
    return found


def _first(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:160].rstrip(". ")
