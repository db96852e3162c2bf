"""Values of what is asked for beside the text (`core.domain.Input`), checked against their schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping

from studio.core.domain import Input
from studio.core.explain import brief
from studio.core.files import Json
from studio.core.json_schema import check


def filled(inputs: Mapping[str, Input], given: Json | None) -> Json:
    """Every input's value: the given ones, the others by default. ValueError in one sentence where one does not fit."""
    if not inputs:
        if given:
            name = brief(next(iter(given)))
            raise ValueError(f"These models take nothing beside the prompt, so {name} does not fit; leave it out.")
        return {}
    schema = {"properties": {name: dict(one.schema) for name, one in inputs.items()}}
    defaults = {name: one.schema.get("default") for name, one in inputs.items()}
    return {**defaults, **check(schema, given or {}, "What stands beside the prompt")}


def parse_given(given: object) -> object:
    """Inputs as a person writes them, "length=48" or several of these in a list, as a mapping; a mapping as it is."""
    lines = [given] if isinstance(given, str) and given.strip() else given
    if not isinstance(lines, (list, tuple)):
        return lines or {}
    found: Json = {}
    for line in lines:
        name, equals, value = str(line).partition("=")
        if not equals or not name.strip():
            raise ValueError(f"{brief(line)} is not an input; name=value would fit, like length=48.")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value.strip()
    return found
