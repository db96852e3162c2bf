"""What stands below the illustration before the first run: examples at one click, and for whom each tab is."""

from __future__ import annotations

import html

from studio.domains import first
from studio.library import examples
from studio.ui.kit import prompt
from studio.ui.tabs import in_order

DRAWN = 2  # prompts that can be drawn at one click


def ways() -> str:
    """Markup of both."""
    return f"{_examples()}{_tabs()}"


def _examples() -> str:
    """A finished result where one is shipped, and prompts of the first domain that are drawn as the form stands at first."""
    opened = (
        '<button type="button" class="tool e-open" data-example>Open a finished result</button>' if examples.shipped() else ""
    )
    drawn = "".join(
        f'<button type="button" class="tool" data-prompt="{html.escape(text)}">Draw “{html.escape(text)}”</button>'
        for text in prompt.examples(first())[:DRAWN]
    )
    return f'<div class="e-try"><b>Examples</b>{opened}{drawn}</div>'


def _tabs() -> str:
    """A line a tab, of those that say for whom they are."""
    lines = "".join(
        f'<li><a href="?tab={tab.name}" data-go="{tab.name}">{html.escape(tab.title)}</a> '
        f"<span>{html.escape(tab.about)}</span></li>"
        for tab in in_order()
        if tab.about
    )
    return f'<details class="e-for" open><summary>For whom each tab is</summary><ul class="e-tabs">{lines}</ul></details>'
