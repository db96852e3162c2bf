"""Checking plain values against a JSON schema that pydantic wrote, with pydantic and one sentence for a person.

Covers what configs of methods use: numbers with ranges, text, yes/no, choices, lists, optional fields. A schema this
file does not know lets its value pass; the class the schema came from has the last word when the job begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, create_model

from studio.core.explain import brief, did_you_mean, explain
from studio.core.files import Json

MAX_ITEMS = 1000  # of a list, where its schema sets no limit
MAX_TEXT = 2000  # characters
MAX_WHOLE = 10_000_000  # of a whole number, where its schema sets no limit
_RANGES = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt", "multipleOf": "multiple_of"}


def check(schema: Json, values: Mapping[str, object], owner: str, limits: Mapping[str, int] | None = None) -> Json:
    """`values` as the schema's types, without filling in defaults. ValueError in one sentence when they do not fit.

    owner: whose settings these are, at the beginning of a sentence. limits: largest value of fields by name, where the
    schema sets none.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{owner} takes settings as named fields, not {brief(values)}.")
    properties = schema.get("properties", {})
    unknown = next((name for name in values if name not in properties), None)
    if unknown is not None:
        near = did_you_mean(str(unknown), properties) or f" It has {', '.join(properties) or 'none'}."
        raise ValueError(f"{owner} has no setting {brief(unknown)}.{near}")
    required = [name for name in schema.get("required", ()) if name not in values]
    if required:
        raise ValueError(f"{owner} needs a value for {required[0]}.")
    fields: Json = {}
    for name in values:
        limited = dict(properties[name])
        if name in (limits or {}) and "maximum" not in limited and "exclusiveMaximum" not in limited:
            limited["maximum"] = (limits or {})[name]
        fields[name] = (_type(limited, schema.get("$defs", {})), ...)
    model = create_model("settings", __config__=ConfigDict(extra="forbid", protected_namespaces=()), **fields)
    try:
        return dict(model.model_validate(dict(values)).model_dump(mode="json"))
    except ValidationError as error:
        raise ValueError(explain(error)) from error


def _type(schema: Json, definitions: Json) -> Any:
    """A type that pydantic checks as the schema says."""
    if "$ref" in schema:
        return _type(definitions.get(str(schema["$ref"]).rsplit("/", 1)[-1], {}), definitions)
    if "const" in schema:
        return Literal[schema["const"]]
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return reduce(or_, (_type(option, definitions) for option in options))
    ranges: Json = {ours: schema[theirs] for theirs, ours in _RANGES.items() if theirs in schema}
    kind = schema.get("type")
    if kind == "integer":
        top = {} if "le" in ranges or "lt" in ranges else {"le": MAX_WHOLE}
        return Annotated[int, Field(**{**top, **ranges})]
    if kind == "number":
        return Annotated[float, Field(allow_inf_nan=False, **ranges)]
    if kind == "array":
        return _list(schema, definitions)
    if kind == "string":
        longest = min(int(schema.get("maxLength", MAX_TEXT)), MAX_TEXT)
        return Annotated[str, Field(min_length=schema.get("minLength"), max_length=longest, pattern=schema.get("pattern"))]
    return {"boolean": bool, "null": None}.get(str(kind), Any)


def _list(schema: Json, definitions: Json) -> Any:
    if "prefixItems" in schema:
        parts = tuple(_type(part, definitions) for part in schema["prefixItems"])
        return tuple[parts]  # type: ignore[valid-type]
    item = _type(schema.get("items", {}), definitions)
    most = min(int(schema.get("maxItems", MAX_ITEMS)), MAX_ITEMS)
    return Annotated[list[item], Field(min_length=schema.get("minItems"), max_length=most)]  # type: ignore[valid-type]
