"""Where a model's files come from: a repository of the Hugging Face Hub, or a place on this machine.

Stands as `source:` in a model's YAML file. `found` says where its files lie here, without network: in the Hugging Face cache
($HF_HUB_CACHE, $HF_HOME/hub), in the layout of huggingface_hub, so what other programs have downloaded is found as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from studio.core.explain import brief
from studio.core.files import Json, read_json
from studio.library import parts
from studio.library.pickles import file_refused, is_pickle

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NAMES_A_FILE = ("single_file", "network", "lora")
Holds = Literal["pipeline", "single_file", "network", "lora"]


class Source(BaseModel):
    """Exactly one of `hub` and `path`. What else must be there follows from what it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: str | None = Field(default=None, description="owner/name of a repository")
    path: str | None = Field(default=None, description="a folder or file, relative to the YAML file")
    revision: str = Field(default="main", description="commit, tag or branch")
    variant: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]{1,20}$", description="of weight files, like fp16")
    holds: Holds = Field(default="pipeline", description="what lies there")
    file: str | None = Field(default=None, description="within the repository; of a network it may be a folder, like unet/")
    like: str | None = Field(
        default=None, max_length=40, description="single_file: which shipped configs it goes with; its header says it otherwise"
    )
    base: str | None = Field(default=None, max_length=90, description="network, lora: id of the listed model it stands on")
    scale: float = Field(default=1.0, ge=-10, le=10, description="lora: strength at which it is the student")
    bytes: int | None = Field(default=None, ge=0, description="of what is downloaded")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$", description="of `file`")
    licence: str | None = Field(default=None, max_length=80)

    @field_validator("hub")
    @classmethod
    def _hub(cls, given: str | None) -> str | None:
        if given is not None and (not _REPOSITORY.fullmatch(given) or ".." in given or "--" in given):
            raise ValueError(f"hub is {brief(given)}; owner/name fits, like stabilityai/stable-diffusion-xl-base-1.0.")
        return given

    @field_validator("path")
    @classmethod
    def _path(cls, given: str | None) -> str | None:
        if given is not None and (not given.strip() or not given.isprintable()):
            raise ValueError(f"path is {brief(given)}; a folder or file fits, like ../my-model.")
        return given

    @field_validator("revision")
    @classmethod
    def _revision(cls, given: str) -> str:
        if not _REVISION.fullmatch(given) or ".." in given or "//" in given:
            raise ValueError(f"revision is {brief(given)}; a commit, a tag or a branch fits, like main.")
        return given

    @field_validator("file")
    @classmethod
    def _file(cls, given: str | None) -> str | None:
        if given is None:
            return None
        parts.check_name(given.removesuffix("/"))
        if is_pickle(given):
            raise ValueError(file_refused(given))
        return given

    @model_validator(mode="after")
    def _whole(self) -> Source:
        if (self.hub is None) == (self.path is None):
            raise ValueError("A source has either hub or path, and exactly one of the two fits.")
        if self.path is not None and "revision" in self.model_fields_set:
            raise ValueError("A path has no revisions; leave revision out, or give hub.")
        if self.holds == "pipeline" and self.file is not None:
            raise ValueError(
                f"A pipeline is a whole repository, so no file of it is named; {self.file} is a {_guess(self.file)}."
            )
        if self.holds in _NAMES_A_FILE and self.file is None and (self.hub is not None or self.holds == "lora" and not self.path):
            raise ValueError(f"Which file of {self.hub} the {self.holds} is must be said; file: name.safetensors fits.")
        named = self.file or (self.path if self.holds in ("single_file", "lora") else None)
        if self.holds in ("single_file", "lora") and named and not named.endswith(parts.WEIGHTS):
            raise ValueError(file_refused(named) if is_pickle(named) else f"{named} is no .safetensors file, which would fit.")
        if self.holds in ("network", "lora") and not self.base:
            raise ValueError(f"A {self.holds} stands on a listed model, which base must name, like sdxl/base.")
        return self

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit, which never changes."""
        return bool(_COMMIT.fullmatch(self.revision))

    @property
    def in_folder(self) -> str | None:
        """The folder of a network, without the slash; None where a single file, or everything, is meant."""
        return self.file.rstrip("/") if self.file and not self.file.endswith(parts.WEIGHTS) else None

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.hub or Path(self.path or "").name

    @property
    def page(self) -> str:
        """Where it is described, and where access to a gated one is asked for; "" on this machine."""
        return f"https://huggingface.co/{self.hub}" if self.hub else ""


def _guess(file: str) -> str:
    return "network or lora" if file.endswith(parts.WEIGHTS) else "network"


def patterns(source: Source) -> list[str]:
    """What `snapshot_download(allow_patterns=…)` may take at most; `choose` says which of these files are needed."""
    if source.file and source.in_folder is None:
        return [source.file]
    small = [f"*{suffix}" for suffix in parts.SMALL]
    if folder := source.in_folder:
        return [f"{folder}/{one}" for one in (*small, f"*{parts.WEIGHTS}")]
    return [parts.INDEX, *(f"*/{one}" for one in (*small, f"*{parts.WEIGHTS}"))]


def choose(source: Source, names: Iterable[str], index: dict[str, object] | None) -> list[str]:
    """Files that the source needs, of all that are there. index: the contents of model_index.json, of a pipeline.

    ValueError in one sentence where they do not make a whole.
    """
    allowed, every = patterns(source), set(names)
    there = {name for name in every if any(fnmatchcase(name, one) for one in allowed)}
    if source.file and source.in_folder is None:
        if source.file not in there:
            raise ValueError(f"{source.name} has no file {brief(source.file)}.")
        return [source.file]
    if folder := source.in_folder:
        if why := parts.folder_lacks(every, folder, source.variant, source.name):
            raise ValueError(why)
        return parts.folder_files(there, folder, source.variant)
    if parts.INDEX in every and index is None:
        raise ValueError(f"{parts.INDEX} of {source.name} cannot be read; another copy of it would fit.")
    named = parts.parts_of(index) if index is not None else []
    if why := parts.lacking(every, source.variant, named, source.name):
        raise ValueError(why)
    return parts.wanted(there, source.variant, named)


def found(source: Source, beside: Path | None = None) -> Path | None:
    """The folder or file of a source on this machine, whole; None where it is not there, or not all of it. No network.

    beside: the folder of the YAML file, which a path is relative to.
    """
    try:
        return _on_disk(source, beside) if source.path is not None else _in_cache(source)
    except (ValueError, OSError):
        return None


def why_not(source: Source, beside: Path | None = None) -> str:
    """Why a source on this machine is not found, one sentence; "" where it is, and of one on the Hub."""
    if source.hub is not None:
        return ""
    try:
        return "" if _on_disk(source, beside) else f"{source.name} is not on this machine."
    except (ValueError, OSError) as error:
        return str(error) if isinstance(error, ValueError) else f"{source.name} cannot be read."


def _on_disk(source: Source, beside: Path | None) -> Path | None:
    place = ((beside or Path()) / Path(source.path or "").expanduser()).resolve()
    if place.is_file() and source.file is None:
        if is_pickle(place.name):
            raise ValueError(file_refused(place.name))
        return place if place.suffix == parts.WEIGHTS and source.holds != "pipeline" else None
    if not place.is_dir():
        return None
    if source.holds == "network" and source.file is None:
        source = source.model_copy(update={"path": str(place.parent), "file": f"{place.name}/"})
        place = place.parent
    choose(source, local_files(source, place, (place, cache_folder())), read_index(place))
    return place / source.file if source.file else place


def _in_cache(source: Source) -> Path | None:
    folder = snapshot(source)
    if folder is None:
        return None
    index = read_index(folder)
    here = local_files(source, folder, (cache_folder(),))
    needed = choose(source, here, index)
    listed = _listing(source, folder.name)
    if listed is not None and not set(choose(source, listed, index)) <= here:
        return None
    return folder / source.file if source.file else folder if needed else None


def snapshot(source: Source) -> Path | None:
    """The folder of the source's commit in the cache, as far as it is there."""
    from huggingface_hub import try_to_load_from_cache

    first = source.file if source.file and source.in_folder is None else parts.INDEX
    if source.in_folder:
        first = f"{source.in_folder}/config.json"
    path = try_to_load_from_cache(str(source.hub), first, revision=source.revision)
    return Path(path).parents[first.count("/")] if isinstance(path, str) else None


def _listing(source: Source, commit: str) -> set[str] | None:
    """All files of a commit, where whoever downloaded it has left the listing."""
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        return {file.path for file in get_cached_repo_tree(str(source.hub), revision=commit)}
    except CachedRepoTreeNotFoundError:
        return None


def cache_folder() -> Path:
    """Where huggingface_hub keeps what it downloads."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser().resolve()


def read_index(folder: Path) -> Json | None:
    """model_index.json of a folder, as plain values."""
    return read_json(folder / parts.INDEX)


def local_files(source: Source, folder: Path, roots: Iterable[Path]) -> set[str]:
    """Files at a folder's top, in the folders in it, and what the source names; a link that leads out of all roots is none."""
    roots = [root.resolve() for root in roots]
    named = () if source.file is None else (f"{source.in_folder}/*",) if source.in_folder else (source.file,)
    inside = {path for pattern in ("*", "*/*") for path in folder.glob(pattern)}
    inside |= {path for one in named for path in folder.glob(_literal(one))}
    kept = [path for path in inside if path.is_file() and any(path.resolve().is_relative_to(root) for root in roots)]
    return {path.relative_to(folder).as_posix() for path in kept}


def _literal(name: str) -> str:
    """As a pattern that matches this name; the star at the end of a folder stays one."""
    return re.sub(r"\[", "[[]", name)
