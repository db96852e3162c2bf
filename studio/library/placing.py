"""A checkpoint in several places put together as one diffusers folder, by links: what a student shares with its base stays once
on the disk, and every program that reads diffusers folders can read the result. Reads headers and JSON; no torch.

    with whole(target) as draft:            # what is written there becomes the target, all of it or nothing
        single_file(file, draft)            # a whole checkpoint in the original layout, with the configs that are shipped for it
        network_on(base, file, draft)       # or a network alone (DMD2, Lightning) in its base's folder
        lora_on(base, file, draft, 1.0)     # or a student in the form of a LoRA: the base's folder, and the LoRA beside it

ValueError in one sentence where something does not fit.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from studio.core.explain import brief
from studio.core.files import Json, read_json
from studio.families.layout import ORIGINAL, original_of
from studio.families.single_files import check_part, lay_out, recognised
from studio.families.stable.original.header import Header, read_header
from studio.families.stable.original.kinds import Found, check_channels, is_original_unet
from studio.families.stable.original.names import names_of
from studio.families.transformer.original import kinds as transformers
from studio.families.transformer.original.names import shapes_here
from studio.families.weight_shapes import weight_shapes
from studio.library import parts
from studio.library.pickles import file_refused, is_pickle

CONFIG = "config.json"
GUIDED = "time_embedding.cond_proj.weight"  # of a UNet that takes the guidance scale as an input
LEFT_OUT = (*parts.SKIPPED, "card.json", "recipe.json", "placed.json", "README.md")
LORA = "lora/pytorch_lora_weights.safetensors"
LORA_SETTINGS = "lora/settings.json"


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A folder to write in, which becomes the target at the end; one that was there before is replaced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        yield draft
        for _ in range(3):  # another process may be doing the same
            shutil.rmtree(target, ignore_errors=True)
            with suppress(OSError):
                os.replace(draft, target)
                break
        else:
            raise ValueError(f"the folder {target.name} is in use; another try would fit.")
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def pipeline(found: Path, draft: Path) -> None:
    """A whole diffusers folder that lies elsewhere, as in the Hub's cache."""
    _link_all(found, draft, lambda name: False)


def single_file(file: Path, draft: Path, like: str | None = None, layouts: Path | None = None) -> Found:
    """Which model the file is of is read from its header; what it does not say of itself comes from a folder of `layouts`, the
    shipped ones where none is given.

    like: the layout by name, where a file does not tell (Stable Diffusion 2's base and 768 pixels have the same weights' names).
    Returns what was found; its notice says what had to be assumed.
    """
    _refuse_pickle(file)
    header = read_header(file)
    found, begin = recognised(header, file.name, like), f"{brief(file.name)} cannot be opened"
    with _begun(begin):
        lay_out(found, header, draft, layouts)
    if found.prediction != transformers.FLOW:
        zero = {"rescale_betas_zero_snr": True} if found.zero_snr else {}
        _update(draft / "scheduler" / "scheduler_config.json", {"prediction_type": found.prediction, **zero})
    for part in (network_part(draft), "vae", *sorted(path.name for path in draft.glob("text_encoder*"))):
        _check(header, part, draft, begin)
    link(file, draft / ORIGINAL)
    return found


def network_on(base: Path, network: Path, draft: Path) -> None:
    """network: a weights file, or a folder with config.json and weights."""
    part = network_part(base)
    _link_all(base, draft, lambda name: name.startswith((f"{part}/", "lora/")) and name != f"{part}/{CONFIG}")
    if network.is_dir():
        for path in sorted(network.iterdir()):
            if path.is_file() and _wanted(path.name):
                link(path, draft / part / path.name)
    else:
        _refuse_pickle(network)
        link(network, draft / part / _name_of(network, part, draft, base))


def lora_on(base: Path, lora: Path, draft: Path, scale: float = 1.0) -> None:
    """scale: the strength at which the LoRA makes the student."""
    _refuse_pickle(lora)
    network_part(base)
    _link_all(base, draft, lambda name: name.startswith("lora/"))
    link(lora, draft / LORA)
    write(draft / LORA_SETTINGS, {"scale": scale})


def predict(draft: Path, prediction: str) -> None:
    """Let the folder's scheduler say what a student gives where its base gives something else; as diffusers names it."""
    _update(draft / "scheduler" / "scheduler_config.json", {"prediction_type": prediction})


def _name_of(network: Path, part: str, draft: Path, base: Path) -> str:
    """What a network alone is called in its part, by its layout. ValueError where it is of another base."""
    header, name = read_header(network), brief(network.name)
    if part == "transformer" and transformers.network_in(header) is not None:
        transformers.refuse_unread(header, name)
        with _begun(f"{name} is of another base"):
            transformers.check_network(header, read_json(draft / part / CONFIG) or {})
        return ORIGINAL
    if part != "unet" or not is_original_unet(header):
        _check_weights(header, part, draft, base, name)
        return "diffusion_pytorch_model.safetensors"
    check_channels(header, name)
    _check(header, part, draft, f"{name} is of another base")
    return ORIGINAL


def _check_weights(header: Header, part: str, draft: Path, base: Path, name: str) -> None:
    """Weights under diffusers' names must be those of the base. A UNet that takes guidance as an input says so in its config."""
    ours, theirs = weight_shapes(base / part), {key: list(shape) for key, shape in header.shapes.items()}
    if (original := original_of(base / part)) is not None:
        config, there = read_json(base / part / CONFIG) or {}, read_header(original).shapes
        if part == "unet":
            _check_shapes([there[key] for key in names_of(part, config, there) & there.keys()], header, name)
        else:
            ours = shapes_here(config, there)
    if (taken := theirs.get(GUIDED)) is not None and GUIDED not in ours:
        _update(draft / part / CONFIG, {"time_cond_proj_dim": taken[1]})
    lacks = sorted(ours.keys() - theirs.keys())
    if lacks:
        raise ValueError(f"{name} is of another base: it lacks {len(lacks)} of {len(ours)} weights, {lacks[0]} for one.")
    other = next((key for key in sorted(ours) if ours[key] != theirs[key]), None)
    if other is not None:
        raise ValueError(f"{name} is of another base: its {other} has the shape {theirs[other]}, and the base's {ours[other]}.")


def _check_shapes(ours: Iterable[Sequence[int]], header: Header, name: str) -> None:
    """Where the base calls its weights otherwise: as many of each shape. Layers of one pixel may be linear or convolutions."""
    wanted = Counter(_plain(shape) for shape in ours)
    there = Counter(_plain(shape) for key, shape in header.shapes.items() if key != GUIDED)
    if wanted == there:
        return
    differ = (("lacks", wanted - there), ("adds", there - wanted))
    told = ", and ".join(f"{verb} {of.total()}, of the shape {list(min(of))} for one" for verb, of in differ if of)
    raise ValueError(f"{name} is of another base: held against the {wanted.total()} weights of the base's unet, it {told}.")


def _plain(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(shape[:2]) if tuple(shape[2:]) == (1, 1) else tuple(shape)


def _check(header: Header, part: str, folder: Path, begin: str) -> None:
    with _begun(begin):
        check_part(header, part, folder)


@contextmanager
def _begun(begin: str) -> Iterator[None]:
    """What is raised inside stands behind this and a colon."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{begin}: {error}.") from error


def network_part(base: Path) -> str:
    """Folder of the part that denoises."""
    for part in parts.NETWORKS:
        if (base / part).is_dir():
            return part
    raise ValueError(f"The base {brief(base.name)} has no {' and no '.join(parts.NETWORKS)}, so it is no base of a student.")


def link(source: Path, target: Path) -> None:
    """The file at another place as well: a link, on systems without links a second name of it, else a copy."""
    source = source.resolve(strict=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    for way in (os.symlink, os.link):
        try:
            way(source, target)
            return
        except OSError:
            continue
    shutil.copyfile(source, target)


def _link_all(folder: Path, draft: Path, left_out: Callable[[str], bool]) -> None:
    """Weights by links; small files that say what a model is, as copies, so that one can be changed."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.split("/")[0] in LEFT_OUT or not _wanted(path.name) or left_out(name):
            continue
        if path.suffix == ".json" and path.stat().st_size < 1 << 20:
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, draft / name)
        else:
            link(path, draft / name)


def _wanted(name: str) -> bool:
    return not name.startswith(".") and not is_pickle(name)


def _refuse_pickle(path: Path) -> None:
    if path.suffix != parts.WEIGHTS:
        raise ValueError(file_refused(path.name))


def _update(path: Path, values: Json) -> None:
    write(path, {**(read_json(path) or {}), **values})


def write(path: Path, value: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
