"""The shelf of the Control tab: what adapters there are, and train, bring, take, merge and delete.

What opens models runs as a job of the kind `adapter`, as a slider's training does; the page only asks and looks.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from studio.core.files import Json
from studio.domains import first
from studio.jobs.events import ACTIVE
from studio.jobs.jobs import Jobs
from studio.library import adapters as known
from studio.library.adapter_effects import attribute_of
from studio.library.adapters import AdapterEntry
from studio.library.models import Pair, load_registry
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import looking, messages, parts, words
from studio.ui.kit.scripts import called
from studio.ui.kit.updates import Updates, Values

Choices = list[tuple[str, str]]
POLL_S = 0.7
BEGIN = "size"  # what a slider is taught unless something else is chosen
METHODS = [("pairs of pictures", "pairs"), ("two prompts", "text"), ("a direction of the model's own", "direction")]
LAYOUTS = [("diffusers", "diffusers"), ("PEFT", "peft"), ("kohya", "kohya")]
_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_DROP: Json = {"filterable": False, "elem_classes": "drop"}


class Shelf:
    """Builds its cards where `build` is called, and holds their handlers."""

    def __init__(self, jobs: Jobs, panel: JobsPanel):
        self.jobs, self.panel = jobs, panel

    # -- layout ----------------------------------------------------------------------------------------------------

    def build(self, listed: list[Pair]) -> None:
        models, entries = self._models(), self._entries()
        ids = [(f"{entry.title} ({entry.id})", entry.id) for entry in entries]
        with gr.Column(elem_classes="card shelf"):
            self.list = parts.text("shelf-list", list_html(entries))
            self.said = parts.text("shelf-said")
            self._build_training(models)
            self._build_files(models, ids)
            with gr.Accordion("Save as a new model", open=False, elem_id="shelf-merge"):
                with gr.Row(elem_classes="pair-of"):
                    self.into = gr.Dropdown(
                        models, value=_first(models), label="Merge the form's adapters into", elem_id="merge-into", **_DROP
                    )
                    self.new = gr.Textbox("my-model", label="Name of the new model", max_lines=1, elem_id="merge-name")
                self.merge = gr.Button("Save the model", size="md", elem_id="merge")
        self.run = gr.Textbox("", visible="hidden", label="shelf run")
        self.worn = gr.Textbox("{}", visible="hidden", label="adapters to merge")
        self.timer = looking.look(POLL_S)
        self.shown = {self.list, self.base, self.model, self.into, self.which}

    def _build_training(self, models: Choices) -> None:
        with gr.Accordion("Train a slider", open=False, elem_id="shelf-train"):
            with gr.Row(elem_classes="pair-of"):
                self.base = gr.Dropdown(models, value=_first(models), label="On the model", elem_id="train-base", **_DROP)
                moved = [(a.title, a.name) for a in first().attributes.values()]
                self.attribute = gr.Dropdown(
                    moved,
                    value=next((name for _, name in moved if name == BEGIN), _first(moved)),
                    label="What it moves",
                    elem_id="train-attribute",
                    **_DROP,
                )
            with gr.Row(elem_classes="pair-of"):
                self.method = gr.Dropdown(METHODS, value="pairs", label="Taught from", elem_id="train-method", **_DROP)
                self.steps = gr.Number(200, precision=0, label="Training steps", elem_id="train-steps")
                self.name = gr.Textbox("my-slider", label="Name", max_lines=1, elem_id="train-name")
            with gr.Row(elem_classes="pair-of", visible=False) as self.words:
                self.less = gr.Textbox("", label="Less, in words", placeholder="by day", max_lines=1)
                self.more = gr.Textbox("", label="More, in words", placeholder="at night", max_lines=1)
                self.preserve = gr.Textbox("", label="Leave apart", placeholder="red, blue", max_lines=1)
            with gr.Row(elem_classes="pair-of"):
                self.pairs = gr.Textbox(
                    "",
                    label="Folder of pairs, in uploads",
                    placeholder="empty: things of its world",
                    max_lines=1,
                    elem_id="train-pairs",
                )
                self.prompts = gr.Textbox(
                    "", label="Behind these prompts", placeholder="a line each", lines=1, max_lines=6, elem_id="train-prompts"
                )
            self.train = gr.Button("Start training", size="md", elem_id="train-start")

    def _build_files(self, models: Choices, ids: Choices) -> None:
        with gr.Accordion("Bring an adapter, or take one along", open=False, elem_id="shelf-files"):
            with gr.Row(elem_classes="pair-of"):
                self.model = gr.Dropdown(models, value=_first(models), label="The file is for", elem_id="bring-model", **_DROP)
                self.as_name = gr.Textbox("my-lora", label="Name", max_lines=1, elem_id="bring-name")
                self.bring = gr.UploadButton("Bring a .safetensors file", size="md", type="filepath", elem_id="bring")
            with gr.Row(elem_classes="pair-of"):
                self.which = gr.Dropdown(ids, value=_first(ids), label="Adapter", elem_id="take-which", **_DROP)
                self.layout = gr.Dropdown(LAYOUTS, value="diffusers", label="Layout", elem_id="take-layout", **_DROP)
                self.strip = gr.Checkbox(False, label="Without prompts, settings and date", elem_id="take-strip")
            with gr.Row(elem_classes="pair-of"):
                self.take = gr.Button("Write the file", size="md", elem_id="take")
                self.delete = gr.Button("Delete this adapter", size="md", elem_id="take-delete")

    def wire(self, fields: set[gr.components.Component], worn: gr.HTML, of_form: Callable[[Values], Json]) -> None:
        """worn, of_form: the form's adapters, which are listed anew when there is another one."""
        asked = {self.said, self.run, self.timer}
        self.method.change(
            lambda method: (gr.Row(visible=method == "text"), gr.Textbox(visible=method == "pairs")),
            self.method,
            [self.words, self.pairs],
            **_QUIET,
        )
        trained = {self.base, self.attribute, self.method, self.steps, self.name, self.less, self.more, self.preserve,
                   self.pairs, self.prompts}  # fmt: skip
        self.train.click(self.start, trained, {self.said, *self.panel.shown}, **_QUIET)
        self.bring.upload(self.brought, {self.bring, self.model, self.as_name}, asked, **_QUIET)
        self.take.click(self.taken, {self.which, self.layout, self.strip}, asked, **_QUIET)
        self.merge.click(
            self.merged, [self.worn, self.into, self.new], list(asked), js=called("control/adapters_on", "readWorn"), **_QUIET
        )

        def ticked(values: Values) -> Updates:
            updates = self.tick(values[self.run])
            return updates | ({worn: of_form(values)} | self.show() if self.timer in updates else {})

        def deleted(values: Values) -> Updates:
            return self.deleted(values) | {worn: of_form(values)} | self.show()

        looking.on_change(self.timer, ticked, {self.run, *fields}, {*asked, worn, *self.shown})
        self.delete.click(deleted, {self.which, *fields}, {self.said, worn, *self.shown}, **_QUIET)

    # -- what there is ---------------------------------------------------------------------------------------------

    def _entries(self) -> list[AdapterEntry]:
        return list(known.load_adapters(self.jobs.paths).entries.values())

    def _models(self) -> list[tuple[str, str]]:
        return [(entry.title, entry.id) for entry in load_registry(self.jobs.paths).entries.values() if entry.available]

    def show(self, newest: bool = True) -> Updates:
        """Lists as they are now; nothing else of the form is touched. newest: choose the adapter that was made last."""
        entries, models = self._entries(), gr.Dropdown(choices=self._models())
        ids = [(f"{entry.title} ({entry.id})", entry.id) for entry in entries]
        chosen = {"value": ids[-1][1] if ids else None} if newest else {}
        return {self.list: list_html(entries), self.which: gr.Dropdown(choices=ids, **chosen),
                self.base: models, self.model: models, self.into: models}  # fmt: skip

    # -- handlers --------------------------------------------------------------------------------------------------

    def start(self, values: Values) -> Updates:
        method = values[self.method]
        request: Json = {"name": str(values[self.name] or ""), "base": values[self.base] or "", "method": method,
                         "steps": values[self.steps]}  # fmt: skip
        prompts = [line for line in str(values.get(self.prompts) or "").splitlines() if line.strip()]
        if prompts:
            request["prompts"] = prompts
        if method == "pairs" and (pairs := str(values.get(self.pairs) or "").strip()):
            request["pairs"] = pairs
        elif method == "pairs":
            request["attribute"] = values[self.attribute]
        elif method == "text":
            request |= {"negative": str(values[self.less] or ""), "positive": str(values[self.more] or "")}
            request["preserve"] = [word.strip() for word in str(values[self.preserve] or "").split(",") if word.strip()]
        try:
            run_id = self.jobs.submit("slider", request)
        except ValueError as error:
            return {self.said: messages.problem(error, "slider")}
        said = "It is in the queue and shown above; it goes on when this page is closed, and is listed here when it is done."
        return {self.said: parts.line(said, "hint")} | self.panel.focus(run_id)

    def brought(self, values: Values) -> Updates:
        given = values[self.bring]
        if not given:
            return {self.said: ""}
        name = known.copy_in(self.jobs.paths, Path(given))
        updates = self._ask({"action": "import", "file": name, "name": str(values[self.as_name] or ""),
                             "model": values[self.model] or ""})  # fmt: skip
        if self.run not in updates:  # refused: nobody will read the copy
            (known.copies(self.jobs.paths) / name).unlink()
        return updates

    def taken(self, values: Values) -> Updates:
        return self._ask({"action": "export", "adapter": values[self.which] or "", "layout": values[self.layout],
                          "strip": bool(values[self.strip])})  # fmt: skip

    def merged(self, worn: str, into: str, name: str) -> Updates:
        return self._ask({"action": "merge", "model": into or "", "name": str(name or ""),
                          "adapters": json.loads(worn or "{}").get("worn") or []})  # fmt: skip

    def deleted(self, values: Values) -> Updates:
        try:
            known.remove(self.jobs.paths, values[self.which] or "")
        except ValueError as error:
            return {self.said: messages.problem(error)}
        return {self.said: parts.line(f"{values[self.which]} is deleted.", "hint")}

    def _ask(self, request: Json) -> Updates:
        try:
            run_id = self.jobs.submit("adapter", request)
        except ValueError as error:
            return {self.said: messages.problem(error, "adapter")}
        return {self.said: parts.line("Opening the models …", "hint"), self.run: run_id, self.timer: looking.at(run_id)}

    def tick(self, run_id: str) -> Updates:
        """How what was asked stands; the timer stops with it."""
        if not run_id:
            return {self.timer: looking.rest()}
        try:
            info = self.jobs.get(run_id)
        except ValueError as error:
            return {self.said: messages.problem(error), self.timer: looking.rest()}
        if info.state in (*ACTIVE, "queued"):
            return {self.said: parts.line(info.note or "Opening the models …", "hint")}
        stop = {self.timer: looking.rest()}
        result = self.jobs.result(run_id)
        if info.state != "done" or result is None:
            return stop | {self.said: parts.line(info.note or f"It was {info.state}.", "problem")}
        lines = [parts.line(sentence, "hint") for sentence in result["said"]]
        links = "".join(
            f'<a class="shelf-file" href="run-file/{run_id}/{html.escape(file)}" download>{html.escape(Path(file).name)}</a>'
            for file in result["files"]
        )
        return stop | {self.said: "".join(lines) + links}


def list_html(entries: list[AdapterEntry]) -> str:
    """Every adapter with what it moves and what was measured of it. Titles come from files and are escaped."""
    if not entries:
        return '<h3 class="shelf-head">Adapters</h3><p class="plot-wait">None yet. Train a slider below, or bring a LoRA.</p>'
    heads = ("adapter", "moves", "trained on", "rank", "strength 1 is", "slope there", "new words")
    titles = "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = ""
    for entry in entries:
        name = f'<th scope="row">{html.escape(entry.title)} <small>{html.escape(entry.id)}</small></th>'
        if not entry.available:
            body += f'<tr>{name}<td colspan="{len(heads) - 1}">{html.escape(entry.reason)}</td></tr>'
            continue
        cells = [moves(entry), entry.base or words.NO_VALUE, entry.rank or words.NO_VALUE, unit(entry), slope(entry),
                 ", ".join(entry.words) or words.NO_VALUE]  # fmt: skip
        drawn = "".join(f'<td data-label="{head}">{html.escape(cell)}</td>' for head, cell in zip(heads[1:], cells, strict=True))
        body += f"<tr>{name}{drawn}</tr>"
    return (
        f'<h3 class="shelf-head">Adapters</h3><div class="shelf-scroll"><table class="figures"><thead><tr>{titles}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )


def moves(entry: AdapterEntry) -> str:
    what = attribute_of(entry)
    return f"{what.title}, {what.low} to {what.high}" if what else str(entry.card.get("attribute") or "not said")


def unit(entry: AdapterEntry) -> str:
    return f"scale {entry.calibration:.2f}" if entry.card.get("calibration") else "scale 1"


def slope(entry: AdapterEntry) -> str:
    """What was measured on the model it was trained on."""
    measured = entry.card.get("measured")
    models = measured.get("models") if isinstance(measured, dict) else None
    row = models.get(entry.base) if isinstance(models, dict) else None
    if not isinstance(row, dict):
        return words.NO_VALUE
    return " ".join(filter(None, words.interval(row.get("slope"), 3)))


def _first(choices: list[tuple[str, str]]) -> str | None:
    return choices[0][1] if choices else None
