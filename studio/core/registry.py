"""Things with many siblings, found by scanning their folder: adding one is adding one file, and no other edit."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import pkgutil
import threading
import weakref
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Generic, TypeVar

from studio.core.explain import did_you_mean
from studio.core.files import Json

T = TypeVar("T")


class Registry(Generic[T]):
    """Members by name. A file that cannot be imported is listed in `unavailable`, and in `broken` by its module, with its
    reason; the rest goes on.

    package: dotted name of the folder to scan. what: a member in a sentence, e.g. "objective". variable: name of an
    environment variable that holds further modules, comma separated, so that members can live elsewhere.
    module: where members are folders, the module of each that adds it; folders without it are passed over.
    """

    def __init__(self, package: str, what: str, variable: str = "", module: str = ""):
        self.package, self.what, self.variable, self.module = package, what, variable, module
        self.unavailable: dict[str, str] = {}
        self.broken: dict[str, str] = {}
        self._members: dict[str, T] = {}
        self._scanned = False
        self._lock = threading.RLock()  # a second thread must not see half a scan
        _KNOWN.add(self)

    def add(self, name: str) -> Callable[[T], T]:
        """Decorator: ``@METHODS.add("dmd2")``."""

        def register(member: T) -> T:
            if name in self._members:
                raise ValueError(f"There are two {_many(self.what)} called {name!r}; rename one.")
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
        for module in [*self._names(), *named(self.variable)]:
            try:
                importlib.import_module(module)
            except Exception as error:  # one broken file must not take the others with it
                name = module.removesuffix(f".{self.module}") if self.module else module
                self.broken[module] = self.unavailable[name.rsplit(".", 1)[-1]] = f"{type(error).__name__}: {error}"

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

    def problems(self) -> list[str]:
        """A sentence for every module that could not be imported when this was scanned."""
        return [_problem(module, self.variable, why) for module, why in self.broken.items()]


_KNOWN: weakref.WeakSet[Registry] = weakref.WeakSet()


def named(variable: str) -> list[str]:
    """Modules that an environment variable names, comma separated."""
    return [name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()] if variable else []


def problems(scan: bool = False) -> list[str]:
    """The same of every registry of this process that was scanned; `scan` scans the others as well."""
    known = list(_KNOWN)
    if scan:
        for registry in known:
            registry.all()
    return sorted({sentence for registry in known for sentence in registry.problems()})


def stamp(variable: str) -> str:
    """What changes when a variable names other modules, or a file of one changes. Nothing is imported but what holds them."""
    found = []
    for name in named(variable):
        spec = _spec(name)
        file = Path(spec.origin) if spec is not None and spec.origin else None
        stat = file.stat() if file is not None and file.is_file() else None
        found.append(f"{name} {file} {stat.st_mtime_ns} {stat.st_size}" if stat is not None else name)
    return "\n".join(found)


def missing(variable: str) -> list[str]:
    """A sentence for every module that a variable names and that is nowhere; nothing is imported but what holds it."""
    return [_problem(name, variable, "there is no such module") for name in named(variable) if _spec(name) is None]


def _spec(module: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(module)
    except Exception:  # a package around it that cannot be imported
        return None


def _problem(module: str, variable: str, why: str) -> str:
    asked = f", which ${variable} names," if module in named(variable) else ""
    return f"The module {module}{asked} cannot be used: {' '.join(why.split()).rstrip('.')[:300]}."


def _many(what: str) -> str:
    """ "kinds of job" of "kind of job"."""
    first, *rest = what.split(" ")
    return " ".join([f"{first[:-1]}ies" if first.endswith("y") else f"{first}s", *rest])


def described(folder: Path, decorator: str, variable: str = "") -> list[Json]:
    """Members of a folder with a file each, and of modules that a variable names, in their order, without importing them: "name"
    and the keywords of the decorator that adds each (literals, "order" among them), "about", what its file says first."""
    found = []
    for file in [*sorted(folder.glob("[a-z]*.py")), *filter(None, (_file(module) for module in named(variable)))]:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        about = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
        found += [{**said, "about": about} for node in ast.walk(tree) for said in _decorated(node, decorator)]
    return sorted(found, key=lambda one: int(one["order"]))


def _decorated(node: ast.AST, decorator: str) -> Iterator[Json]:
    """What a decorator of this name is given."""
    for one in getattr(node, "decorator_list", ()):
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id == decorator:
            yield {"name": ast.literal_eval(one.args[0]), **{w.arg: ast.literal_eval(w.value) for w in one.keywords if w.arg}}


def _file(module: str) -> Path | None:
    """Of a module that can be found."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None
