"""ControlNets from elsewhere: looked at by their headers, then listed beside those that were made here. No torch.

What is brought becomes a folder of diffusers in the data folder's `controlnets/mine/`: the config, a link to the weights where
they lie, and a card with what the person said of it. A file that came through the page is moved there instead.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from studio.core.explain import brief
from studio.families.layout import WEIGHTS
from studio.families.stable.original.controls import FoundControl, found_control
from studio.families.stable.original.shipped import LAYOUTS
from studio.jobs.paths import Paths
from studio.library import placing
from studio.library.adapters import CARD, NAME
from studio.library.controlnets import CONFIG, FAMILY, ControlNetEntry, home, load_controlnets
from studio.library.pickles import file_refused, is_pickle
from studio.library.uploads import is_upload

HINT = re.compile(r"[a-z0-9][a-z0-9 _-]{0,39}")
# Kinds of pictures, and what names of files call them. The first that is found is proposed.
CALLED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("canny", ("canny",)),
    ("depth", ("depth", "zoe")),
    ("pose", ("openpose", "dwpose", "pose")),
    ("soft edges", ("softedge", "hed", "pidi", "teed")),
    ("scribble", ("scribble", "sketch")),
    ("line art", ("lineart", "anyline")),
    ("straight lines", ("mlsd",)),
    ("normals", ("normalbae", "normal")),
    ("segments", ("seg", "segmentation")),
    ("tile", ("tile",)),
    ("blur", ("blur",)),
    ("inpaint", ("inpaint",)),
    ("picture to edit", ("ip2p",)),
    ("colours", ("recolor", "color")),
    ("brightness", ("brightness", "luminance")),
    ("qr code", ("qrcode", "qr")),
)


@dataclass(frozen=True)
class LookedAt:
    """name: what it would be called. hint: the kind of picture that its file's name speaks of, a proposal; "" where none."""

    found: FoundControl
    name: str
    hint: str


def look_at(place: Path, layouts: Path = LAYOUTS) -> LookedAt:
    """place: a folder that diffusers wrote, or a file. ValueError in one sentence where it is no ControlNet that fits any model
    that can be here."""
    if is_pickle(place.name) and not place.is_dir():
        raise ValueError(file_refused(place.name))
    if not place.exists():
        raise ValueError(f"{brief(place.name)} is not there; a folder that diffusers wrote, or a .safetensors file, would fit.")
    if place.is_dir() and not any(place.glob(f"*{WEIGHTS}")) and (pickle := next(filter(is_pickle, os.listdir(place)), None)):
        raise ValueError(file_refused(pickle))
    if not place.is_dir() and place.suffix != WEIGHTS:
        raise ValueError(f"{brief(place.name)} is no .safetensors file, which would fit; so would a folder that diffusers wrote.")
    try:
        found = found_control(place, layouts)
    except ValueError as error:
        raise ValueError(f"{str(error).rstrip('.')}.") from error
    stem = place.name if place.is_dir() else place.stem
    return LookedAt(found, _called(stem), proposed(stem))


def proposed(name: str) -> str:
    """The kind of picture that a file's name speaks of, or ""."""
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    return next((hint for hint, called in CALLED if words & set(called)), "")


def bring(paths: Paths, place: Path, name: str = "", hint: str = "", title: str = "", layouts: Path = LAYOUTS) -> ControlNetEntry:
    """List it. name, title: made of the file's where they are empty. hint: the kind of picture that it reads, as the person says.
    ValueError in one sentence where it does not fit; nothing is written then."""
    seen = look_at(place, layouts)
    name = name or seen.name
    if not NAME.fullmatch(name):
        raise ValueError(
            f"The name {brief(name, 40)} does not fit; up to 40 lower-case letters, digits, ., _ and - would, like my-canny."
        )
    if hint and not HINT.fullmatch(hint):
        raise ValueError(
            f"The hint {brief(hint, 40)} does not fit; up to 40 lower-case letters, digits and blanks would, like canny."
        )
    target = home(paths) / FAMILY / name
    if target.exists():
        raise ValueError(f"There is a ControlNet {FAMILY}/{name} already; another name would fit.")
    with placing.whole(target) as draft:
        placing.link(seen.found.weights, draft / seen.found.name)
        placing.write(draft / CONFIG, seen.found.config)
        placing.write(draft / CARD, {"card": {"title": title or name, "hint": hint, "for": seen.found.base}})
    if is_upload(paths, place):
        os.replace(place, target / seen.found.name)
    return load_controlnets(paths).get(f"{FAMILY}/{name}")


def _called(stem: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower())[:40].strip("._-") or "controlnet"
