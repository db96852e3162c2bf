"""What an axis may run over: every setting of a request that draws, as its schema has it. Needs no torch.

A setting is a field of the request ("teacher_steps"), a part of one that holds several ("additions.subject", "given.length", an
adapter's strength as "adapters.mine/size"), or "replace": what is searched for in the prompt, and what stands there instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json
from studio.library.additions import ADDITIONS
from studio.library.draw_request import CompareRequest

REPLACE = "replace"
SHOWN = ("previews",)  # says how a run looks while it is drawn, and changes no picture
LONG = 200  # characters; a text that may be longer is a sentence, in which commas are no ends
Kind = str  # "number", "whole", "yes", "choice", "words", "name"


@dataclass(frozen=True)
class Setting:
    """kind: "whole", "number", "yes", "choice", "words" (a sentence) or "name" (a word, as of a model). many: whether the request
    holds a list of them. empty: whether none of it is a value too."""

    name: str
    title: str
    kind: Kind
    about: str = ""
    choices: tuple[str, ...] = ()
    many: bool = False
    empty: bool = False

    @property
    def field(self) -> str:
        return self.name.partition(".")[0]

    @property
    def part(self) -> str:
        return self.name.partition(".")[2]


SEARCHED = Setting(
    REPLACE,
    "Prompt S/R",
    "words",
    "Search and replace in the prompt: the first text is what is searched for, and stands for itself.",
)


@cache
def _schema() -> Json:
    return CompareRequest.model_json_schema()


def _resolved(schema: Mapping[str, object]) -> Json:
    reference = str(schema.get("$ref", ""))
    return dict(_schema()["$defs"][reference.rpartition("/")[2]]) if reference else dict(schema)


def of_schema(name: str, schema: Mapping[str, object], title: str = "") -> Setting:
    """A setting as a JSON schema describes its values."""
    found: Json = _resolved(schema)
    options = [option for option in found.get("anyOf", ()) if option.get("type") != "null"]
    empty = len(options) < len(found.get("anyOf", ()))
    found = {**found, **(options[0] if options else {})}
    many = found.get("type") == "array"
    inner = _resolved(found.get("items") or {}) if many else found
    kinds = {"integer": "whole", "number": "number", "boolean": "yes"}
    longest = int(inner.get("maxLength") or 0)
    kind = kinds.get(str(inner.get("type")), "choice" if "enum" in inner else "words" if longest > LONG else "name")
    choices, about = tuple(map(str, inner.get("enum", ()))), str(found.get("description") or "")
    return Setting(name, title or str(found.get("title") or name), kind, about, choices, many, empty or many)


def _numbered(field: str) -> str:
    """Of a field that holds a list of uses of something, the number that says how much; "" of others."""
    schema = _schema()["properties"][field]
    of = _resolved(schema["items"]) if schema.get("items") else {}
    names = [name for name, prop in of.get("properties", {}).items() if prop.get("type") == "number"]
    return names[0] if names and "id" in of["properties"] else ""


@cache
def fields() -> dict[str, Setting]:
    """Every field of the request as a whole, and search and replace; those that hold named parts are not among them."""
    found = {REPLACE: SEARCHED}
    for name, schema in _schema()["properties"].items():
        if name not in SHOWN and schema.get("type") != "object":
            found[name] = of_schema(name, schema)
    return found


def named(name: str) -> Setting:
    """The setting of this name. ValueError in one sentence where no request has it."""
    known, (field, _, part) = fields(), str(name).partition(".")
    if name in known:
        return known[name]
    if part and field in _schema()["properties"] and field not in SHOWN:
        schema = _schema()["properties"][field]
        if schema.get("type") == "object":
            if field == "additions":
                return of_schema(name, ADDITIONS.get(part).schema())
            return Setting(name, part, "any", empty=True)
        if number := _numbered(field):
            inner = _resolved(schema["items"])["properties"][number]
            return of_schema(name, inner, f"{part}: {str(inner.get('title') or number).lower()}")
    every = [*known, *(f"additions.{one}" for one in ADDITIONS.all()), "adapters.ID"]
    hint = did_you_mean(str(name), every) or f" Settings are {', '.join(every)}."
    raise ValueError(f"There is no setting {brief(name, 60)} of what is drawn.{hint}")


def offered(adapters: Iterable[tuple[str, str]] = (), inputs: Mapping[str, Setting] | None = None) -> list[Setting]:
    """For a form: all fields and parts of fields. adapters: (id, title) of those whose strength may vary."""
    uses = [Setting(f"adapters.{id}", f"Strength of {title}", "number", named(f"adapters.{id}").about) for id, title in adapters]
    added = [named(f"additions.{name}") for name in ADDITIONS.all()]
    return [*fields().values(), *uses, *(inputs or {}).values(), *added]


def changed(request: Json, setting: Setting, value: object, first: object = None) -> Json:
    """The request (JSON-ready) with another value of a setting. first: of search and replace, what is searched for.

    ValueError where the prompt has not what is searched for.
    """
    field, part = setting.field, setting.part
    if setting.name == REPLACE:
        prompt, find = str(request.get("prompt", "")), str(first)
        if find not in prompt:
            raise ValueError(f"The prompt has no {brief(find, 60)} to replace.")
        return {**request, "prompt": prompt.replace(find, str(value))}
    if not part:
        return {**request, field: _listed(setting, value) if setting.many else value}
    if _schema()["properties"][field].get("type") == "object":
        return {**request, field: {**(request.get(field) or {}), part: value}}
    uses = [dict(use) for use in request[field]]
    mine = next((use for use in uses if use.get("id") == part), None)
    if mine is None:
        uses.append({"id": part, _numbered(field): value})
    else:
        mine[_numbered(field)] = value
    return {**request, field: uses}


def _listed(setting: Setting, value: object) -> object:
    """A value of a field that holds a list; several names in one text are parted by spaces."""
    if value is None or isinstance(value, (int, float)):
        return [] if value is None else [value]
    return value.split() if isinstance(value, str) and setting.kind == "name" else value
