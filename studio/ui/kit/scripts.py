"""Scripts of the page: ES modules below `assets/ui`, served by the page's own host, and the few words by which Gradio calls them.

Gradio takes code as text. That text is one line which imports a module and calls one of its functions, so a script says what it
imports and nothing lists scripts. All of them are read once and served under a digest of them all: a browser may keep what an
address gives for ever, and another version has other addresses.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache

from studio.domains import media
from studio.ui.kit.theme import LOOK

ADDRESS = "ui/scripts"  # below the address of the page
VIEWERS = "viewers"  # folder of those that media bring
IMPORTED = re.compile(r'^(?:import|export)\b[^;"]*?(?:from )?"(\.{1,2}/[^"]+)";', re.MULTILINE)


@cache
def scripts() -> dict[str, str]:
    """ "compare/board.js" -> its text, as it was when this process first asked."""
    files = {file.relative_to(LOOK).as_posix(): file for file in sorted(LOOK.rglob("*.js"))}
    files |= {f"{VIEWERS}/{medium}.js": file for medium, file in media.viewers().items()}
    return {name: file.read_text(encoding="utf-8") for name, file in files.items()}


@cache
def version() -> str:
    """Digest of all scripts."""
    return digest(json.dumps(scripts()))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def mounted(name: str, *events: str, **given: float) -> str:
    """For `js_on_load`: the component is the script's; it exports `mount(host)` and triggers these events alone.

    given: what the script finds in `host` besides. Gradio hands properties of one's own to the page's first components alone, and
    takes every word in quotation marks for an event.
    """
    more = "".join(f", {name}: {value}" for name, value in given.items())
    host = f"{{ element, props, trigger, watch, server, events: {json.dumps(events)}{more} }}"
    return f"{module(name)}.then((script) => script.mount({host}));"


def called(name: str, function: str, *first: str) -> str:
    """For `js` of an event: what the function gives for these words and the inputs is what the handler is given."""
    words = "".join(f"{json.dumps(word)}, " for word in first)
    return f"async (...given) => (await {module(name)}).{function}({words}...given)"


def module(name: str) -> str:
    """An expression for what a script exports. ValueError where there is none of this name."""
    if f"{name}.js" not in scripts():
        raise ValueError(f"There is no script assets/ui/{name}.js.")
    return f'import(new URL("{ADDRESS}/{version()}/{name}.js", document.baseURI))'


def needed(*names: str) -> list[str]:
    """These scripts and all that they import, a script after those it needs."""
    found: dict[str, None] = {}

    def add(file: str) -> None:
        for other in imports(file):
            if other not in found:
                add(other)
        found[file] = None

    for name in names:
        add(f"{name}.js")
    return list(found)


def imports(file: str) -> Iterator[str]:
    """The scripts that a script imports: "compare/board.js" -> "kit/dom.js", …"""
    for path in IMPORTED.findall(scripts()[file]):
        yield resolved(file, path)


def resolved(file: str, path: str) -> str:
    """The script that "./wall.js" or "../kit/dom.js" means inside of a script."""
    parts = file.split("/")[:-1]
    for part in path.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
