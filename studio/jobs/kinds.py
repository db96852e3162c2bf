"""Kinds of job: a folder each in `capabilities`, whose module `request` adds them here; found by scanning.

A kind is a pydantic request type and the name of a class that does the work, `Work(request, run).run() -> result`:

    KINDS.add("compare", title="Compare", config=CompareRequest, lane="interactive", work="studio.workshop.comparison:Comparison")

The request type is what the page's form, the command line, the API and `spec.json` all hold, and it is validated when
a job is submitted. The class is imported by the process that executes a run, and by nobody else: a request never imports its
work. Work reports through `run.progress / event / artifact / notice`, calls `run.check()` between steps, and returns what goes
to `result.json`. Modules named in `$STUDIO_KINDS` (comma separated) are loaded as well, so that kinds can live outside this
repository; there `add` without `work` decorates a function `run(request, run) -> result`.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json
from studio.core.former_names import also_known_as
from studio.core.registry import Registry
from studio.jobs import run

HOME = "studio.capabilities"  # the package whose folders add kinds
R = TypeVar("R", bound=BaseModel)
Execute = Callable[[R, run.Run], Json]


class Work(Protocol):
    """What a kind's class makes of a request and a run."""

    def run(self) -> Json:
        """Do it; what goes to `result.json`."""


@dataclass(frozen=True)
class Kind(Generic[R]):
    """What can be done with the device. `label(request)` is a short title for lists of runs.

    resumable: it saves checkpoints in `checkpoints/` of its run directory and continues from them when it is run
    again, looks at `run.asked()` between its steps, and passes the device on with `run.gate.step()`.
    visitors: whoever visits a public demo may start it (`core/demo.py`). weight: how much of what one may start in a minute it
    takes, 1 for a run that draws. gives: what `result.json` holds, for those who read it.
    """

    name: str
    title: str
    config: type[R]
    work: str | Execute[R]  # "module:Class", or a function
    lane: str
    label: Callable[[R], str]
    resumable: bool = False
    visitors: bool = False
    weight: float = 1.0
    gives: type[BaseModel] | None = None

    def run(self, request: R, run: run.Run) -> Json:
        """Do the work; returns what goes to `result.json`."""
        return self.load()(request, run)

    def load(self) -> Execute[R]:
        """What executes a run; imports it where it is a name."""
        if not isinstance(self.work, str):
            return self.work
        work = self.worker()
        return lambda request, run: work(request, run).run()

    def worker(self) -> Callable[..., Work]:
        """The class that does the work. ValueError where the kind is a function."""
        if not isinstance(self.work, str):
            raise ValueError(f"Jobs of kind {self.name!r} are one function, of which no part can be done alone.")
        module, _, name = self.work.partition(":")
        found: Callable[..., Work] = getattr(importlib.import_module(module), name)
        return found


class Kinds:
    """The registry. A file that cannot be imported is listed with its reason, and the rest goes on."""

    def __init__(self) -> None:
        self._found: Registry[Kind] = Registry(HOME, "kind of job", variable="STUDIO_KINDS", module="request")

    def add(
        self,
        name: str,
        *,
        title: str,
        config: type[R],
        lane: str,
        label: Callable[[R], str] | None = None,
        resumable: bool = False,
        visitors: bool = False,
        weight: float = 1.0,
        work: str | None = None,
        gives: type[BaseModel] | None = None,
    ) -> Callable[[Execute[R]], Execute[R]]:
        """Register a kind by the name of its work. Without `work`: a decorator of the function that does it."""

        def keep(does: str | Execute[R]) -> None:
            titled = label or (lambda request: title)
            self._found.add(name)(Kind(name, title, config, does, lane, titled, resumable, visitors, weight, gives))

        def register(does: Execute[R]) -> Execute[R]:
            keep(does)
            return does

        if work is not None:
            keep(work)
        return register

    def add_training(
        self, name: str, title: str, config: type[R], label: Callable[[R], str], work: str, gives: type[BaseModel] | None = None
    ) -> None:
        """Register a kind that trains: in the batch lane, with checkpoints that it continues from."""
        self.add(name, title=title, config=config, lane="batch", label=label, resumable=True, work=work, gives=gives)

    def get(self, name: str) -> Kind:
        known = self._found.all()
        if not isinstance(name, str):
            raise ValueError(f"The kind of a job is its name, like {next(iter(known))}, not {brief(name)}.")
        if name in known:
            return known[name]
        if name in self.unavailable:
            raise ValueError(f"Jobs of kind {name!r} cannot run here: {self.unavailable[name]}")
        raise ValueError(f"There is no kind of job called {brief(name)}.{did_you_mean(str(name), known)}")

    def all(self) -> list[Kind]:
        return list(self._found.all().values())

    @property
    def unavailable(self) -> dict[str, str]:
        """Reason by name of the kinds whose module could not be imported."""
        self._found.all()
        return {name: why for module, why in self._found.broken.items() for name in _registers(module)}


def _registers(module: str) -> list[str]:
    """Names of the kinds that a module which cannot be imported would have added, as far as its text says."""
    try:
        found = importlib.util.find_spec(module)
        text = Path(str(found.origin)).read_text(encoding="utf-8") if found is not None else ""
    except (ImportError, OSError, ValueError):
        text = ""
    return re.findall(r"""KINDS\.add(?:_training)?\(\s*["']([^"']+)""", text) or [module.rsplit(".", 1)[-1]]


KINDS = Kinds()


def is_resumable(kind: str) -> bool:
    """Whether runs of this kind keep checkpoints; no for a kind this program does not have (any more)."""
    return any(known.name == kind and known.resumable for known in KINDS.all())


also_known_as("studio.services.kinds", sys.modules[__name__])
also_known_as("studio.services.run", run)
