"""What the page's forms need, as plain JSON: schemas of every kind of job, models, words, examples.

Built without torch and kept in the data folder under a version: a later start reads one file. Whatever could change the
answer (the program's files, the model files, which folders are there) is part of that version.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from studio.core.domain import Domain
from studio.core.files import Json, atomic_write, read_json
from studio.core.registry import stamp
from studio.domains import DOMAINS
from studio.jobs import VERSION
from studio.jobs.code import code_digest
from studio.jobs.kinds import KINDS
from studio.jobs.paths import PRESETS, ROOT, Paths
from studio.library.draw_request import MAX_ARMS, MAX_PROMPT
from studio.library.models import Registry, load_registry
from studio.library.seeds import MAX_SEEDS


def catalogue(paths: Paths) -> Json:
    """`{"version", "kinds", "models", "pairs", "problems", "domains", "limits"}`; see `_domain`."""
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
    kinds = {
        kind.name: {"title": kind.title, "lane": kind.lane, "schema": kind.config.model_json_schema()} for kind in KINDS.all()
    }
    return {
        "version": version,
        "kinds": kinds,
        "unavailable": dict(KINDS.unavailable),
        "models": [entry.plain() for entry in registry.entries.values()],
        "pairs": [_pair(registry, pair.id) for pair in registry.pairs()],
        "problems": registry.problems,
        "domains": {name: _domain(domain) for name, domain in DOMAINS.all().items()},
        "limits": _limits(),
    }


def _pair(registry: Registry, pair_id: str) -> Json:
    from studio.library.draw_request import arms_for

    pair = registry.pair(pair_id)
    return {"id": pair.id, "title": pair.title, "teacher": pair.teacher.id, "student": pair.student.id,
            "available": pair.available, "reason": pair.reason, "steps": pair.student.steps,
            "valid_steps": list(pair.student.valid_steps), "teacher_steps": pair.teacher.sampling.steps,
            "size": pair.student.size, "arms": arms_for(pair.student.steps)}  # fmt: skip


def _domain(domain: Domain) -> Json:
    """What prompts can say and samples can show. words: factor -> value -> its words or phrases."""
    factors = {
        name: {"values": list(f.values), "probabilities": list(f.probabilities), "stated": f.stated}
        for name, f in domain.factors.items()
    }
    attributes = {name: {"title": a.title, "low": a.low, "high": a.high, "unit": a.unit} for name, a in domain.attributes.items()}
    words = {group.factor: {value: list(said) for value, said in group.words.items()} for group in domain.words}
    return {"title": domain.title, "medium": domain.medium, "vocabulary": list(domain.vocabulary), "words": words,
            "examples": list(domain.defaults.examples), "factors": factors, "attributes": attributes,
            "hints": {name: f"{hint.title}: {hint.about}" for name, hint in domain.hints.items()}}  # fmt: skip


def _limits() -> dict[str, int]:
    return {"prompt_characters": MAX_PROMPT, "seeds": MAX_SEEDS, "arms": MAX_ARMS}


def _version(paths: Paths, registry: Registry) -> str:
    """A digest of everything the catalogue is made from."""
    digest = hashlib.sha256(str(VERSION).encode())
    for entry in registry.entries.values():
        digest.update(json.dumps(entry.plain(), sort_keys=True, default=str).encode())
    digest.update(json.dumps(registry.problems, sort_keys=True).encode())
    digest.update(code_digest().encode())
    digest.update(stamp("STUDIO_KINDS").encode())
    digest.update(json.dumps({name: _domain(domain) for name, domain in DOMAINS.all().items()}, sort_keys=True).encode())
    for folder in (PRESETS / "models", paths.models):
        for file in sorted(folder.rglob("*.yaml")):
            digest.update(f"{_name(file)} {file.stat().st_mtime_ns} {file.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _name(file: Path) -> str:
    return file.name if ROOT not in file.parents else str(file.relative_to(ROOT))
