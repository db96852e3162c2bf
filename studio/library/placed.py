"""The folder of a model whose YAML file names a source: put together once (`library.placing`), found again by what it is made of.

Folders lie in the data folder's `models/placed/`. One is made anew when the source, its base or what the YAML file says of the
student has changed; nothing is downloaded here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from studio.core.files import Json
from studio.core.recipe import FILE_NAME
from studio.families import describe
from studio.library import placing
from studio.library.source import Source, found, why_not

STAMP = "placed.json"
NAMES = {"eps": "epsilon", "v": "v_prediction", "x0": "sample"}  # of predictions, as diffusers' schedulers have them


@dataclass(frozen=True)
class Wanted:
    """What a folder is to be made of. beside: the folder of the YAML file. base: the folder of the model that it stands on.
    card, recipe: written into it."""

    id: str
    source: Source
    beside: Path
    base: Path | None
    card: Json
    recipe: Json | None

    @property
    def stamp(self) -> str:
        """Of all that decides what the folder holds, but for the bytes of files at the same places."""
        said = [self.source.model_dump(mode="json"), str(self.beside), str(self.base), self.card, self.recipe]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def folder_for(models: Path, model_id: str) -> Path:
    """models: the data folder's own."""
    return models / "placed" / model_id


def place(wanted: Wanted, target: Path) -> str:
    """Make the folder, unless it is there as it should be. Why it cannot be made, one sentence, or ""."""
    if _stamp(target) == wanted.stamp:
        return ""
    files = found(wanted.source, wanted.beside)
    if files is None:
        download = f"{wanted.id} is not downloaded yet; `python -m studio models download {wanted.id}` does it."
        return why_not(wanted.source, wanted.beside) or download
    try:
        with placing.whole(target) as draft:
            _fill(wanted, files, draft)
            placing.write(draft / "card.json", wanted.card)
            if wanted.recipe is not None:
                placing.write(draft / FILE_NAME, wanted.recipe)
            placing.write(draft / STAMP, {"of": wanted.stamp})
    except (OSError, ValueError) as error:
        said = str(error) if isinstance(error, ValueError) else f"its files cannot be put together ({error.strerror})"
        return f"{wanted.id} cannot be opened: {said}"
    return ""


def _fill(wanted: Wanted, files: Path, draft: Path) -> None:
    source, base = wanted.source, wanted.base
    if source.holds == "pipeline":
        placing.pipeline(files, draft)
        return
    if source.holds == "single_file":
        placing.single_file(files, draft, source.like)
        return
    assert base is not None, "looked at before"
    if source.holds == "lora":
        placing.lora_on(base, files, draft, source.scale)
    else:
        placing.network_on(base, files, draft)
    ours = (wanted.recipe or {}).get("prediction")
    if ours in NAMES and ours != describe(base).prediction:
        placing.predict(draft, NAMES[ours])


def _stamp(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / STAMP).read_text())["of"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
