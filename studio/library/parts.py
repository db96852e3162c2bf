"""Which files of a repository or a folder a checkpoint needs, by their names alone.

A diffusers pipeline is a folder a part, named in model_index.json; weights lie in one file or in numbered shards, plain or as a
variant: diffusion_pytorch_model.fp16.safetensors (diffusers, `utils/hub_utils.py: _add_variant`; shards of older files have the
variant after the number).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from studio.core.explain import brief
from studio.library.pickles import is_pickle, pipeline_refused

INDEX = "model_index.json"
SKIPPED = ("safety_checker", "feature_extractor", "image_encoder")  # parts that nothing here asks
SMALL = (".json", ".txt", ".model", ".jinja")  # configs, schedulers and vocabularies; no weights, no code
WEIGHTS = ".safetensors"
NETWORKS = ("unet", "transformer")  # the part that denoises, by its folder
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})")
_PART = re.compile(r"[A-Za-z0-9_]{1,60}")
_VOCABULARIES = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("spiece.model",), ("tokenizer.model",))


def check_name(name: str) -> str:
    """The name of a file as a repository gives it. ValueError for one that would lead out of a folder."""
    plain = 0 < len(name) <= 300 and name.isprintable() and not set(name) & set('\\:*?"<>|')
    if not plain or any(part in ("", ".", "..") for part in name.split("/")):
        raise ValueError(f"A file is called {brief(name)}, which could lead out of its folder; names like unet/config.json fit.")
    return name


def parts_of(index: Mapping[str, object]) -> list[str]:
    """Folders that a model_index.json names, without those that are skipped. ValueError where it is none."""
    named = [name for name, what in index.items() if isinstance(what, list) and len(what) == 2 and what[1] is not None]
    if not named:
        raise ValueError(f"{INDEX} names no parts; one that diffusers' save_pretrained wrote would fit.")
    for name in named:
        if not _PART.fullmatch(name):
            raise ValueError(f"{INDEX} names a part {brief(name)}; letters, digits and _ fit.")
    return [name for name in named if name not in SKIPPED]


def variant_of(name: str) -> str | None:
    """Of a weight file, or of the index of its shards; None for a plain one."""
    words = _SHARD.sub("", PurePosixPath(name).name).split(".")[1:]
    return next((word for word in words if word not in ("safetensors", "index", "json")), None)


def wanted(names: Collection[str], variant: str | None, parts: Sequence[str]) -> list[str]:
    """Files that a pipeline of these parts needs, of all that there are."""
    chosen = [INDEX] if INDEX in names else []
    for part in parts:
        chosen += folder_files(names, part, variant)
    return chosen


def folder_files(names: Collection[str], folder: str, variant: str | None) -> list[str]:
    """What a part's folder needs: configs, vocabularies, and the weights of the variant, the plain ones where it has none."""
    inside = sorted(name for name in names if name.rpartition("/")[0] == folder)
    weights = [name for name in inside if _is_weight(name)]
    chosen = variant if any(variant_of(name) == variant for name in weights) else None
    kept = [name for name in weights if variant_of(name) == chosen]
    small = [name for name in inside if name.endswith(SMALL) and (not _is_index(name) or variant_of(name) == chosen)]
    return small + kept


def lacking(names: Collection[str], variant: str | None, parts: Sequence[str], what: str) -> str:
    """Why the files do not make a whole pipeline, one sentence; "" where they do. what: the repository or folder."""
    if INDEX not in names:
        return f"{what} has no {INDEX}, so it is no diffusers pipeline; a file of it would be named."
    return next((why for part in parts if (why := folder_lacks(names, part, variant, what))), "")


def folder_lacks(names: Collection[str], folder: str, variant: str | None, what: str) -> str:
    """The same for one part."""
    files = folder_files(names, folder, variant)
    short = {PurePosixPath(name).name for name in files}
    if not short:
        return f"{what} has no files for its part {folder}."
    if folder.startswith("tokenizer"):
        whole = any(all(name in short for name in choice) for choice in _VOCABULARIES)
        return "" if whole else f"{folder} of {what} has no vocabulary; vocab.json and merges.txt, or tokenizer.json, would fit."
    if "config.json" not in short:
        return "" if any(name.endswith("_config.json") for name in short) else f"{folder} of {what} has no config.json."
    weights = [name for name in files if _is_weight(name)]
    if not weights:
        return _no_weights(names, folder, what)
    for name in weights:
        if shard := _SHARD.search(name):
            there = {found[1] for other in weights if (found := _SHARD.search(other)) and found[2] == shard[2]}
            if len(there) < int(shard[2]):
                return f"{folder} of {what} has {len(there)} of its {int(shard[2])} weight files."
    return ""


def _no_weights(names: Collection[str], folder: str, what: str) -> str:
    inside = [name for name in names if name.rpartition("/")[0] == folder]
    if others := sorted({str(variant_of(name)) for name in inside if _is_weight(name)}):
        return f"{folder} of {what} has weights as variant {' or '.join(others)} alone; {others[0]} as the variant would fit."
    if any(is_pickle(name) for name in inside):
        return pipeline_refused(what, folder)
    return f"{folder} of {what} has no .safetensors file."


def _is_weight(name: str) -> bool:
    return name.endswith(WEIGHTS)


def _is_index(name: str) -> bool:
    return ".safetensors.index" in name or name.endswith((".index.json",))
