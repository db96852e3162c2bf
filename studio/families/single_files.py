"""Checkpoints in one file, of any family that reads them: which layout one has, from its header, and what is shipped for it. No
torch."""

from __future__ import annotations

import shutil
from pathlib import Path

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json, read_json
from studio.families.stable.original import kinds as stable
from studio.families.stable.original import shipped as stable_shipped
from studio.families.stable.original.header import Header
from studio.families.stable.original.kinds import Found
from studio.families.transformer.original import kinds as transformer
from studio.families.transformer.original import shipped as transformer_shipped

NAMES = (*stable_shipped.NAMES, *transformer_shipped.NAMES)
CLIP_WORDS = stable_shipped.LAYOUTS / "clip"


def recognised(header: Header, name: str, like: str | None = None) -> Found:
    """name: of the file. like: the layout that a person says it has. ValueError in one sentence where it is no checkpoint of a
    layout that is known."""
    if like is not None and like not in NAMES:
        raise ValueError(f"The layout {brief(like)} is unknown; {', '.join(NAMES)} are there.{did_you_mean(like, NAMES)}")
    family = stable if transformer.network_in(header) is None else transformer
    return family.recognised(header, name, like)


def configs(layout: str) -> tuple[Json | None, Json | None]:
    """Of the network and the autoencoder of a layout that is shipped."""
    folder = _root(layout) / layout
    network = "unet" if layout in stable_shipped.NAMES else "transformer"
    return read_json(folder / network / "config.json"), read_json(folder / "vae" / "config.json")


def lay_out(found: Found, header: Header, draft: Path, layouts: Path | None = None) -> None:
    """Write the configs and tokenizers of a layout, and let them say what the file's header does. layouts: where they are."""
    shutil.copytree((layouts or _root(found.layout)) / found.layout, draft, dirs_exist_ok=True)
    if found.layout in transformer_shipped.NAMES:
        transformer.fit(draft, header)
    for tokenizer in draft.glob("tokenizer*"):
        if [path.name for path in tokenizer.iterdir()] == ["tokenizer_config.json"]:
            kind = (read_json(tokenizer / "tokenizer_config.json") or {}).get("tokenizer_class")
            words = transformer_shipped.T5_WORDS if str(kind).startswith("T5") else CLIP_WORDS
            shutil.copytree(words, tokenizer, dirs_exist_ok=True)


def check_part(header: Header, part: str, folder: Path) -> None:
    """ValueError to stand behind a colon, where a part of a folder does not have its weights in a file."""
    family = transformer if (folder / "transformer").is_dir() else stable
    family.check_part(header, part, read_json(folder / part / "config.json") or {})


def _root(layout: str) -> Path:
    return stable_shipped.LAYOUTS if layout in stable_shipped.NAMES else transformer_shipped.LAYOUTS
