"""What a look at a run may change on the page."""

from __future__ import annotations

import gradio as gr

from studio.ui.kit import looking
from studio.ui.kit.updates import Updates, Values


def test_a_look_never_says_which_run_is_on_show_and_tells_which_one_it_was_about() -> None:
    with gr.Blocks() as page:
        run, line, timer = gr.Textbox(), gr.Textbox(), looking.look(1.0)

        def show(values: Values) -> Updates:
            shown = "next" if values[run] == "deleted" else values[run]
            return {run: "another", line: "drawn", timer: looking.at(shown)}

        looking.on_change(timer, show, {run}, {run, line, timer}, run)
    (look,) = page.fns.values()
    assert set(look.outputs) == {line, timer}
    assert look.fn is not None
    assert look.fn({run: "one"}) == {line: "drawn", timer: {"runs": ["one"], "shown": ["one"], "answers": "one"}}
    assert look.fn({run: "deleted"})[timer] == {"runs": ["next"], "shown": ["next"]}  # it is gone: what is on show instead
