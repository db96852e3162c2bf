"""Which attacks there are, read from the folder `attacks` without importing them: they need torch, and requests do not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from studio.core.files import Json

FOLDER = Path(__file__).parent / "attacks"


def known_attacks() -> dict[str, str]:
    """Name -> what it does, as its module says."""
    return {_name(file): " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split()) for file, tree in _modules()}


def cards() -> list[Json]:
    """[{"name", "title", "clause", "access", "about"}] as decorators say it, in the order of reports."""
    about, found = known_attacks(), []
    for file, tree in _modules():
        said = next(said for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for said in _decorated(node))
        found.append({"name": _name(file), "about": about[_name(file)], **said})
    return [{k: v for k, v in one.items() if k != "order"} for one in sorted(found, key=lambda one: int(one["order"]))]


def _modules() -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(FOLDER.glob("[a-z]*.py")):
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def _name(file: Path) -> str:
    return file.stem.replace("_", "-")


def _decorated(node: ast.FunctionDef) -> Iterator[Json]:
    """Keywords of `@attack(…)` on a function."""
    for one in node.decorator_list:
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id == "attack":
            yield {word.arg: ast.literal_eval(word.value) for word in one.keywords if word.arg}
