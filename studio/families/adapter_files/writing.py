"""An `Edit` -> files that other tools read with its true alpha, whole or not at all.

What plain diffusers (0.42) makes of each layout decides some details:

- diffusers: alpha is nowhere among the tensors; it is in the header, as the JSON of one LoraConfig for each part, which
  `load_lora_weights` obeys. Layers of other rank or alpha are named in its patterns.
- kohya: alpha stands beside every pair. `load_lora_weights` reads it rightly while it is the same for the whole part, but
  loses track of attention layers where it differs (it files them under names that no longer exist). So where alphas differ
  within a part they are made equal and B takes the difference: the layer's change stays the same. diffusers' own converter
  (`convert_state_dict_to_kohya`) writes alpha = rank and is not used.
- kohya with new words: they go into the file as AUTOMATIC1111 and ComfyUI read them; plain diffusers refuses any file with
  names it does not know, so `bundle=False` puts them beside it.
- kohya on text encoders: diffusers guesses the format from the output projection, and gives up where only some of the
  attention's layers are changed (q and v, say); the diffusers layout has no such limit.
- PEFT: a folder for each part with adapter_config.json. A folder with no part's name is the UNet's.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, get_args

import torch
from safetensors.torch import save
from torch import Tensor

from studio.core.edit import Edit, LowRank
from studio.core.files import Json
from studio.core.weights import replace_bytes
from studio.core.word_rows import SECOND, mark_of, plain
from studio.families.adapter_files import positions, references, words
from studio.families.adapter_files.container import shown
from studio.families.adapter_files.header import header_of
from studio.families.adapter_files.reading import DIFFUSERS_CONFIG, PARTS, PEFT_CONFIG, PEFT_WEIGHTS

Layout = Literal["diffusers", "peft", "kohya"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

Pairs = Mapping[str, LowRank]  # by path inside a part
# the two layers that diffusers' reader knows by kohya's names for SDXL alone
LDM_ONLY = {"add_embedding_linear_1": "label_emb_0_0", "add_embedding_linear_2": "label_emb_0_2"}


def write(
    edit: Edit,
    path: Path | str,
    layout: Layout,
    private: bool = False,
    *,
    xl: bool | None = None,
    bundle: bool = True,
    network: str = "unet",
    architecture: str = "",
) -> list[Path]:
    """Write the edit and return the files that were written, the adapter first.

    path: a .safetensors file, or for PEFT a folder. private: whether prompts, notes, settings and the date may be in the
    header. xl: whether the base is SDXL (default: whether the edit names something only SDXL has); it decides kohya's name
    for the first text encoder. bundle: for kohya, whether new words go into the file. Where they go beside it, each word is
    a file `<stem>.tokens.safetensors`, `<stem>.tokens-2.safetensors`, … that `pipe.load_textual_inversion` reads; with several
    text encoders its tensors are "clip_l", "clip_g" and "t5xxl", to be given to it one by one.
    """
    path = Path(path)
    _check(edit, path, layout)
    large = _is_xl(edit) if xl is None else xl
    header = header_of(edit, private, large, architecture)
    by_part: dict[str, dict[str, LowRank]] = {}
    for full, pair in edit.pairs.items():
        part, _, inside = full.partition(".")
        if part not in PARTS:
            raise ValueError(f"layer {shown(full)} is in no part that a file can name; {', '.join(PARTS)} fit")
        by_part.setdefault(part, {})[inside] = pair
    bundled = edit.tokens if layout == "kohya" and bundle else {}
    written = []
    if layout == "peft":
        alone = set(by_part) <= {"unet"}
        for part, pairs in sorted(by_part.items()):
            written += _peft(path if alone else path / part, pairs, header, edit.card.base)
        near = path / "adapter.safetensors"
    else:
        tensors = _diffusers(by_part, network) if layout == "diffusers" else _kohya(by_part, large) | _bundle(bundled)
        if layout == "diffusers" and by_part:
            header[DIFFUSERS_CONFIG] = json.dumps(
                {f"{_called(p, network)}.{key}": value for p, pairs in by_part.items() for key, value in _config(pairs).items()}
            )
        tensors |= references.written(edit.references)
        if tensors:
            written.append(_save(path, tensors, header))
        near = path
    if (told := edit.position) is not None:
        about = {positions.EXTENT: " ".join(map(repr, told.extent))}
        written.append(_save(positions.beside(path), {told.layer: told.weights}, about))
    if edit.tokens and not bundled:
        written += _beside(near, edit, header, only=not by_part)
    return written


def _check(edit: Edit, path: Path, layout: str) -> None:
    """ValueError where a layout cannot hold an edit, or a name does not fit it."""
    if layout not in LAYOUTS:
        raise ValueError(f"layout {layout!r} is unknown; one of {', '.join(LAYOUTS)} fits")
    if layout != "peft" and path.suffix != ".safetensors":
        raise ValueError(f"{shown(path.name)} does not end in .safetensors; such a name would fit")
    if edit.position is not None and layout != "diffusers":
        raise ValueError(
            f"{shown(edit.card.title)} was taught on patches, and files of the layout {layout} do not say where each lies; "
            "diffusers would fit"
        )
    if edit.references is not None and layout != "diffusers":
        raise ValueError(
            f"{shown(edit.card.title)} reads reference pictures, and files of the layout {layout} have no place for that; "
            "diffusers would fit"
        )
    for word in edit.tokens:
        words.checked(word)


def _is_xl(edit: Edit) -> bool:
    return any(p.startswith("text_encoder_2.") or ".add_embedding." in p for p in edit.pairs) or any(
        word.endswith(SECOND) for word in edit.tokens
    )


def _called(part: str, network: str) -> str:
    return network if part == "unet" else part


def _diffusers(by_part: Mapping[str, Pairs], network: str) -> dict[str, Tensor]:
    return {
        f"{_called(part, network)}.{_named(part, inside)}.lora_{side}.weight": tensor
        for part, pairs in by_part.items()
        for inside, pair in pairs.items()
        for side, tensor in (("A", pair.down), ("B", pair.up))
    }


def _kohya(by_part: Mapping[str, Pairs], xl: bool) -> dict[str, Tensor]:
    prefixes = {"unet": "lora_unet_", "text_encoder": "lora_te1_" if xl else "lora_te_", "text_encoder_2": "lora_te2_"}
    tensors: dict[str, Tensor] = {}
    for part, pairs in by_part.items():
        common = _usual(pair.alpha for pair in pairs.values())
        for inside, pair in pairs.items():
            if pair.alpha != common:
                pair = LowRank(pair.down, pair.up.float() * (pair.alpha / common), common)
            flat = _named(part, inside).replace(".", "_")
            name = prefixes[part] + LDM_ONLY.get(flat, flat)
            tensors |= {f"{name}.lora_down.weight": pair.down, f"{name}.lora_up.weight": pair.up,
                        f"{name}.alpha": torch.tensor(pair.alpha)}  # fmt: skip
    return tensors


def _named(part: str, inside: str) -> str:
    """CLIPs are spelled with "text_model.", as every version of diffusers understands them; a T5 has blocks and no such name."""
    plain = part == "unet" or inside.startswith(("text_model.", "text_projection", "encoder.block."))
    return inside if plain else f"text_model.{inside}"


def _peft(folder: Path, pairs: Pairs, header: Mapping[str, str], base: str) -> list[Path]:
    tensors = {
        f"base_model.model.{inside}.lora_{side}.weight": tensor
        for inside, pair in pairs.items()
        for side, tensor in (("A", pair.down), ("B", pair.up))
    }
    config = {"peft_type": "LORA", "task_type": None, "base_model_name_or_path": base or None, "bias": "none",
              "inference_mode": True, **_config(pairs)}  # fmt: skip
    weights = _save(folder / PEFT_WEIGHTS, tensors, header)
    replace_bytes(folder / PEFT_CONFIG, (json.dumps(config, indent=2) + "\n").encode())
    return [weights, folder / PEFT_CONFIG]


def _config(pairs: Pairs) -> Json:
    """The LoraConfig of one part: the usual rank and alpha, and the layers that have others. Paths are without
    "text_model.", which PEFT's matching by endings finds with or without it."""
    rank, alpha = int(_usual(p.rank for p in pairs.values())), _usual(p.alpha for p in pairs.values())
    names = {inside.removeprefix("text_model."): pair for inside, pair in pairs.items()}
    return {
        "r": rank,
        "lora_alpha": _plain(alpha),
        "target_modules": sorted(names),
        "rank_pattern": {name: pair.rank for name, pair in names.items() if pair.rank != rank},
        "alpha_pattern": {name: _plain(pair.alpha) for name, pair in names.items() if pair.alpha != alpha},
    }


def _usual(values: Iterable[float]) -> float:
    counts = Counter(float(value) for value in values)
    return max(counts, key=lambda value: (counts[value], value))


def _plain(alpha: float) -> float:
    return int(alpha) if alpha == int(alpha) else alpha


def _bundle(tokens: Mapping[str, Tensor]) -> dict[str, Tensor]:
    two = any(word.endswith(SECOND) for word in tokens)
    out = {}
    for word, rows in tokens.items():
        kind = words.KEY_OF[mark_of(word)] if two else "string_to_param.*"
        out[f"{words.BUNDLE}{plain(word)}.{kind}"] = rows
    return out


def _beside(path: Path, edit: Edit, header: Mapping[str, str], only: bool) -> list[Path]:
    """A file for each word; where there is nothing but words, the first is the file itself."""
    marks = {mark_of(word) for word in edit.tokens}
    several = len(marks) > 1 or SECOND in marks
    written = []
    for i, word in enumerate(sorted({plain(word) for word in edit.tokens})):
        rows = {mark: edit.tokens[word + mark] for mark in sorted(marks) if word + mark in edit.tokens}
        tensors = {words.KEY_OF[mark] if several else word: part for mark, part in rows.items()}
        own = {**{k: v for k, v in header.items() if k != DIFFUSERS_CONFIG}, "modelspec.trigger_phrase": word}
        place = path if only and i == 0 else words.beside_name(path, i - only)
        written.append(_save(place, tensors, own))
    return written


def _save(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> Path:
    """The file, with the hash of everything after its header (modelspec.hash_sha256; kohya: sshs_model_hash)."""
    ready = {name: t.detach().to("cpu", memory_format=torch.contiguous_format).contiguous() for name, t in tensors.items()}
    bare = save(ready)
    digest = hashlib.sha256(memoryview(bare)[8 + int.from_bytes(bare[:8], "little") :]).hexdigest()
    del bare
    replace_bytes(path, save(ready, metadata={"format": "pt", **header, "modelspec.hash_sha256": f"0x{digest}",
                                              "sshs_model_hash": digest}))  # fmt: skip
    return path
