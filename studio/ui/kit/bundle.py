"""The small files that a page begins with, as one script and one style sheet.

A file costs the browser and the server a millisecond or two each, however small, and most of Gradio's modules and ours are small.
The script gives the browser an import map in which every small module stands under its own address, its text as a data address:
whatever imports it, now or later, gets this one. Modules stay what they are, each evaluated once, when it is first imported.
Large ones are fetched as they are, because the browser compiles them while they arrive. Where the script does not arrive, or a
browser knows no import maps, or a module is written otherwise than is expected here, everything is fetched by its address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache, partial

from studio.ui.kit import modules, scripts

ADDRESS = "ui/first"  # below the address of the page
LARGE = 16_000  # characters
SOURCE = "kit/bundle.js"
PAGE = "\0"  # in the texts: the address of the page, which the browser alone knows for sure
IMPORT = re.compile(r"""\b((?:from|import)\s*\(?\s*)(["`])(\.{1,2}/[^"`\s]+\.js)\2""")
OWN_ADDRESS = "import.meta.url"
LEFT = re.compile(r"""\b(?:from|import)\s*\(?\s*["'`]\.{1,2}/|\bimport\.meta\b""")  # means nothing inside of a data address
ELSEWHERE = re.compile(r"url\(|@import")  # in a style sheet: names that are below its own address
LISTED = "=>i.map(i=>d[i]);"  # how Gradio's modules name the files that they ask for before an import
SPARING = "=>i.map(i=>d[i]).filter(f=>!globalThis.bundled?.has(f));"
_made: dict[str, str] = {}


def sparing(text: str) -> str:
    """One of Gradio's modules that does not ask for files which are on the page already."""
    return text.replace(LISTED, SPARING, 1)


@cache
def bundled(assets: tuple[str, ...], own: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Names below `assets/` of Gradio's files and of our scripts -> addresses of what is made of the small ones (a script and a
    style sheet), and addresses of the others. All are below the address of the page."""
    texts = {f"assets/{name}": modules.text(name) for name in assets}
    texts |= {f"{scripts.ADDRESS}/{scripts.version()}/{name}": scripts.scripts()[name] for name in own}
    sheets = {name: text for name, text in texts.items() if name.endswith(".css") and not ELSEWHERE.search(text)}
    small = {name: text for name, text in _standing(texts.items()) if len(text) <= LARGE}
    names = [f"./{name.removeprefix('assets/')}" for name in (*small, *sheets)]
    source = scripts.scripts()[SOURCE].replace("export ", "")
    script = f"(() => {{\n{source}\ncarry({json.dumps(small)}, {json.dumps(names)});\n}})();\n"
    files = [_kept(script, "js"), _kept("\n".join(sheets.values()), "css")]
    return files, [name for name in texts if name not in small and name not in sheets]


def made(name: str) -> str | None:
    """What was made for a page under this name, below `ADDRESS`."""
    return _made.get(name)


def _standing(texts: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Modules, with whole addresses for what they import. One in which something relative is left stays out."""
    for name, text in texts:
        if name.endswith(".js") and name != f"assets/{modules.entry()}":  # the page does not import that one
            whole = IMPORT.sub(partial(_whole, name), sparing(text)).replace(OWN_ADDRESS, f'"{PAGE}{name}"')
            if not LEFT.search(whole):
                yield name, whole


def _whole(module: str, found: re.Match[str]) -> str:
    said, quote, path = found.groups()
    return f"{said}{quote}{PAGE}{scripts.resolved(module, path)}{quote}"


def _kept(text: str, suffix: str) -> str:
    name = f"{scripts.digest(text)}.{suffix}"
    _made[name] = text
    return f"{ADDRESS}/{name}"
