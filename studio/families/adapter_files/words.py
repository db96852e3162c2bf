"""Rows of new words in files: inside kohya's ("bundle_emb."), in a file of learned embeddings, or beside an adapter.

A word with several vectors has several rows; a model with several text encoders has rows of all widths, "clip_l", "clip_g" and
"t5xxl".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from studio.core.word_rows import SECOND, T5
from studio.families.adapter_files.container import as_float, shown
from studio.families.adapter_files.targets import Targets, is_t5, word_width

BUNDLE = "bundle_emb."
CLIP_L, CLIP_G, LONG = "clip_l", "clip_g", "t5xxl"  # as ComfyUI calls them; diffusers' script for Flux calls T5's "t5"
KEY_OF = {"": CLIP_L, SECOND: CLIP_G, T5: LONG}
KEYS = {CLIP_L: "", CLIP_G: SECOND, LONG: T5, "t5": T5}
MOST_ROWS, MOST_WORDS, LONGEST = 64, 256, 64


def bundled(tensors: Mapping[str, Tensor], modules: Targets) -> dict[str, Tensor]:
    """Words of a kohya file: "bundle_emb.<word>.string_to_param.*", or ".clip_l" and ".clip_g" for two encoders."""
    found: dict[str, Tensor] = {}
    for key, rows in tensors.items():
        if key.startswith(BUNDLE):
            word, _, kind = key.removeprefix(BUNDLE).rpartition(".")
            word = word.removesuffix(".string_to_param")
            found |= _row(word, rows, modules, KEYS.get(kind))
    return _few(found)


def embeddings(tensors: Mapping[str, Tensor], modules: Targets, stem: str) -> dict[str, Tensor] | None:
    """Words of a file of learned embeddings; None where the file is something else.

    Read are {word: rows} (diffusers), "emb_params" (AUTOMATIC1111) and "clip_l" with "clip_g" (SDXL) or T5's (`KEYS`), the last
    two named by the file, ``stem``."""
    if not tensors or len(tensors) > MOST_WORDS or any(t.ndim not in (1, 2) for t in tensors.values()):
        return None
    if set(tensors) <= set(KEYS):
        return {k: v for key, rows in tensors.items() for k, v in _row(stem, rows, modules, KEYS[key]).items()}
    if set(tensors) == {"emb_params"}:
        return _row(stem, tensors["emb_params"], modules, None)
    if any("." in word or len(word) > LONGEST for word in tensors):
        return None
    return {k: v for word, rows in tensors.items() for k, v in _row(word, rows, modules, None).items()}


def beside(path: Path) -> list[Path]:
    """The files of words that were written beside an adapter, in order."""
    if not path.parent.is_dir() or is_tokens(path):
        return []
    start = f"{path.stem}.tokens"
    near = [p for p in path.parent.iterdir() if p.name.startswith(start) and is_tokens(p)]
    return sorted(near, key=lambda p: (len(p.name), p.name))[:MOST_WORDS]


def beside_name(path: Path, i: int) -> Path:
    """Where the i-th word of the adapter at ``path`` goes, from 0."""
    return path.with_name(f"{path.stem}.tokens{f'-{i + 1}' if i else ''}.safetensors")


def is_tokens(path: Path) -> bool:
    before, dot, last = path.name.removesuffix(".safetensors").rpartition(".tokens")
    return path.suffix == ".safetensors" and bool(dot and before) and (not last or last.removeprefix("-").isdigit())


def checked(word: str) -> str:
    """The word, if a prompt can hold it."""
    if not 0 < len(word) <= LONGEST or any(c.isspace() or not c.isprintable() for c in word):
        raise ValueError(f"a new word is called {shown(word)}; 1 to {LONGEST} printable characters without spaces would fit")
    return word


def _row(word: str, rows: Tensor, modules: Targets, mark: str | None) -> dict[str, Tensor]:
    """{word with its mark: [n, width]} for the text encoder whose rows are as wide. mark: where the file says whose they are."""
    rows = as_float(rows, word)
    rows = rows[None] if rows.ndim == 1 else rows
    widths = {
        T5 if is_t5(modules[part]) else SECOND if part.endswith("_2") else "": width
        for part in sorted(modules)
        if part.startswith("text_encoder") and (width := word_width(modules, part))
    }
    fits = [own for own, width in widths.items() if rows.ndim == 2 and rows.shape[1] == width and mark in (None, own)]
    if not fits:
        have = " and ".join(str(width) for width in widths.values()) or "no text encoder"
        raise ValueError(
            f"the word {shown(word)} has rows of shape {list(rows.shape)}; this model's are {have} wide, so it was "
            "made for another architecture"
        )
    if not 1 <= rows.shape[0] <= MOST_ROWS:
        raise ValueError(f"the word {shown(word)} has {rows.shape[0]} rows; 1 to {MOST_ROWS} would fit")
    return {checked(word) + fits[0]: rows}


def _few(found: dict[str, Tensor]) -> dict[str, Tensor]:
    if len(found) > MOST_WORDS:
        raise ValueError(f"the file brings {len(found)} words; up to {MOST_WORDS} would fit")
    return found
