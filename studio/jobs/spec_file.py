"""Spec files: a request in YAML or JSON, with what kind it is, what to vary, and where to run it.

kind: distill
name: pupil
settings: {guidance: 3}
sweep: {settings.guidance: [2, 4], seed: [0, 1]}
executor: ray
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from studio.core.explain import brief
from studio.core.files import Json, yaml_values
from studio.jobs.paths import PRESETS, ROOT

MAX_SPEC_BYTES = 1 << 20
HEAD = "# An experiment of Distillation Studio: drop it on the page, or python -m studio jobs run FILE\n"
Place = str | Mapping[str, object] | None  # an executor: its name, or an object with its name and options


@dataclass(frozen=True)
class Submission:
    """What a spec file asks for: a request of a kind, perhaps in several versions, perhaps elsewhere."""

    kind: str
    config: Json
    sweep: Mapping[str, object] | None = None  # this and the next as the file has them: checked where they are used
    executor: Place = None


def read_spec_file(path: Path) -> tuple[str, Json]:
    """(kind, request) of a spec file that describes one run."""
    found = read_submission(path)
    if found.sweep is not None:
        raise ValueError(f"{path.name} is a sweep and makes several runs; `jobs submit` takes it, `jobs run` takes one run.")
    return found.kind, found.config


def read_submission(path: Path) -> Submission:
    """A YAML or JSON file: the request's fields with `kind`, `sweep` and `executor` beside them, or a run's spec.json.

    `presets/...` is found beside an installed package too, which has no such folder where it is asked from.
    """
    if not path.is_file() and path.parts[:1] == (PRESETS.name,):
        path = ROOT / path
    if not path.is_file():
        raise ValueError(f"{path.name} is not a file; a YAML file with kind: distill and its fields would fit.")
    if path.stat().st_size > MAX_SPEC_BYTES:
        raise ValueError(f"{path.name} has more than {MAX_SPEC_BYTES:,} bytes; a spec is a few lines.")
    try:
        data = yaml_values(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ValueError(f"{path.name} is not YAML{where}; a list of 'field: value' lines would fit.") from error
    except ValueError as error:
        raise ValueError(f"{path.name} cannot be read: {error}.") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path.name} holds {brief(data)}; a list of 'field: value' lines would fit.")
    kind, sweep, executor = data.pop("kind", "distill"), data.pop("sweep", None), data.pop("executor", None)
    if isinstance(data.get("config"), dict):
        data = data["config"]
    return Submission(str(kind), data, sweep, executor)


def write_spec(kind: str, request: Mapping[str, object]) -> str:
    """The text of a spec file, which `read_spec_file` reads as the same request."""
    taken = {"kind", "config", "sweep", "executor"} & set(request)
    data = {"kind": kind, **({"config": dict(request)} if taken else request)}
    return HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


def place(name: str | None, options: list[str], given: Place) -> Place:
    """Where to run: the command's words before the file's. `options` are field=value, as in a spec file's `executor`."""
    if name is None and not options:
        return given
    of_file = dict(given) if isinstance(given, dict) else {"name": given} if given else {}
    place = of_file if name in (None, of_file.get("name")) else {"name": name}
    return {**place, **fields(options, "repository=you/studio-runs")}


def fields(options: list[str], like: str) -> Json:
    """Words of a command, field=value each, with values as a spec file would hold them. like: one that would fit."""
    found: Json = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise ValueError(f"The option {brief(option)} is no field=value; {like} would fit.")
        found[key] = yaml_values(value) if value else ""
    return found
