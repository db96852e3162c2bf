"""The jobs panel: every background run, one of them in detail, and what can be asked of it. A drawer over the page.

Belongs to the page, not to a tab. It looks at run directories while something goes on and somebody looks; closing it,
or the page, ends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from studio.core.files import Json
from studio.ui.jobs.background import Background
from studio.ui.kit import looking
from studio.ui.kit.exports import Saved, of_run, saving
from studio.ui.kit.scripts import mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates, Values

POLL_S = 1.0


def jobs_html(value: dict[str, Any], *served: Callable[[Json], Json]) -> gr.HTML:
    """The panel's own component. served: what its script may ask for.

    value = `Background.panel()`, with "focus" (a run to open on) and "problem" at times.

    Triggers "choose" with {"run"} ("first", or "" when it is closed), "act" with {"run", "action"} (and "step" to pick), and
    "duplicate", "compare", "evaluate" and "open" with {"run"}.
    """
    js, markup = mounted("jobs/jobs", "choose", "act", "compare", "evaluate", "open", "duplicate"), template("jobs/jobs")
    return gr.HTML(
        value, html_template=markup, js_on_load=js, apply_default_css=False, elem_id="jobs", server_functions=list(served)
    )


class JobsPanel:
    """Builds the panel inside an open `gr.Blocks` and holds its handlers."""

    def __init__(self, background: Background, header: gr.HTML):
        self.background, self.jobs, self.header = background, background.jobs, header
        self.panel = jobs_html(
            {
                "jobs": [],
                "asked": "",
                "chosen": "",
                "detail": None,
                "counts": {"active": 0, "text": ""},
                "downloads": {"active": 0, "text": ""},
            },
            saving(lambda wish: Saved([], of_run(self.jobs, str(wish.get("run"))))),
        )
        self.chosen = gr.Textbox(visible="hidden", label="chosen run")
        self.timer = looking.look(POLL_S)
        self.shown = {self.panel, self.chosen, self.timer}
        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        # While one is on its way, Gradio drops a second event by itself, and by "always_last" sends the data of the first again.
        self.panel.choose(self.choose, None, self.shown, trigger_mode="multiple", **quiet)
        self.panel.act(self.act, {self.chosen}, self.shown, trigger_mode="multiple", **quiet)
        looking.on_change(self.timer, self.tick, {self.chosen}, self.shown, self.chosen)

    def show(self, chosen: str, **more: Any) -> Updates:
        """The panel as it is now; `chosen` as in `Background.panel`."""
        value = self.background.panel(chosen)
        repaired = self.jobs.store.repaired()
        return {
            self.panel: value | ({"problem": repaired} if repaired else {}) | more,
            self.chosen: value["chosen"],
            self.timer: looking.at(*value["going"], shown=value["chosen"]),
        }

    def focus(self, run_id: str) -> Updates:
        """Open on a run."""
        return self.show(run_id, focus=run_id)

    def choose(self, event: gr.EventData) -> Updates:
        return self.show(str(event.run)[:80])

    def tick(self, values: Values) -> Updates:
        return self.show(values[self.chosen] or "")

    def act(self, values: Values, event: gr.EventData) -> Updates:
        try:
            step = getattr(event, "step", None)
            self.background.act(str(event.run), str(event.action), step if isinstance(step, int) else None)
        except ValueError as error:
            return self.show(values[self.chosen] or "", problem=str(error))
        return self.show(values[self.chosen] or "")
