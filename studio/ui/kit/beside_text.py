"""What is asked for beside the text, on a form: the inputs of the domain whose models are chosen (`core.domain.Input`)."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr
from gradio.components import Component

from studio.core.files import Json
from studio.domains import DOMAINS, domain_of
from studio.library.models import Pair
from studio.ui.kit import schema_form
from studio.ui.kit.schema_form import Field
from studio.ui.kit.updates import Updates, Values


class BesideText:
    """Fields of every domain that has inputs, drawn where this is made; those of the chosen pair's domain are shown.

    scope: of the components' ids.
    """

    def __init__(self, pair: Pair | None, scope: str):
        self._groups: dict[str, gr.Column] = {}
        self._fields: dict[str, list[tuple[Field, Component]]] = {}
        here = _name(pair)
        for name, domain in DOMAINS.all().items():
            if domain.inputs:
                with gr.Column(visible=name == here, elem_classes="beside") as self._groups[name]:
                    known = [schema_form.one(asked, one.schema, one.title) for asked, one in domain.inputs.items()]
                    drawn = [schema_form.component(field, field.default, f"{scope}{name}") for field in known]
                self._fields[name] = list(zip(known, drawn, strict=True))

    @property
    def components(self) -> list[Component]:
        return [component for fields in self._fields.values() for _, component in fields]

    @property
    def groups(self) -> list[gr.Column]:
        return list(self._groups.values())

    def given(self, pair: Pair | None, values: Values) -> Json:
        """Values that differ from their defaults, by name, as a request has them. ValueError in one sentence where one cannot be
        read."""
        fields = [(field, values[component]) for field, component in self._fields.get(_name(pair), [])]
        typed = {field.name: field for field, value in fields if not schema_form.same(field, value, field.default)}
        return schema_form.read_all(list(typed.values()), {field.name: value for field, value in fields})

    def show(self, pair: Pair | None) -> Updates:
        """The fields that go with a pair; what stands in them stays."""
        return {group: gr.Column(visible=name == _name(pair)) for name, group in self._groups.items()}

    def fill(self, pair: Pair | None, given: Mapping[str, object]) -> Updates:
        """What a request gave, the others by default."""
        fields = self._fields.get(_name(pair), [])
        return self.show(pair) | {c: schema_form.stands(field, given.get(field.name, field.default)) for field, c in fields}


def _name(pair: Pair | None) -> str:
    return domain_of(pair.student.domain).name if pair else ""
