"""What a file or folder on this machine is, for a form that asks what it holds. Reads headers and configs; no torch."""

from __future__ import annotations

from pathlib import Path

from studio.core.explain import brief
from studio.core.files import Json, read_json
from studio.families.layout import WEIGHTS
from studio.families.stable.original.header import Header, read_header
from studio.families.stable.original.kinds import TITLES, is_original_unet, recognised
from studio.families.stable.original.other_controls import HINTED
from studio.library import parts
from studio.library.bringing_controlnets import look_at
from studio.library.pickles import file_refused, is_pickle

LORA = ("lora_up.", "lora_down.", ".lora_A.", ".lora_B.", ".hada_w", ".lokr_w")
TEXTS = ("cond_stage_model.", "conditioner.")
CONTROL = "ControlNet"


def recognise(place: Path) -> Json:
    """{"holds", "said", "name", "hint", "like"}: pipeline, single_file, network, lora or controlnet, in words, with what a
    ControlNet's file proposes and what a checkpoint is like. ValueError in one sentence where it is none of them."""
    if not place.exists():
        raise ValueError(f"{brief(place.name)} is not there.")
    if place.is_dir():
        return _folder(place)
    if is_pickle(place.name):
        raise ValueError(file_refused(place.name))
    if place.suffix != WEIGHTS:
        raise ValueError(f"{brief(place.name)} is no .safetensors file, which would fit.")
    try:
        return _file(place)
    except ValueError as error:
        raise ValueError(f"{str(error).rstrip('.')}.") from error


def _folder(place: Path) -> Json:
    if (place / parts.INDEX).is_file():
        return _told("pipeline", "A model as diffusers writes it.")
    kind = str((read_json(place / "config.json") or {}).get("_class_name") or "")
    if CONTROL in kind or kind in ("T2IAdapter", "MultiAdapter"):
        return _control(place)
    if kind.endswith(("UNet2DConditionModel", "Transformer2DModel")):
        return _told("network", "A network, which stands on a listed model.")
    raise ValueError(f"{brief(place.name)} is no folder that diffusers wrote, which would fit.")


def _file(place: Path) -> Json:
    header = read_header(place)
    names = header.shapes
    if any(part in name for name in names for part in LORA):
        return _told("lora", "A LoRA, which stands on a listed model.")
    if any(part in name for name in names for part in HINTED) or _foreign_control(header):
        return _control(place)
    alone = not any(name.startswith(TEXTS) for name in names)
    if alone and (is_original_unet(header) or "conv_in.weight" in names and any(n.startswith("down_blocks.") for n in names)):
        return _told("network", "A UNet alone, which stands on a listed model.")
    found = recognised(header, place.name)
    return _told("single_file", f"A checkpoint of {TITLES[found.layout]}. {found.notice}".strip(), like=found.layout)


def _foreign_control(header: Header) -> bool:
    return any(name.startswith(("controlnet_", "lllite_", "body.", "adapter.body.")) for name in header.shapes)


def _control(place: Path) -> Json:
    seen = look_at(place)
    base = seen.found.base or "a base of its own shape"
    return _told("controlnet", f"A ControlNet for {base}.", name=seen.name, hint=seen.hint)


def _told(holds: str, said: str, name: str = "", hint: str = "", like: str = "") -> Json:
    return {"holds": holds, "said": said, "name": name, "hint": hint, "like": like}
