"""What a run of the chain changed, in figures and verdicts rather than in bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio.core.files import Json

MAX_LINES = 40


def figures(path: Path) -> dict[str, Any]:
    """Every number with an interval, and every verdict, of a JSON file or of those in a folder, by where it stands; of a page
    (.md) every cell of its tables, as text."""
    if path.suffix == ".md":
        return dict(_cells(path)) if path.is_file() else {}
    files = [path] if path.suffix == ".json" else sorted(path.rglob("*.json")) if path.is_dir() else []
    found: dict[str, Any] = {}
    for file in files:
        if file.is_file():
            found |= {f"{file.name}: {at}": value for at, value in _walk(json.loads(file.read_text()))}
    return found


def _cells(page: Path) -> Iterator[tuple[str, str]]:
    """Cells of a page's tables by heading, row and column; a row is called by its first cell."""
    heading, head = "", list[str]()
    for line in page.read_text().splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if not line.startswith("|"):
            head = []
            continue
        row = [cell.strip(" *") for cell in line.strip("|").split("|")]
        if head and set(line) - set("|-"):
            yield from (
                (f"{page.name}: {heading}, {row[0]}, {name}", cell) for name, cell in zip(head[1:], row[1:], strict=False)
            )
        head = head or row


def _walk(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("verdict"), str):
            yield f"{value.get('id', '')} {value.get('statement', value.get('claim', ''))}".strip(), value["verdict"]
        if isinstance(value.get("value"), (int, float)) and "low" in value:
            yield at, value["value"]
        for key, inner in value.items():
            yield from _walk(inner, f"{at} {key}".strip())
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            name = inner.get("arm") if isinstance(inner, dict) else None
            yield from _walk(inner, f"{at} {name or i}".strip())


def changed(before: Json, after: Json) -> list[str]:
    """Lines for people: verdicts and cells of pages first, then figures by how far they moved."""
    verdicts, moved = [], []
    for at in sorted(before.keys() & after.keys()):
        a, b = before[at], after[at]
        if isinstance(a, str) and a != b:
            verdicts.append(f"{at}: {a} → {b}")
        elif isinstance(a, (int, float)) and isinstance(b, (int, float)) and abs(a - b) > 0.005 * max(1.0, abs(a)):
            moved.append((abs(a - b), f"{at}: {a:.3f} → {b:.3f}"))
    lines = verdicts + [line for _, line in sorted(moved, reverse=True)]
    new = len(after.keys() - before.keys())
    lines += [f"{new} figures are new"] if new and before else []
    return lines[:MAX_LINES] + ([f"… and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else [])
