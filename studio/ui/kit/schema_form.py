"""Settings as a form: a JSON schema (as pydantic writes it) turned into fields, and what was typed turned back.

Reading is forgiving about form and says in one sentence what does not fit; ranges are checked where the job is submitted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr

from studio.core.files import Json

SIMPLE = (
    "forget", "becomes", "keep", "timesteps", "segments", "start", "steps", "guidance", "w", "divergence", "alpha", "inputs",
    "loss", "batch", "lr",
)  # fmt: skip
LABELS = {  # of fields that are given no title of their own
    "lr": "Learning rate", "critic_lr": "Learning rate of the fake score", "head_lr": "Learning rate of the head",
    "ema": "Average of the weights (EMA)", "target_ema": "Average of the target (EMA)", "gan": "Adversarial weight",
    "gan_critic": "Discriminator's weight", "w": "Guidance when sampled", "w_low": "Least guidance", "w_high": "Largest guidance",
    "t_low": "Least time", "t_high": "Largest time", "real": "What counts as real", "steps": "Sampling steps",
    "max_bad_steps": "Bad steps in a row", "form": "Student form", "rank": "Adapter rank", "start": "Start from",
}  # fmt: skip
RUN_FIELDS = ("seed", "n_scenes", "sample_every", "measure_every", "stop_at", "measure_samples", "sinks")
STUDENT_FIELDS = ("form", "rank", "leave_out", "width", "start")
OWN = {"run": RUN_FIELDS, "student": STUDENT_FIELDS}  # fields of the request itself, by the part of the form they are in
ONLY_OF = {"rank": "adapters", "leave_out": "smaller", "width": "smaller"}  # field -> the student form it belongs to
Kind = Literal["whole", "number", "choice", "choices", "yes", "numbers", "text"]


@dataclass(frozen=True)
class Field:
    """One setting: how it is asked for, its default (None is "by itself"), and what it is for."""

    name: str
    label: str
    kind: Kind
    default: Any
    info: str
    choices: tuple[Any, ...] = ()
    whole: bool = False  # of lists: whole numbers only

    @property
    def simple(self) -> bool:
        return self.name in SIMPLE


def fields(schema: Mapping[str, Any]) -> list[Field]:
    """Every setting of a schema: simple ones first, in the order of `SIMPLE`, then the rest as the schema has them."""
    found = [one(name, prop) for name, prop in schema.get("properties", {}).items()]
    return sorted(found, key=lambda f: SIMPLE.index(f.name) if f.simple else len(SIMPLE))


def one(name: str, prop: Mapping[str, Any], title: str = "") -> Field:
    """A setting of this schema; title: what it is called, where somebody says it."""
    label = title or _label(name, str(prop.get("title") or ""))
    default, info = prop.get("default"), str(prop.get("description", ""))
    for option in prop.get("anyOf", ()):  # optional: the first type that is not null
        if option.get("type") != "null":
            prop = {**prop, **option}
            break
    items = prop.get("items") or {}
    if "enum" in prop:
        return Field(name, label, "choice", default, info, tuple(prop["enum"]))
    if prop.get("type") == "array" and "enum" in items:
        return Field(name, label, "choices", list(default or ()), info, tuple(items["enum"]))
    if prop.get("type") == "array" and items.get("type") in ("number", "integer"):
        return Field(name, label, "numbers", list(default or ()), info, whole=items["type"] == "integer")
    kinds: dict[Any, Kind] = {"integer": "whole", "number": "number", "boolean": "yes"}
    return Field(name, label, kinds.get(prop.get("type"), "text"), default, info)


def _label(name: str, title: str) -> str:
    """The title that a field was given; pydantic writes one made of the name where it was given none."""
    if title and title != name.replace("_", " ").title():
        return title
    return LABELS.get(name) or name.replace("_", " ").capitalize()


def shown(known: list[Field], form: str) -> list[Field]:
    """Those that have a meaning for a student of this form; all, when forms cannot be chosen."""
    if all(field.name != "form" for field in known):
        return known
    return [field for field in known if ONLY_OF.get(field.name, form) == form]


def component(field: Field, value: Any, scope: str, **more: Any) -> Any:
    """The Gradio component of a field, drawn where it is called. No ranges here: the request's check answers in a sentence."""
    options: Json = {
        **more,
        "interactive": True,  # Gradio takes fields that only drawn handlers read for outputs
        "label": field.label,
        "info": field.info or None,
        "elem_id": f"{scope}-{field.name.replace('_', '-')}",
    }
    value = stands(field, value)
    if field.kind == "choice":
        return gr.Dropdown(list(field.choices), value=value, filterable=False, elem_classes="drop", **options)
    if field.kind == "choices":
        return gr.CheckboxGroup(list(field.choices), value=value, **options)
    if field.kind == "yes":
        return gr.Checkbox(value, **options)
    # Text, also for numbers: what was typed stays as it was typed (1.5e-4, or a mistake), and is answered in a sentence.
    return gr.Textbox(value, max_lines=1, elem_classes="figure", **options)


def stands(field: Field, value: Any) -> Any:
    """A value as the component of its field holds it."""
    if field.kind == "choices":
        return list(value or [])
    return value if field.kind == "choice" else bool(value) if field.kind == "yes" else write(value)


def write(value: Any) -> str:
    """A setting as text; a list with commas, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(write, value))
    return f"{value:g}" if isinstance(value, float) and 1e-6 < abs(value) < 1e6 else str(value)


def same(field: Field, given: Any, other: Any) -> bool:
    """Whether two values look the same in the field."""
    if field.kind == "yes":
        return bool(given) == bool(other)
    return write(given).strip() == write(other).strip()


def read(field: Field, given: Any) -> Any:
    """The value of what stands in a field; None when it is empty. ValueError in one sentence when it cannot be read."""
    if field.kind in ("choice", "yes"):
        return given
    if field.kind == "choices":
        return list(given or [])
    text = write(given).strip()
    if not text:
        return None
    if field.kind == "numbers":
        return [_number(field, part, field.whole) for part in re.split(r"[,;\s]+", text.strip("[]()")) if part]
    return text if field.kind == "text" else _number(field, text, field.kind == "whole")


def _number(field: Field, text: str, whole: bool) -> float | int:
    try:
        value = float(text.replace("_", ""))
    except ValueError:
        fits = "numbers with commas between them fit" if field.kind == "numbers" else "a number fits"
        raise ValueError(f"{field.label} is {text[:40]!r}; {fits}, like {write(field.default) or '1'}.") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{field.label} is {text[:40]!r}; a finite number fits.")
    if whole and value != int(value):
        raise ValueError(f"{field.label} is {text[:40]!r}; a whole number fits.")
    return int(value) if whole or (value == int(value) and field.kind == "numbers") else value


def read_all(known: list[Field], given: Mapping[str, Any]) -> Json:
    """Settings from what stands in the fields, by name; empty ones are left to their defaults."""
    found = {field.name: read(field, given[field.name]) for field in known if field.name in given}
    return {name: value for name, value in found.items() if value is not None}
