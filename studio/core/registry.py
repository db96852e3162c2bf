"""Things with many siblings, found by scanning their folder: adding one is adding one file, and no other edit."""

from __future__ import annotations

import importlib
import os
import pkgutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from studio.core.explain import did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Members by name. A file that cannot be imported is listed in `unavailable` with its reason; the rest goes on.

    package: dotted name of the folder to scan. what: a member in a sentence, e.g. "objective". variable: name of an
    environment variable that holds further modules, comma separated, so that members can live elsewhere.
    module: where members are folders, the module of each that adds it; folders without it are passed over.
    """

    def __init__(self, package: str, what: str, variable: str = "", module: str = ""):
        self.package, self.what, self.variable, self.module = package, what, variable, module
        self.unavailable: dict[str, str] = {}
        self._members: dict[str, T] = {}
        self._scanned = False
        self._lock = threading.RLock()  # a second thread must not see half a scan

    def add(self, name: str) -> Callable[[T], T]:
        """Decorator: ``@METHODS.add("dmd2")``."""

        def register(member: T) -> T:
            if name in self._members:
                raise ValueError(f"There are two {self.what}s called {name!r}; rename one.")
            self._members[name] = member
            return member

        return register

    def get(self, name: str) -> T:
        members = self.all()
        if name in members:
            return members[name]
        if name in self.unavailable:
            raise ValueError(f"The {self.what} {name!r} cannot be used here: {self.unavailable[name]}")
        hint = did_you_mean(str(name), members) or f" There are {', '.join(members) or 'none'}."
        raise ValueError(f"There is no {self.what} called {str(name)[:60]!r}.{hint}")

    def all(self) -> dict[str, T]:
        """Every member, by name in alphabetical order."""
        with self._lock:
            if not self._scanned:
                self._scanned = True
                self._load()
        return {name: self._members[name] for name in sorted(self._members)}

    def _load(self) -> None:
        modules = self._names()
        if self.variable:
            modules += [name.strip() for name in os.environ.get(self.variable, "").split(",") if name.strip()]
        for module in modules:
            try:
                importlib.import_module(module)
            except Exception as error:  # one broken file must not take the others with it
                name = module.removesuffix(f".{self.module}") if self.module else module
                self.unavailable[name.rsplit(".", 1)[-1]] = f"{type(error).__name__}: {error}"

    def _names(self) -> list[str]:
        """Dotted names of the modules to import, those that the folder holds."""
        found = []
        for place in importlib.import_module(self.package).__path__:
            for item in pkgutil.iter_modules([place]):
                if not self.module:
                    found.append(f"{self.package}.{item.name}")
                elif (Path(place) / item.name / f"{self.module}.py").is_file():
                    found.append(f"{self.package}.{item.name}.{self.module}")
        return found
