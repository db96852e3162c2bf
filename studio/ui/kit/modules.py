"""Files of Gradio's browser side that a page will ask for, so that the browser may fetch them all at once.

Gradio's modules name what they import when they run: the browser learns of the last ones five steps after the first. Their names
are read from the installed package. Where a later Gradio writes them otherwise, fewer are found, and the page is only slower.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import gradio

FRONTEND = Path(gradio.__file__).parent / "templates" / "frontend"
FIRST = re.compile(r'src="\./assets/(index-[\w-]+\.js)"')
LISTED = re.compile(r"m\.f=(\[[^\]]*\])")
NAME = re.compile(r'"\./([\w.-]+)"')
BRINGS = r"__vite__mapDeps\(\[([\d,]*)\]"  # places in a module's own list: what an import fetches
BLOCKS = re.compile(rf"import\(`\./Blocks-[^`]*`.*?{BRINGS}", re.DOTALL)
COMPONENT = re.compile(rf"component:\(\)=>.*?{BRINGS}", re.DOTALL)
KINDS = {"form": "form", "api": "state"}  # names of components that Gradio's browser side knows by others


def fetched(kinds: Iterable[str]) -> list[str]:
    """Names below `assets/` of the modules and style sheets of a page with these kinds of component, as they are used."""
    found: dict[str, None] = {}
    for name in _needed({KINDS.get(kind, kind) for kind in kinds}):
        found.setdefault(name)
    return list(found)


@cache
def entry() -> str:
    """The module that Gradio's page itself names, "" where it is not found."""
    first = FIRST.search((FRONTEND / "index.html").read_text(encoding="utf-8"))
    return first[1] if first else ""


def _needed(kinds: set[str]) -> Iterator[str]:
    begin = _listed(entry())
    yield from begin  # of the first import, which is the only one
    index = next((name for name in begin if name.startswith("Index-")), "")
    yield from _brought(index, BLOCKS.search(text(index)))
    core = next((name for name in begin if name.startswith("core-")), "")
    for kind in sorted(kinds):
        for place in re.finditer(rf"[{{,]{kind}:{{", text(core)):
            yield from _brought(core, COMPONENT.search(_object(text(core), place.end())))


def _brought(module: str, found: re.Match[str] | None) -> Iterator[str]:
    names = _listed(module)
    for place in filter(None, found[1].split(",") if found else []):
        if int(place) < len(names):
            yield names[int(place)]


def _object(text: str, begin: int) -> str:
    """From inside of a brace to the one that closes it."""
    depth = 1
    for brace in re.compile(r"[{}]").finditer(text, begin):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return text[begin : brace.start()]
    return ""


@cache
def _listed(module: str) -> tuple[str, ...]:
    listed = LISTED.search(text(module))
    return tuple(NAME.findall(listed[1])) if listed else ()


@cache
def text(module: str) -> str:
    """ "" where there is none of this name."""
    file = FRONTEND / "assets" / module
    return file.read_text(encoding="utf-8") if module and file.is_file() else ""
