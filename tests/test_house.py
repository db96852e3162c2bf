"""The house as its rules want it, beside the import contracts: no circle anywhere, small parts, calls left to the formatter."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.jobs.paths import ROOT

ROOMS = {
    "ui",
    "cli",
    "capabilities",
    "workshop",
    "library",
    "families",
    "methods",
    "metrics",
    "jobs",
    "domains",
    "sampling",
    "core",
}
MOST = {"file": 400, "class": 250, "function": 60}  # lines
MOST_ANY = 160  # lines of the program that say Any
FILES = sorted((ROOT / "studio").rglob("*.py"))
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}


def module(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports() -> dict[str, set[str]]:
    """module -> modules of ours that it imports: at its top, inside functions, and for types alone."""
    known = {module(file) for file in FILES}
    found = {}
    for file, tree in TREES.items():
        names: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                members = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= (members & known) or {node.module}  # a package whose member is imported is no edge of its own
        own = module(file)
        found[own] = {name for name in names & known if name != own and not own.startswith(f"{name}.")}
    return found


def circles(edges: dict[str, set[str]]) -> list[set[str]]:
    """Groups of modules that reach one another."""
    reach: dict[str, set[str]] = {}
    for start in edges:
        seen, todo = set[str](), [start]
        while todo:
            new = edges.get(todo.pop(), set()) - seen
            seen |= new
            todo += new
        reach[start] = seen
    return [{b for b in seen if a in reach.get(b, ())} for a, seen in reach.items() if a in seen]


def sizes() -> Iterator[tuple[str, int, str]]:
    """(file, class or function; lines; what it is) of everything."""
    for file, tree in TREES.items():
        where = file.relative_to(ROOT)
        yield "file", file.read_text(encoding="utf-8").count("\n"), str(where)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                kind = "class" if isinstance(node, ast.ClassDef) else "function"
                yield kind, (node.end_lineno or node.lineno) - node.lineno + 1, f"{where}: {node.name}"


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}] * 3


def test_nothing_imports_itself_round_a_corner() -> None:
    assert circles(imports()) == []


def test_rooms_are_the_twelve() -> None:
    inside = {path.name for path in (ROOT / "studio").iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert inside == ROOMS


@pytest.mark.parametrize("kind", MOST)
def test_parts_are_small(kind: str) -> None:
    assert [(what, lines) for k, lines, what in sizes() if k == kind and lines >= MOST[kind]] == []


def is_data(node: ast.stmt) -> bool:
    """A table, a list over several lines, or a dict with several entries."""
    for part in ast.walk(node):
        if isinstance(part, ast.Dict) and len(part.keys) > 2:
            return True
        if isinstance(part, ast.List | ast.Tuple | ast.Set) and len(part.elts) > 3 and (part.end_lineno or 0) > part.lineno:
            return True
    return False


def test_the_formatter_is_switched_off_for_data_alone() -> None:
    wrong = []
    for file, tree in TREES.items():
        ends = {node.end_lineno: node for node in ast.walk(tree) if isinstance(node, ast.stmt)}  # the innermost comes last
        for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if line.endswith("# fmt: skip") and not (n in ends and is_data(ends[n])):
                wrong.append(f"{file.relative_to(ROOT)}:{n}")
    assert wrong == []


def test_mistakes_of_ours_are_not_taken_for_what_cannot_be_measured() -> None:
    for room in ("capabilities", "workshop"):
        for file in (ROOT / "studio" / room).rglob("*.py"):
            caught = re.findall(r"except[^\n]*\bAttributeError\b[^\n]*", file.read_text(encoding="utf-8"))
            assert not [line for line in caught if "struct.error" not in line], file  # a damaged header is no mistake of ours


def test_what_is_typed_as_anything_grows_no_further() -> None:
    lines = [line for file in FILES for line in file.read_text(encoding="utf-8").splitlines() if re.search(r"\bAny\b", line)]
    assert len(lines) <= MOST_ANY


def test_what_the_test_command_does_not_install_is_imported_in_one_place() -> None:
    own = ROOT / "tests" / "support" / "properties.py"  # it goes without
    found = [
        file for file in sorted((ROOT / "tests").rglob("*.py")) if re.search(r"^(from|import) hypothesis", file.read_text(), re.M)
    ]
    assert not [file.relative_to(ROOT).as_posix() for file in found if file != own]
