"""The page's own components: `gr.HTML` with a template that holds no value and a script that patches it.

Functions, not subclasses: a subclass of a Gradio component writes a stub file beside itself at import.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from studio.domains.pocket.render import render
from studio.domains.pocket.scene import sample_scene
from studio.ui import say
from studio.ui.theme import script

MARK = (
    '<svg class="mark" viewBox="0 0 36 36" aria-hidden="true"><rect width="36" height="36" rx="9" fill="var(--arm-student)"/>'
    '<path d="M9 0h9v36H9a9 9 0 0 1-9-9V9a9 9 0 0 1 9-9z" fill="var(--arm-teacher)"/>'
    '<circle cx="18" cy="18" r="7.5" fill="#fff"/><path d="M18 10.5a7.5 7.5 0 0 1 0 15z" fill="var(--arm-hybrid-1)"/></svg>'
)


def _html(value: Any = None, **options: Any) -> gr.HTML:
    """A bare `gr.HTML`: without Gradio's prose styles, which are made for articles."""
    return gr.HTML(value, apply_default_css=False, **options)


def text(elem_id: str, value: str = "", **options: Any) -> gr.HTML:
    """A place for `line()` or a table."""
    return _html(value, js_on_load=None, elem_id=elem_id, **options)


def header(server_functions: Sequence[Callable[..., Any]]) -> gr.HTML:
    """Name, state of the worker, background jobs, recent runs (a drawer), light and dark.

    value = {"state", "text", "title", "jobs": {"active", "text"}}. Triggers "reopen", "scrub" and "control" with {"run": id}.
    """
    template = f"""
<header class="brand">{MARK}
  <div class="brand-words"><h1>Distillation Studio</h1><p>what fast students keep, and what they lose</p></div>
  <div class="brand-tools">
    <span class="worker" role="status"><i></i><span></span></span>
    <button type="button" class="tool jobs-open" aria-expanded="false"><span>Jobs</span><b class="jobs-count"></b></button>
    <button type="button" class="tool runs-open" aria-haspopup="dialog"><span>Recent runs</span></button>
    <button type="button" class="tool tool-icon theme-toggle" aria-label="Light or dark" title="Light or dark">
      <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true"><path fill="currentColor"
        d="M10 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 1.6v12.8a6.4 6.4 0 0 1 0-12.8Z"/></svg></button>
  </div>
</header>
<div class="drawer" role="dialog" aria-label="Recent runs" aria-hidden="true">
  <div class="drawer-head"><b>Recent runs</b><button type="button" class="tool drawer-close">Close</button></div>
  <div class="drawer-list"></div>
</div>"""
    return _html(
        {"state": "starting", "text": "starting"},
        html_template=template,
        js_on_load=script("header"),
        server_functions=list(server_functions),
        elem_id="header",
    )


def board(value: dict[str, Any]) -> gr.HTML:
    """State, progress, the computed sentence and the seed wall. value = `RunView.board()` or `empty_board()`.

    Triggers "scrub" with {"run": id}.
    """
    template = """
<section class="board" data-state="empty">
  <div class="b-empty">
    <div class="e-words"><h2>The same seeds, drawn by teacher, student and hybrid.</h2>
      <p>Every column starts from one noise. What changes down a column is the model; what repeats along a row is
      diversity lost. Press <b>Run</b>: the rows fill in as they are drawn and are measured underneath.</p></div>
    <figure class="e-figure"><div class="e-rows"></div>
      <figcaption>Illustration by the scene renderer. It measures nothing; your run will.</figcaption></figure>
  </div>
  <div class="b-run">
    <div class="b-status"><span class="b-chip"></span><span class="b-text"></span>
      <button type="button" class="tool b-scrub" hidden>Scrub this run</button></div>
    <div class="b-bar" role="progressbar" aria-label="drawn so far" aria-valuemin="0" aria-valuemax="100"><i></i></div>
    <h2 class="b-headline" aria-live="polite"></h2>
    <ul class="b-rest"></ul><ul class="b-notices"></ul>
    <div class="wall-scroll"><div class="wall"></div></div>
  </div>
</section>"""
    return _html(value, html_template=template, js_on_load=script("board"), elem_id="board")


def stage() -> gr.HTML:
    """Two arms on the selected seed, in the browser only."""
    template = """
<section class="s-box">
  <div class="s-picks">
    <label class="s-pick"><i></i><select class="s-pick-left" aria-label="Left arm"></select></label>
    <span class="s-seeds"><button type="button" class="s-prev" aria-label="Seed before">‹</button>
      <span class="s-seed"></span><button type="button" class="s-next" aria-label="Seed after">›</button></span>
    <label class="s-pick s-pick-r"><i></i><select class="s-pick-right" aria-label="Right arm"></select></label>
  </div>
  <div class="stage"><img class="s-right" alt="" draggable="false" hidden><img class="s-left" alt="" draggable="false" hidden>
    <p class="s-missing" hidden></p>
    <div class="s-handle" role="slider" tabindex="0" aria-label="Where left ends and right begins" aria-valuemin="0"
      aria-valuemax="100" aria-valuenow="50"><i></i></div></div>
  <div class="s-foot"><button type="button" class="s-flicker" aria-pressed="false">Flicker</button>
    <span class="s-hint">drag, or hold <kbd>F</kbd> · <kbd>[</kbd> <kbd>]</kbd> change the seed</span>
    <span class="s-saves">save <a class="s-save-left" hidden></a> <a class="s-save-right" hidden></a></span></div>
</section>"""
    return _html(html_template=template, js_on_load=script("stage"), elem_id="stage")


def live_plot(waiting: str, elem_id: str = "plot") -> gr.HTML:
    """A plotly figure (JSON text) updated in place, as tall as its card; `waiting` is shown while there is none."""
    template = f'<div class="plot-box"><div class="plot"></div><p class="plot-wait">{waiting}</p></div>'
    return _html(html_template=template, js_on_load=script("figure") + script("plot"), elem_id=elem_id)


def words_picker(value: dict[str, Any]) -> gr.HTML:
    """The vocabulary as buttons, by factor. Triggers "pick" with {"factor", "value"}.

    value = {"groups": `prompt.groups()`, "stated": {factor: value}}.
    """
    return _html(value, html_template='<div class="words"></div>', js_on_load=script("words"), elem_id="words")


def chips(texts: Sequence[str]) -> gr.HTML:
    """Example prompts as chips. Triggers "pick" with {"text"}."""
    buttons = "".join(f'<button type="button" data-text="{html.escape(t)}">{html.escape(t)}</button>' for t in texts)
    js = """element.addEventListener("click", (event) => {
  const chip = event.target.closest("button");
  if (chip) trigger("pick", { text: chip.dataset.text });
});"""
    return _html(html_template=f'<div class="chips">{buttons}</div>', js_on_load=js, elem_id="examples")


def line(text: str, kind: str) -> str:
    """A short message under a field: kind is "hint", "notice" or "problem"; empty text draws nothing."""
    role = ' role="alert"' if kind == "problem" else ""
    return f'<p class="line {kind}"{role}>{html.escape(text)}</p>' if text else ""


def figures_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Every measured arm with every figure; diversity and accuracy always side by side."""
    heads = ("arm", "diversity", "accuracy", "in distribution", "NFE", "per image", "FD-oracle")
    body = "".join(_table_row(row, heads) for row in rows if row["nfe"] is not None)
    if not body:
        return '<p class="plot-wait">Figures appear when the first arm is measured.</p>'
    titles = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return (
        f'<table class="figures"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'
        '<p class="table-note">Diversity: mean normalised entropy of the factors the prompt leaves free, over pictures '
        "the oracle takes for scenes. Accuracy: stated factors drawn as asked. NFE: network evaluations per image. "
        "FD-oracle: Fréchet distance on our oracle's features, lower is closer to the world. Brackets are 95 % "
        "intervals; more seeds make them narrower.</p>"
    )


def _table_row(row: Mapping[str, Any], heads: Sequence[str]) -> str:
    measures = row["measures"]
    cells = [
        say.interval(measures.get("diversity")),
        say.interval(measures.get("accuracy"), percent=True),
        say.interval(measures.get("in_distribution"), percent=True),
        (say.evaluations(row["nfe"]), ""),
        (say.seconds(row["seconds"]), ""),
        say.interval(measures.get("fd_oracle"), digits=1),
    ]
    drawn = "".join(
        f'<td data-label="{head}"><b>{value}</b>{f" <small>{ci}</small>" if ci else ""}</td>'
        for head, (value, ci) in zip(heads[1:], cells, strict=True)
    )
    tone, meaning, title = row["tone"], html.escape(row["meaning"]), html.escape(row["title"])
    name = f'<th scope="row" style="--tone:var(--arm-{tone})" title="{meaning}"><i></i>{title}</th>'
    return f"<tr>{name}{drawn}</tr>"


@cache
def empty_board() -> dict[str, Any]:
    """Before the first run: three rows of rendered scenes that show what a wall says at a glance."""
    house = {"subject": "house", "color": "red", "time": "night"}
    same = house | {"position": "left", "size": "medium", "horizon": "middle", "place": "meadow", "companion": "none",
                    "clouds": "one", "light": "right", "stars": "few", "ground": "flat"}  # fmt: skip
    rows = [
        {"title": "Teacher", "tone": "teacher", "images": _scenes(house, 3)},
        {"title": "Student", "tone": "student", "images": _scenes(same, 4)},
        {"title": "Hybrid", "tone": "hybrid-1", "images": _scenes(house, 9)},
    ]
    return {"run": None, "illustration": {"rows": rows}}


def _scenes(fixed: Mapping[str, str], seed: int, count: int = 8, side: int = 112) -> list[str]:
    rng = np.random.default_rng(seed)
    return [_data_uri(render(sample_scene(rng, **fixed), side)) for _ in range(count)]


def _data_uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
