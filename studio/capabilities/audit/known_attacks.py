"""Which attacks there are, read from the folder `attacks` without importing them: they need torch, and requests do not."""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).parent / "attacks"


def known_attacks() -> dict[str, str]:
    """Name -> what it does, as its module says."""
    found = {}
    for file in sorted(FOLDER.glob("[a-z]*.py")):
        said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        found[file.stem.replace("_", "-")] = " ".join(said.split("\n\n")[0].split())
    return found
