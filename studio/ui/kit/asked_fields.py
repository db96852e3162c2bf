"""What only some models take when they draw: a size, a negative prompt, and a guidance scale that a network takes as an input.
Shown where the chosen pair's models take it."""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

from studio.core.files import Json
from studio.library.draw_request import embedding
from studio.library.models import Pair
from studio.library.sizes import sizable, written
from studio.ui.kit.parts import IN_FULL
from studio.ui.kit.updates import Shown, Updates, Values


def takes_sizes(pair: Pair | None) -> bool:
    """Whether both models of a pair draw in other sizes than their own."""
    return pair is not None and sizable(pair.student) and sizable(pair.teacher)


def leads_away(pair: Pair | None, request: Json | None = None) -> bool:
    """Whether a pair's teacher is guided by a null, and not by a number that it takes as an input; or a request says more."""
    return pair is not None and (not pair.teacher.checkpoint.embeds_guidance or bool((request or {}).get("negative")))


def taking_in(pair: Pair | None) -> bool:
    """Whether a model of a pair takes the guidance scale as an input."""
    return pair is not None and bool(embedding(pair))


class AskedFields:
    """The fields, drawn where this is made. scope: of the components' ids. folded: in a card of their own, closed until one of
    them is filled, which goes where neither is taken."""

    def __init__(self, pair: Pair | None, scope: str, folded: bool = False):
        self.group: gr.Accordion | None = None
        if folded:
            there, name = takes_sizes(pair) or leads_away(pair) or taking_in(pair), f"{scope}advanced"
            with gr.Accordion("Advanced", open=False, visible=there, elem_id=name, elem_classes=["card", IN_FULL]) as self.group:
                self._build(pair, scope)
        else:
            self._build(pair, scope)

    def _build(self, pair: Pair | None, scope: str) -> None:
        self.negative = gr.Textbox(
            "",
            label="Negative prompt",
            visible=leads_away(pair),
            max_lines=3,
            elem_id=f"{scope}negative",
            info="what guided steps lead away from, in the models' words; steps without guidance do not read it",
        )
        self.size = gr.Textbox(
            "",
            label="Size",
            visible=takes_sizes(pair),
            max_lines=1,
            elem_id=f"{scope}size",
            info=f"{written(pair)}; empty is the models' own",
        )

        self.embedded = gr.Textbox(
            "",
            label="Embedded guidance",
            visible=taking_in(pair),
            max_lines=1,
            elem_id=f"{scope}embedded",
            info="for models that take the scale as an input, 1 to 50; empty is each one's own",
        )

    @property
    def components(self) -> list[Component]:
        return [self.size, self.negative, self.embedded]

    @property
    def _fields(self) -> dict[str, gr.Textbox]:
        """By their names in a request."""
        return {"negative": self.negative, "size": self.size, "embedded_guidance": self.embedded}

    @property
    def shown(self) -> Shown:
        """Everything that `show` and `fill` change."""
        return {*self.components, *([self.group] if self.group is not None else [])}

    def asked(self, values: Values) -> Json:
        """As a request has them; nothing of a field that is empty."""
        said = {name: values[field] for name, field in self._fields.items()}
        return {name: text for name, given in said.items() if (text := str(given or "").strip())}

    def show(self, pair: Pair | None) -> Updates:
        """The fields that go with a pair; what stands in one that stays is kept."""
        shown = {self.negative: leads_away(pair), self.size: takes_sizes(pair), self.embedded: taking_in(pair)}
        group: Updates = {} if self.group is None else {self.group: gr.Accordion(visible=any(shown.values()))}
        fields: Updates = {
            field: gr.Textbox(visible=True) if there else gr.Textbox("", visible=False) for field, there in shown.items()
        }
        return {**fields, **group}

    def fill(self, pair: Pair | None, request: Json) -> Updates:
        there = {self.negative: leads_away(pair, request), self.size: takes_sizes(pair), self.embedded: taking_in(pair)}
        texts = {field: str(request.get(name) or "") for name, field in self._fields.items()}
        filled, any_there = any(texts.values()), any(there.values())
        group: Updates = {} if self.group is None else {self.group: gr.Accordion(visible=any_there, open=filled)}
        return {**{field: gr.Textbox(text, visible=there[field]) for field, text in texts.items()}, **group}
