"""Parts of a form that are drawn anew for each choice, and the button that waits for them.

What happens with drawn fields is attached where they are drawn, so between a choice and the new fields the old ones' handlers
would answer for it, or none: nothing can be started in between.
"""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from gradio.context import Context

from studio.core.files import Json

_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def draws(place: gr.Column, form: gr.Textbox, start: gr.Button, draw: Callable[[str], None]) -> None:
    """Whenever the text of `form` becomes another, `draw(text)` makes in `place` what belongs to it; `start` can be pressed again
    once that is there. To be called while the page is built."""
    page = Context.root_block
    assert page is not None
    form.change(None, None, start, js=_pressed(False), **_QUIET)

    def drawn(text: str) -> None:
        draw(text)
        page.load(None, None, start, js=_pressed(True), **_QUIET)

    with place:
        gr.render(inputs=[form], triggers=[form.change], queue=False, show_progress="hidden")(drawn)


def _pressed(can: bool) -> str:
    return f"() => ({{__type__: 'update', interactive: {str(can).lower()}}})"
