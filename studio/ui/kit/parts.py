"""The page's own components: `gr.HTML` with a template that holds no value and a script that patches it.

Functions, not subclasses: a subclass of a Gradio component writes a stub file beside itself at import.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

import gradio as gr

from studio.core.files import Json
from studio.ui.kit.scripts import mounted
from studio.ui.kit.theme import template

IN_FULL = "in-full"  # class of what a simple form hides
MARK = (
    '<svg class="mark" viewBox="0 0 36 36" aria-hidden="true"><rect width="36" height="36" rx="9" fill="var(--arm-student)"/>'
    '<path d="M9 0h9v36H9a9 9 0 0 1-9-9V9a9 9 0 0 1 9-9z" fill="var(--arm-teacher)"/>'
    '<circle cx="18" cy="18" r="7.5" fill="#fff"/><path d="M18 10.5a7.5 7.5 0 0 1 0 15z" fill="var(--arm-hybrid-1)"/></svg>'
)


def _html(value: object = None, **options: object) -> gr.HTML:
    """A bare `gr.HTML`: without Gradio's prose styles, which are made for articles."""
    return gr.HTML(value, apply_default_css=False, **options)


def mounted_html(value: object, name: str, elem_id: str, *served: Callable[[Json], Json]) -> gr.HTML:
    """A component of a tab: its markup and script lie under this name in the assets. served: what the script may ask for."""
    js, markup = mounted(name), template(name)
    return _html(value, html_template=markup, js_on_load=js, elem_id=elem_id, server_functions=list(served))


def text(elem_id: str, value: str = "", **options: object) -> gr.HTML:
    """A place for `line()` or a table."""
    return _html(value, js_on_load=None, elem_id=elem_id, **options)


OPENS = ("reopen", "live", "scrub", "control", "grid", "personalize")  # a run, on a tab of its own


def header(server_functions: Sequence[Callable[..., object]], brings: Sequence[str] = ()) -> gr.HTML:
    """Name, state of the worker, background jobs, recent runs (a drawer), the tour (offered once), light and dark.

    value = {"state", "text", "title", "jobs": {"active", "text"}}. Triggers "reopen", "live", "scrub", "control", "grid" and
    "personalize" with {"run": id}, "open" with {"run": of any kind}, "go" with {"tab"}, "example" with {"fill": whether its
    request goes into the form}, and `brings`, events that ask for the tabs that are still to come.
    """
    template = f"""
<header class="brand">{MARK}
  <div class="brand-words"><h1>Distillation Studio</h1><p>what fast students keep, and what they lose</p></div>
  <div class="brand-tools">
    <span class="worker" role="status"><i></i><span></span></span>
    <button type="button" class="tool jobs-open" aria-haspopup="dialog" aria-expanded="false"><span>Jobs</span>
      <b class="jobs-count"></b></button>
    <button type="button" class="tool runs-open" aria-haspopup="dialog"><span>Recent runs</span></button>
    <button type="button" class="tool tool-icon tour-open" aria-label="Tour of five steps" title="Tour of five steps">?</button>
    <button type="button" class="tool tool-icon theme-toggle" aria-label="Light or dark" title="Light or dark">
      <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true"><path fill="currentColor"
        d="M10 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 1.6v12.8a6.4 6.4 0 0 1 0-12.8Z"/></svg></button>
  </div>
</header>
<aside class="welcome" aria-label="New here?" hidden>
  <p><b>New here?</b> Five steps on a real result show how to read this page.</p>
  <button type="button" class="tool welcome-go">Take the tour</button>
  <button type="button" class="tool welcome-no">Not now</button></aside>
<dialog class="drawer" aria-label="Recent runs">
  <div class="drawer-head"><b>Recent runs</b><button type="button" class="tool drawer-close">Close</button></div>
  <div class="drawer-list"></div>
</dialog>"""
    return _html(
        {"state": "starting", "text": "starting"},
        html_template=template,
        js_on_load=mounted(
            "kit/header", "reopen", "live", "scrub", "control", "grid", "personalize", "open", "go", "example", *brings
        ),
        server_functions=list(server_functions),
        elem_id="header",
    )


def live_plot(waiting: str, elem_id: str = "plot") -> gr.HTML:
    """A plotly figure (JSON text) updated in place, as tall as its card; `waiting` is shown while there is none."""
    template = f'<div class="plot-box"><div class="plot"></div><p class="plot-wait">{waiting}</p></div>'
    return _html(html_template=template, js_on_load=mounted("kit/plot"), elem_id=elem_id)


def words_picker(value: Json) -> gr.HTML:
    """The vocabulary as buttons, by factor. Triggers "pick" with {"factor", "value"}.

    value = {"groups": `prompt.groups()`, "stated": {factor: value}}.
    """
    js = mounted("kit/prompt_words", "pick")
    return _html(value, html_template='<div class="words"></div>', js_on_load=js, elem_id="words")


def chips(texts: Sequence[str]) -> gr.HTML:
    """Example prompts as chips; value: the texts. Triggers "pick" with {"text"}."""
    js = mounted("kit/chips", "pick")
    return _html(list(texts), html_template='<div class="chips"></div>', js_on_load=js, elem_id="examples")


def simple_switch() -> gr.HTML:
    """Whether forms that draw show prompt, pair, seeds and Run alone; remembered by the browser, for all of them."""
    markup = (
        '<button type="button" class="simple-switch" role="switch" aria-checked="false"><i></i>Simple form</button>'
        '<span class="simple-said">Everything else keeps its value, out of sight.</span>'
    )
    return _html(html_template=markup, js_on_load=mounted("kit/simple"), elem_classes="simple-box")


def line(text: str, kind: str) -> str:
    """A short message under a field: kind is "hint", "notice" or "problem"; empty text draws nothing."""
    role = ' role="alert"' if kind == "problem" else ""
    return f'<p class="line {kind}"{role}>{html.escape(text)}</p>' if text else ""


def run_button(text: str, elem_id: str, **more: object) -> gr.Button:
    """What starts the tab's work; also by Ctrl and Enter, where it can be seen."""
    return gr.Button(text, variant="primary", size="md", elem_id=elem_id, elem_classes="runs", **more)


def cancel_button(elem_id: str) -> gr.Button:
    """What ends it; also by Escape."""
    return gr.Button("Cancel", size="md", min_width=84, scale=1, interactive=False, elem_id=elem_id, elem_classes="cancels")
