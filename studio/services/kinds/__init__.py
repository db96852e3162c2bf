"""Kinds of job: one file each in this folder, found by scanning it.

A kind is a pydantic request type and `run(request, run) -> result`:

    @KINDS.add("compare", title="Compare", config=CompareRequest, lane="interactive")
    def run(request: CompareRequest, run: Run) -> dict: ...

The request type is what the page's form, the command line, the API and `spec.json` all hold, and it is validated when
a job is submitted. `run` reports through `run.progress / event / artifact / notice`, calls `run.check()` between
steps, and returns what goes to `result.json`. A kind's module imports torch inside `run` only. Modules named in
`$STUDIO_KINDS` (comma separated) are loaded as well, so that kinds can live outside this repository.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class Kind:
    """What can be done with the device. `label(request)` is a short title for lists of runs.

    resumable: it saves checkpoints in `checkpoints/` of its run directory and continues from them when it is run
    again, looks at `run.asked()` between its steps, and passes the device on with `run.gate.step()`.
    """

    name: str
    title: str
    config: type[BaseModel]
    run: Callable[[Any, Any], dict[str, Any]]
    lane: str
    label: Callable[[Any], str]
    resumable: bool = False


class Kinds:
    """The registry. A file that cannot be imported is listed with its reason, and the rest goes on."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self._scanned = False
        self._lock = threading.RLock()  # a second thread must not see half a scan
        self.unavailable: dict[str, str] = {}

    def add(
        self,
        name: str,
        *,
        title: str,
        config: type[BaseModel],
        lane: str,
        label: Callable[[Any], str] | None = None,
        resumable: bool = False,
    ) -> Callable[[Callable[[Any, Any], dict[str, Any]]], Callable[[Any, Any], dict[str, Any]]]:
        def register(run: Callable[[Any, Any], dict[str, Any]]) -> Callable[[Any, Any], dict[str, Any]]:
            if name in self._kinds:
                raise ValueError(f"There are two kinds of job called {name!r}; rename one.")
            self._kinds[name] = Kind(name, title, config, run, lane, label or (lambda request: title), resumable)
            return run

        return register

    def get(self, name: str) -> Kind:
        self._scan()
        if name in self._kinds:
            return self._kinds[name]
        if name in self.unavailable:
            raise ValueError(f"Jobs of kind {name!r} cannot run here: {self.unavailable[name]}")
        from studio.services.explain import brief, did_you_mean

        raise ValueError(f"There is no kind of job called {brief(name)}.{did_you_mean(str(name), self._kinds)}")

    def all(self) -> list[Kind]:
        self._scan()
        return [self._kinds[name] for name in sorted(self._kinds)]

    def _scan(self) -> None:
        with self._lock:
            if not self._scanned:
                self._scanned = True
                self._load()

    def _load(self) -> None:
        modules = [f"{__name__}.{found.name}" for found in pkgutil.iter_modules(__path__)]
        modules += [name.strip() for name in os.environ.get("STUDIO_KINDS", "").split(",") if name.strip()]
        for module in modules:
            try:
                importlib.import_module(module)
            except Exception as error:  # one broken file must not take the others with it
                self.unavailable[module.rsplit(".", 1)[-1]] = f"{type(error).__name__}: {error}"


KINDS = Kinds()
