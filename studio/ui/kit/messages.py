"""What is wrong with a request, in the words of the form that it was typed into: labels instead of field names."""

from __future__ import annotations

import re
from functools import cache

from pydantic import BaseModel

from studio.jobs.kinds import KINDS
from studio.ui.kit import parts
from studio.ui.kit.schema_form import LABELS

# A sentence begins with the field it is about ("draw.teacher_steps is 0; …"); names of two words are names wherever they stand.
_FIRST = re.compile(r"^([a-z]\w*(?:\.\w+)*)(?: is (?=[^;]*; )|(?= is missing)|(?=: ))")
_INSIDE = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")


def problem(error: Exception, kind: str = "") -> str:
    """The line under a form. kind: of the job that was asked for."""
    return parts.line(in_form(str(error), kind), "problem")


def in_form(sentence: str, kind: str = "") -> str:
    titles = LABELS | _titles(kind)

    def first(found: re.Match[str]) -> str:
        name = next((part for part in reversed(found[1].split(".")) if not part.isdigit()), found[1])
        return titles.get(name, name.replace("_", " ").capitalize()) + (": " if found[0].endswith(" is ") else "")

    text = _FIRST.sub(first, sentence)
    return _INSIDE.sub(lambda found: titles.get(found[0], found[0]), text)


@cache
def _titles(kind: str) -> dict[str, str]:
    """Field -> title, of a kind's request and of the requests inside it."""
    return _of(KINDS.get(kind).config) if kind else {}


def _of(request: type[BaseModel]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, field in request.model_fields.items():
        if field.title:
            found[name] = field.title
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found = _of(inner) | found
    return found
