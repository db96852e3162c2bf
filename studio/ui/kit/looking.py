"""Looking at runs that go on: a component that asks Gradio for what is shown of them when they have changed.

In the place of a timer. The browser asks `HEAD /run-state/<run>` (`ui/states.py`), which is answered from memory, and fires the
event `tick` on another stamp (`assets/ui/kit/look.js`). Seldom it fires all the same: what is shown may depend on more than the
run's files, and the address may be out of reach.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import gradio as gr

from studio.core.files import Json
from studio.ui.kit.scripts import mounted
from studio.ui.kit.updates import Shown, Updates, Values

SLOW_S = 10.0  # the page asks at least so often while a run goes on
BLIND_S = 2.0  # the same where the state of a run cannot be read
MOST = 4  # runs that one component looks at


def look(every_s: float) -> gr.HTML:
    """A hidden component that looks at no run yet. every_s: between two looks."""
    js = mounted("kit/look", "tick", every=every_s, slow=max(SLOW_S, every_s), blind=max(BLIND_S, every_s))
    return gr.HTML(rest(), html_template="", js_on_load=js, apply_default_css=False, visible="hidden")


def at(*runs: str, live: bool = True, shown: str | None = None) -> Json:
    """The value that looks at these runs from now on, at the first of many; live: whether there is something to wait for.

    shown: the one of them that is on show, "" for none; all of them otherwise. Of a run that is on show and in front the page
    says nothing when it ends (`assets/ui/kit/ended.js`).
    """
    named = [run for run in runs if run]
    return {"runs": named[:MOST] if live else [], "shown": named if shown is None else [shown]}


def rest() -> Json:
    return {"runs": []}


def on_change(
    looked: gr.HTML, show: Callable[[Values], Updates], given: Shown, shown: Shown, run: gr.Textbox | None = None
) -> None:
    """Calls a handler when a run that is looked at has changed; what changes while it answers is asked for afterwards.

    run: the field that says which run is on show. The handler never sets it, and its answer is marked with the run it was asked
    about: where another one has come on show meanwhile, the page asks again instead of going back (`assets/ui/kit/look.js`).
    """
    quiet: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    if run is None:
        looked.tick(show, given, shown, trigger_mode="always_last", **quiet)
        return

    @functools.wraps(show)
    def answer(values: Values) -> Updates:
        updates, asked = show(values), values[run] or ""
        updates.pop(run, None)
        if looked in updates and asked in updates[looked].get("shown", [asked]):  # another where it is gone
            updates[looked] = {**updates[looked], "answers": asked}
        return updates

    looked.tick(answer, given, shown - {run}, trigger_mode="always_last", **quiet)
