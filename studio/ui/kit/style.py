"""The style sheet of the page as a file: what Gradio's browser side would make of it on every visit, made once.

Gradio gives every rule a second time, below its own container, so that it outweighs the styles of Gradio's components.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from gradio.utils import get_package_version

from studio.ui.kit.scripts import digest

ADDRESS = "ui/style"  # below the address of the page

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
BLANKS = re.compile(r"\s+")


def address(css: str) -> str:
    """Where the sheet is found, below the address of the page: another sheet has another address."""
    return f"{ADDRESS}/{digest(css)}.css"


@cache
def below_container(css: str) -> str:
    """The sheet with every rule a second time, below the container.

    Gradio's browser side leaves out the first of the two inside an @media; drawers, notices and the tour stand outside of the
    container, and would keep the width of a desk on a phone.
    """
    version = get_package_version().replace(".", "-")
    above = f".gradio-container.gradio-container-{version} .contain"
    return "".join(_rules(COMMENT.sub("", css), above))


def _rules(css: str, above: str) -> Iterator[str]:
    for head, body in _blocks(css):
        if head.startswith("@media"):
            yield f"{head}{{{''.join(_rules(body, above))}}}"
            continue
        inside = f"{{{BLANKS.sub(' ', body).strip()}}}"
        yield head + inside
        if not head.startswith("@"):
            yield _below(head, above) + inside


def _below(selectors: str, above: str) -> str:
    """Each selector of a list below the container. Gradio would cut at every comma, also at those inside `:is(…)`, `:has(…)` and
    of a quoted value, and leave halves of selectors that mean something else."""
    dark = ".dark " if ".dark" in selectors else ""
    return ",".join(f"{dark}{above} {one.replace('.dark', '').strip()}".strip() for one in _listed(selectors))


def _listed(selectors: str) -> Iterator[str]:
    """The selectors of a list: cut at commas that stand in no bracket and no quotes."""
    depth, begun, quote = 0, 0, ""
    for at, sign in enumerate(selectors):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "([":
            depth += 1
        elif sign in ")]":
            depth -= 1
        elif sign == "," and not depth:
            yield selectors[begun:at]
            begun = at + 1
    yield selectors[begun:]


def _blocks(css: str) -> Iterator[tuple[str, str]]:
    """(what stands before a brace, what is inside) of everything at the top. ValueError where braces do not match."""
    begun, depth, head = 0, 0, ""
    for brace in re.finditer(r"[{}]", css):
        depth += 1 if brace[0] == "{" else -1
        if depth < 0:
            raise ValueError(f"The style sheet closes a brace that was not opened, after {css[begun : brace.start()][-60:]!r}.")
        if depth == 1 and brace[0] == "{":
            head, begun = BLANKS.sub(" ", css[begun : brace.start()]).strip(), brace.end()
        elif depth == 0:
            yield head, css[begun : brace.start()]
            begun = brace.end()
    if depth:
        raise ValueError(f"The style sheet does not close the brace after {head!r}.")
