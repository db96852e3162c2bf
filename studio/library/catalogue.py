"""What the page's forms need, as plain JSON: schemas of every kind of job, models, words, examples.

Built without torch and kept in the data folder under a version: a later start reads one file. Whatever could change the
answer (the program's files, the model files, which folders are there) is part of that version.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from studio.core.files import Json, atomic_write, read_json
from studio.jobs import VERSION
from studio.jobs.code import code_digest
from studio.jobs.kinds import KINDS
from studio.jobs.paths import PRESETS, ROOT, Paths
from studio.library.draw_request import MAX_ARMS, MAX_PROMPT
from studio.library.models import Registry, load_registry
from studio.library.seeds import MAX_SEEDS


def catalogue(paths: Paths) -> Json:
    """`{"version", "kinds", "models", "pairs", "problems", "vocabulary", "words", "examples", "factors", "limits"}`."""
    registry = load_registry(paths)
    version = _version(paths, registry)
    file = paths.cache / "catalogue.json"
    kept = read_json(file)
    if kept is not None and kept.get("version") == version:
        return kept
    data = build(registry, version)
    with contextlib.suppress(OSError):  # a full or read-only disk: it is only a cache
        atomic_write(file, json.dumps(data), durable=False)
    return data


def build(registry: Registry, version: str) -> Json:
    """The catalogue itself."""
    from studio.domains.pocket import captions, scene

    kinds = {
        kind.name: {"title": kind.title, "lane": kind.lane, "schema": kind.config.model_json_schema()} for kind in KINDS.all()
    }
    factors = {
        name: {"values": list(f.values), "probabilities": list(f.probabilities), "stated": f.stated}
        for name, f in scene.FACTORS.items()
    }
    return {
        "version": version,
        "kinds": kinds,
        "unavailable": dict(KINDS.unavailable),
        "models": [entry.plain() for entry in registry.entries.values()],
        "pairs": [_pair(registry, pair.id) for pair in registry.pairs()],
        "problems": registry.problems,
        "vocabulary": captions.vocabulary(),
        "words": _words(captions),
        "examples": list(captions.EXAMPLES),
        "factors": factors,
        "limits": _limits(),
    }


def _pair(registry: Registry, pair_id: str) -> Json:
    from studio.library.draw_request import arms_for

    pair = registry.pair(pair_id)
    return {"id": pair.id, "title": pair.title, "teacher": pair.teacher.id, "student": pair.student.id,
            "available": pair.available, "reason": pair.reason, "steps": pair.student.steps,
            "valid_steps": list(pair.student.valid_steps), "teacher_steps": pair.teacher.sampling.steps,
            "size": pair.student.size, "arms": arms_for(pair.student.steps)}  # fmt: skip


def _words(captions: Any) -> dict[str, dict[str, list[str]]]:
    """Vocabulary help: factor -> value -> its words or phrases."""
    tables = {"subject": captions.SUBJECT_WORDS, "color": captions.COLOR_WORDS, "place": captions.PLACE_PHRASES,
              "time": captions.TIME_PHRASES, "size": captions.SIZE_WORDS, "clouds": captions.CLOUD_PHRASES}  # fmt: skip
    return {name: {value: list(words) for value, words in table.items()} for name, table in tables.items()}


def _limits() -> dict[str, int]:
    return {"prompt_characters": MAX_PROMPT, "seeds": MAX_SEEDS, "arms": MAX_ARMS}


def _version(paths: Paths, registry: Registry) -> str:
    """A digest of everything the catalogue is made from."""
    digest = hashlib.sha256(str(VERSION).encode())
    for entry in registry.entries.values():
        digest.update(json.dumps(entry.plain(), sort_keys=True, default=str).encode())
    digest.update(json.dumps(registry.problems, sort_keys=True).encode())
    digest.update(code_digest().encode())
    for folder in (PRESETS / "models", paths.models):
        for file in sorted(folder.rglob("*.yaml")):
            digest.update(f"{_name(file)} {file.stat().st_mtime_ns} {file.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _name(file: Path) -> str:
    return file.name if ROOT not in file.parents else str(file.relative_to(ROOT))
