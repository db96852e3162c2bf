"""Listing a model from elsewhere: looks at it first, then writes its YAML file into the data folder's `models/`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import SecretStr, ValidationError

from studio.core import demo
from studio.core.explain import brief, explain
from studio.core.files import Json, atomic_write, read_json
from studio.domains import PLAIN
from studio.families.single_files import NAMES, configs, recognised
from studio.families.stable.original.header import read_header
from studio.jobs.paths import Paths
from studio.library import parts
from studio.library.hub import look
from studio.library.hub import read_json as read_remote
from studio.library.listed_sources import Listed, listed_source, listed_sources
from studio.library.models import load_registry
from studio.library.saving import ORDER
from studio.library.source import Source, found, why_not

ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}/[a-z0-9][a-z0-9._-]{0,39}")
Read = Callable[[str], Json]  # a small JSON file of what is added; empty where it has none


@dataclass(frozen=True)
class Wish:
    """What a person says of a model; what is left out is found out, or said to be needed."""

    given: str  # owner/name on the Hub, or a folder or file here
    id: str | None = None
    base: str | None = None
    role: str | None = None
    revision: str | None = None
    variant: str | None = None
    file: str | None = None
    teacher: str | None = None
    holds: str | None = None
    like: str | None = None
    size: int | None = None
    recipe: Json | None = None  # of a student, as `core.recipe.Recipe` has it
    sampled_like: str | None = None  # id of a listed student whose recipe a student has
    scale: float | None = None  # of a LoRA: the strength at which it is the student
    tiny_decoder: str | None = None  # draws previews: a folder or file here, or owner/name on the Hub


def add_model(paths: Paths, wish: Wish, token: SecretStr | None = None) -> Listed:
    """The new entry. ValueError in one sentence where it does not fit; nothing is written then."""
    demo.check("import")
    wish = _of_a_folder(wish)
    source, place = _source(wish), None
    if source.hub is not None:
        seen = look(source, token)
        source = seen.pinned
        read: Read = lambda path: read_remote(source, path, seen.commit, token)  # noqa: E731
    else:
        place = found(source)
        if place is None:
            raise ValueError(why_not(source) or f"{source.name} does not fit what a {source.holds} is; --holds says what it is.")
        read = lambda path: read_json(place / path) or {}  # noqa: E731
    name, known = _id(paths, wish, source), _known(paths)
    for what, other in (("base", source.base), ("teacher", wish.teacher)):
        if other is not None and other not in known:
            raise ValueError(f"There is no model {brief(other)} to be the {what}; models are {', '.join(known)}.")
    read_of_it = _size(source, read, place)
    size = wish.size or known.get(source.base or "", {}).get("size") or read_of_it
    about = _about(wish, source, name, known.get(source.base or "", {}), size, _recipe(paths, wish))
    file = paths.models / f"{name.replace('/', '-')}.yaml"
    if file.exists():
        raise ValueError(f"There is already a file {file.name} among your models; another --id would fit.")
    atomic_write(file, yaml.safe_dump(about, sort_keys=False, allow_unicode=True))
    return listed_sources(paths)[name]


def _source(wish: Wish) -> Source:
    place = Path(wish.given).expanduser()
    here = place.exists() or wish.given.startswith((".", "/", "~"))
    said = {"variant": wish.variant, "file": wish.file, "like": wish.like, "base": wish.base, "scale": wish.scale}
    said |= {"holds": wish.holds or _holds(wish)}
    said |= {"path": str(place.resolve())} if here else {"hub": wish.given}
    said |= {"revision": wish.revision} if wish.revision else {}
    try:
        return Source.model_validate({key: value for key, value in said.items() if value is not None})
    except ValidationError as error:
        raise ValueError(explain(error, Source)) from None


def _of_a_folder(wish: Wish) -> Wish:
    """A folder here that holds nothing but one file of weights, as trainers of LoRAs leave it, is that file."""
    place = Path(wish.given).expanduser()
    if wish.base is None or wish.file is not None or not place.is_dir() or (place / "config.json").exists():
        return wish
    weights = sorted(path for path in place.iterdir() if path.name.endswith(parts.WEIGHTS))
    return replace(wish, given=str(weights[0])) if len(weights) == 1 else wish


def _holds(wish: Wish) -> str:
    """What is meant where it is not said: files on a base are LoRAs when they are called so, or hold one."""
    named = wish.file or (wish.given if wish.given.endswith(parts.WEIGHTS) else None)
    if wish.base is None:
        return "pipeline" if named is None else "single_file"
    if not named or not named.endswith(parts.WEIGHTS):
        return "network"
    return "lora" if "lora" in Path(named).name.lower() or _is_lora(Path(wish.given).expanduser()) else "network"


def _is_lora(file: Path) -> bool:
    try:
        return any("lora" in name.lower() for name in read_header(file).shapes)
    except (ValueError, OSError):  # none of this machine, or damaged, which is said when it is looked at
        return False


def _id(paths: Paths, wish: Wish, source: Source) -> str:
    owner, _, repository = (source.hub or f"mine/{Path(source.name).stem}").partition("/")
    last = Path(source.in_folder or source.file).stem if source.file and source.hub else repository
    name = wish.id or "/".join(re.sub(r"[^a-z0-9._-]+", "-", part.lower())[:40].strip("._-") for part in (owner, last))
    if not ID.fullmatch(name):
        raise ValueError(f"id is {brief(name)}; family/name in lower-case letters and digits fits, like mine/teacher.")
    if name in _known(paths):
        raise ValueError(f"There is already a model {name}; another --id would fit.")
    return name


def _known(paths: Paths) -> dict[str, Json]:
    """Models that are listed, those whose files are not here yet too: id -> domain and size."""
    known = {one.id: one.about for one in listed_sources(paths).values()}
    return known | {
        one.id: {"domain": one.domain, "size": one.size, "teacher": one.teacher} for one in load_registry(paths).entries.values()
    }


def _recipe(paths: Paths, wish: Wish) -> Json | None:
    if wish.recipe is not None or wish.sampled_like is None:
        return wish.recipe
    found = load_registry(paths).get(wish.sampled_like).recipe or listed_source(paths, wish.sampled_like).about.get("recipe")
    if not isinstance(found, dict):
        raise ValueError(f"{wish.sampled_like} has no recipe; a student that is listed would fit.")
    return {**found, "teacher": wish.teacher or wish.base or found["teacher"], "teacher_hash": ""}


def _about(wish: Wish, source: Source, name: str, base: Json, size: int | None, recipe: Json | None) -> Json:
    role = wish.role or ("student" if wish.teacher or source.base else "teacher")
    if role not in ("teacher", "student"):
        raise ValueError(f"role is {brief(role)}; teacher or student fits.")
    teacher = (wish.teacher or source.base) if role == "student" else None
    if role == "student" and teacher is None:
        raise ValueError("A student has a teacher; --teacher must name it.")
    if not size:
        raise ValueError(f"How large {source.name} draws is not said in its configs; --size in pixels must say it.")
    title = name.partition("/")[2] if source.file else (source.name.rpartition("/")[2])
    about = {"id": name, "title": title[:80], "role": role, "teacher": teacher, "domain": base.get("domain", PLAIN),
             "size": int(size), "order": ORDER, "source": source.model_dump(exclude_defaults=True),
             "recipe": recipe if role == "student" else None, "tiny_decoder": _tiny(wish.tiny_decoder)}  # fmt: skip
    return {key: value for key, value in about.items() if value is not None}


def _tiny(given: str | None) -> str | None:
    """A path as it is found from everywhere. Whether it fits is looked at when the model is here."""
    place = Path(given).expanduser() if given else None
    return str(place.resolve()) if place is not None and place.exists() else given


def _size(source: Source, read: Read, place: Path | None) -> int | None:
    """Pixels a side: the network's sample size times what the autoencoder shrinks by, a factor 2 between its levels. place: of
    a file on this machine."""
    if source.holds == "single_file":
        if source.like is not None and source.like not in NAMES:
            raise ValueError(f"like is {brief(source.like)}; {', '.join(NAMES)} fit.")
        layout = source.like or (recognised(read_header(place), place.name).layout if place else None)
        if layout is None:
            return None
        return _size_of(*configs(layout))
    if source.holds != "pipeline":
        return None
    named = parts.parts_of(read(parts.INDEX))
    network = next((name for name in parts.NETWORKS if name in named), None)
    if network is None:
        return None
    return _size_of(read(f"{network}/config.json"), read("vae/config.json"))


def _size_of(network: Json | None, vae: Json | None) -> int | None:
    sample, levels = (network or {}).get("sample_size"), (vae or {}).get("block_out_channels")
    if network and sample is None and isinstance(trained := (vae or {}).get("sample_size"), int):
        return trained  # Flux draws as large as its autoencoder was trained on
    if not isinstance(sample, int) or not isinstance(levels, list):
        return None
    return sample * 2 ** (len(levels) - 1)
