"""The settings of the chosen objective, drawn from its schema: simple ones first, the rest folded away."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr

from studio.core.files import Json
from studio.ui.distill.draft import Draft
from studio.ui.kit import parts, schema_form
from studio.ui.kit.updates import Values

Drawn = dict[tuple[str, str], gr.components.Component]  # (scope, name) -> component
TITLES = {"settings": "Objective", "trainer": "Trainer", "run": "Run"}


def draw(draft: Draft, groups: Mapping[str, list[schema_form.Field]]) -> Drawn:
    """Draw the fields where this is called; what stands in the draft stands in them, else the default."""
    drawn: Drawn = {}

    def add(scope: str, field: schema_form.Field) -> None:
        value = getattr(draft, scope).get(field.name, field.default)
        drawn[scope, field.name] = schema_form.component(field, value, scope)

    with gr.Column(elem_classes="card fields"):
        for field in groups["settings"]:
            if field.simple:
                add("settings", field)
    with gr.Accordion("Advanced", open=False, elem_id="distill-advanced", elem_classes="card fields"):
        for scope, title in TITLES.items():
            rest = [field for field in groups[scope] if scope != "settings" or not field.simple]
            if rest:
                parts.text(f"of-{scope}", f'<h4 class="group">{title}</h4>')
            for field in rest:
                add(scope, field)
    return drawn


def typed(drawn: Drawn, values: Values) -> dict[str, Json]:
    """What stands in the drawn fields, by scope and name."""
    found: dict[str, Json] = {scope: {} for scope in TITLES}
    for (scope, name), component in drawn.items():
        found[scope][name] = values[component]
    return found
