"""Digests of what stages read and write."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

MISSING = "missing"
LENGTH = 12


def digest(path: Path) -> str:
    """Of a file or of all files in a folder by name; `MISSING` where there is none. Python is digested as what it means."""
    if path.is_file():
        return _short(_meaning(path.read_text(encoding="utf-8")) if path.suffix == ".py" else path.read_bytes())
    files = sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts) if path.is_dir() else []
    if not files:
        return MISSING
    return _short("\n".join(f"{p.relative_to(path).as_posix()} {digest(p)}" for p in files).encode())


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:LENGTH]


def _meaning(source: str) -> bytes:
    """The syntax tree without positions, comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:]
    return ast.dump(tree).encode()
