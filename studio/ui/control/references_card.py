"""Pictures that attributes are taken from, for an adapter that reads references: brought ones, or those of subjects."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr
from gradio.components import Component

from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.jobs import Jobs
from studio.library.brought_pictures import keep
from studio.library.hint_uses import BROUGHT, uploads
from studio.library.models import Pair
from studio.library.subjects import fits, subjects
from studio.ui.kit import parts
from studio.ui.kit.draw_form import QUIET
from studio.ui.kit.updates import Updates, Values
from studio.ui.kit.uploads import said, taken

ROWS = 3
STRENGTHS = (0.0, 0.5, 1.0)  # without, half, as taught
HINT = "An adapter that reads references goes over the row, at strengths 0, ½ and 1; the prompt says the rest."
DROP: Json = {"filterable": False, "elem_classes": "drop"}
Choices = list[tuple[str, str]]


@dataclass(frozen=True)
class Row:
    attribute: gr.Dropdown
    picture: gr.Dropdown
    bring: gr.UploadButton


class ReferencesCard:
    """Builds the card inside an open `gr.Blocks`. pair: whose domain says what can be wanted."""

    def __init__(self, jobs: Jobs, pair: Pair | None):
        self.jobs = jobs
        with gr.Accordion("Attributes from pictures", open=False, elem_id="control-references", elem_classes="card"):
            self.rows = [self._row(i, pair) for i in range(ROWS)]
            self.line = parts.text("references-line", parts.line(HINT, "hint"))

    def _row(self, i: int, pair: Pair | None) -> Row:
        wanted, known, more = self.wanted(pair), self.pictures(pair), f" ({i + 1})" if i else ""
        with gr.Row():
            attribute = gr.Dropdown(wanted, value="", label=f"Take its{more}", elem_id=f"reference-{i}", min_width=90, **DROP)
            picture = gr.Dropdown(known, value="", label=f"from{more}", elem_id=f"reference-from-{i}", min_width=120, **DROP)
        bring = gr.UploadButton("Bring it", size="sm", type="filepath", file_types=["image"], elem_id=f"reference-bring-{i}")
        return Row(attribute, picture, bring)

    @property
    def fields(self) -> tuple[Component, ...]:
        return tuple(field for row in self.rows for field in (row.attribute, row.picture))

    def wire(self) -> None:
        for row in self.rows:
            row.bring.upload(lambda values, row=row: self.bring(row, values), {row.bring}, {row.picture, self.line}, **QUIET)

    def wanted(self, pair: Pair | None) -> Choices:
        """Nothing, and the attributes of the domain."""
        factors = domain_of(pair.student.domain).factors if pair else {}
        return [("nothing", ""), *((factor.title or name, name) for name, factor in factors.items())]

    def pictures(self, pair: Pair | None) -> Choices:
        """Pictures of subjects."""
        found = [one for one in subjects(self.jobs.paths).values() if pair and fits(one, pair.student)]
        each = [(f"{one.title}, {i}", f"{one.id}#{i}") for one in found for i in range(1, len(one.pictures) + 1)]
        return [("no picture", ""), *each]

    def references(self, values: Values) -> str:
        """As the addition of a request has them; "" for none. ValueError in one sentence where a row is half filled."""
        found = []
        for row in self.rows:
            attribute, picture = str(values[row.attribute] or ""), str(values[row.picture] or "")
            if attribute and not picture:
                raise ValueError(f"Nothing says which picture the {attribute} is taken from; choose one or bring it.")
            found += [f"{attribute}={picture}"] if attribute else []
        return ", ".join(found)

    def offered(self, pair: Pair | None) -> Updates:
        """What goes with another pair; nothing is chosen."""
        found: Updates = {}
        for row in self.rows:
            found |= {row.attribute: gr.Dropdown(self.wanted(pair), value="")}
            found |= {row.picture: gr.Dropdown(self.pictures(pair), value="")}
        return found

    def bring(self, row: Row, values: Values) -> Updates:
        """Keep a picture that was brought, and choose it."""
        intake = taken(values[row.bring], BROUGHT)
        if not intake.pictures:
            return {self.line: said(intake)}
        name, title = keep(uploads(self.jobs.paths), intake.pictures[0]), intake.pictures[0].name
        return {
            row.picture: gr.Dropdown([("no picture", ""), (title, name)], value=name),
            self.line: parts.line(f"{title} is here.", "hint"),
        }
