"""Which attacks there are, read from the folder `attacks` without importing them: they need torch, and requests do not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from studio.core.files import Json
from studio.core.registry import described

FOLDER = Path(__file__).parent / "attacks"


def known_attacks() -> dict[str, str]:
    """Name -> what it does, as its module says."""
    return described(FOLDER)


def cards() -> list[Json]:
    """[{"name", "title", "clause", "access", "about"}] as decorators say it, in the order of reports."""
    found = []
    for name, about in known_attacks().items():
        tree = ast.parse((FOLDER / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8"))
        said = next(said for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for said in _decorated(node))
        found.append({"name": name, "about": about, **said})
    return [{k: v for k, v in one.items() if k != "order"} for one in sorted(found, key=lambda one: int(one["order"]))]


def _decorated(node: ast.FunctionDef) -> Iterator[Json]:
    """Keywords of `@attack(…)` on a function."""
    for one in node.decorator_list:
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id == "attack":
            yield {word.arg: ast.literal_eval(word.value) for word in one.keywords if word.arg}
