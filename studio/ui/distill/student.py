"""What the student is made of: full weights, adapters, or a smaller network, and which student it begins as."""

from __future__ import annotations

import gradio as gr

from studio.capabilities.distill.request import DistillRequest
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.ui.distill.draft import Draft
from studio.ui.kit import parts, schema_form
from studio.ui.kit.updates import Updates, Values

FULL = "full"
TEACHER = ""  # where a student begins unless another one is named
FORMS = {
    "full": ("Full weights", "Every weight is the student's own: the most room to learn, and the most memory to train."),
    "adapters": (
        "Adapters",
        "Low-rank changes on one shared network: teacher, student and fake score need one copy of the weights. They are merged "
        "when the student is saved, or lie as a LoRA beside its teacher's weights where the pipeline takes LoRAs.",
    ),
    "smaller": (
        "Smaller network",
        "Blocks are left out or every stage is narrowed, and the rest begins as the teacher's: each evaluation costs less, and "
        "more steps are needed to get as far.",
    ),
}


class StudentCard:
    """Builds the card inside an open `gr.Blocks`. Which fields there are follows from the request's own schema."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        properties = DistillRequest.model_json_schema()["properties"]
        names = {name: properties[name] for name in schema_form.STUDENT_FIELDS if name in properties}
        found = {field.name: field for field in schema_form.fields({"properties": names})}
        self.known = [found[name] for name in schema_form.STUDENT_FIELDS if name in found]
        self.fields: Json = {}
        with gr.Column(elem_classes="card fields", elem_id="student-card"):
            for field in self.known:
                self.fields[field.name] = self._component(field)
                if field.name == "form":
                    self.line = parts.text("form-line", _meaning(FULL))
        if "form" in self.fields:
            changed = {c for name, c in self.fields.items() if name in schema_form.ONLY_OF}
            self.fields["form"].select(
                self.chosen,
                {self.fields["form"]},
                {self.line, *changed},
                queue=False,
                show_progress="hidden",
                api_visibility="private",
            )

    def _component(self, field: schema_form.Field) -> gr.components.Component:
        options: Json = {
            "label": field.label,
            "interactive": True,
            "elem_id": f"student-{field.name.replace('_', '-')}",
        }
        if field.name == "form":
            return gr.Radio([(FORMS.get(form, (form,))[0], form) for form in field.choices], value=field.default, **options)
        if field.name == "start":
            return gr.Dropdown([("The teacher", TEACHER)], value=TEACHER, filterable=False, elem_classes="drop", **options)
        visible = field.name not in schema_form.ONLY_OF or "form" not in self.fields
        return schema_form.component(field, field.default, "student", visible=visible)

    def inputs(self) -> set[gr.components.Component]:
        return set(self.fields.values())

    @property
    def shown(self) -> set[gr.components.Component]:
        """Everything `show` changes."""
        return self.inputs() | ({self.line} if "form" in self.fields else set())

    def typed(self, values: Values) -> Json:
        """What stands in the fields, by name."""
        return {name: values[component] for name, component in self.fields.items() if component in values}

    def show(self, draft: Draft) -> Updates:
        """The fields as a draft has them; students to begin with are those of its teacher."""
        updates: Updates = {}
        form = str(draft.student.get("form") or FULL)
        for field in self.known:
            value, component = draft.student.get(field.name), self.fields[field.name]
            value = field.default if value is None else value
            if field.name == "start":
                choices = self.starts(draft.teacher)
                updates[component] = gr.Dropdown(choices, value=value if value in [given for _, given in choices] else TEACHER)
            else:
                shown = schema_form.write(value) if field.kind in ("whole", "number", "text") else value
                updates[component] = gr.update(value=shown, visible=schema_form.ONLY_OF.get(field.name, form) == form)
        return updates | ({self.line: _meaning(form)} if "form" in self.fields else {})

    def starts(self, teacher: str) -> list[tuple[str, str]]:
        """Where a student of this teacher may begin: as the teacher, or as one of its students."""
        known = load_registry(self.jobs.paths).entries.values()
        mine = [(entry.title, entry.id) for entry in known if entry.teacher == teacher and entry.available]
        return [("The teacher", TEACHER), *mine]

    def chosen(self, values: Values) -> Updates:
        """Another form: its own fields, and what it means."""
        form = values[self.fields["form"]]
        own = {
            c: gr.update(visible=schema_form.ONLY_OF[name] == form)
            for name, c in self.fields.items()
            if name in schema_form.ONLY_OF
        }
        return {self.line: _meaning(form), **own}


def _meaning(form: str) -> str:
    return parts.line(FORMS.get(form, ("", ""))[1], "hint")
