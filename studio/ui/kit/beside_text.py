"""What forms that draw ask for besides: inputs of the domain whose models are chosen (`core.domain.Input`), and what capabilities
add to requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gradio as gr
from gradio.components import Component

from studio.core.files import Json
from studio.domains import DOMAINS, domain_of
from studio.library.additions import ADDITIONS
from studio.library.models import Pair
from studio.ui.kit import schema_form
from studio.ui.kit.parts import IN_FULL
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
        return typed(self._fields.get(_name(pair), []), values)

    def show(self, pair: Pair | None) -> Updates:
        """The fields that go with a pair; what stands in them stays."""
        return {group: gr.Column(visible=name == _name(pair)) for name, group in self._groups.items()}

    def fill(self, pair: Pair | None, given: Mapping[str, object]) -> Updates:
        """What a request gave, the others by default."""
        return self.show(pair) | stand(self._fields.get(_name(pair), []), given)


class AddedFields:
    """Fields of what capabilities add to requests that draw (`library.additions`), drawn where this is made."""

    def __init__(self, scope: str):
        known = [schema_form.one(name, addition.schema(), addition.title) for name, addition in ADDITIONS.all().items()]
        with gr.Accordion(
            "More to draw with", open=False, visible=bool(known), elem_id=f"{scope}additions", elem_classes=IN_FULL
        ):
            self._fields = [(field, schema_form.component(field, field.default, f"{scope}with")) for field in known]

    @property
    def components(self) -> list[Component]:
        return [component for _, component in self._fields]

    def asked(self, values: Values) -> Json:
        """Values that differ from their defaults, by name, as a request has them. ValueError in one sentence where one cannot be
        read."""
        return typed(self._fields, values)

    def fill(self, asked: Mapping[str, object]) -> Updates:
        return stand(self._fields, asked)


Drawn = Sequence[tuple[Field, Component]]


def typed(fields: Drawn, values: Values) -> Json:
    """By name, what stands in fields and differs from their defaults."""
    differ = [field for field, component in fields if not schema_form.same(field, values[component], field.default)]
    return schema_form.read_all(differ, {field.name: values[component] for field, component in fields})


def stand(fields: Drawn, given: Mapping[str, object]) -> Updates:
    """What was given, the others by default."""
    return {component: schema_form.stands(field, given.get(field.name, field.default)) for field, component in fields}


def _name(pair: Pair | None) -> str:
    return domain_of(pair.student.domain).name if pair else ""
