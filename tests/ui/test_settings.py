"""Settings as a form: what a schema becomes, and what was typed becomes again."""

from __future__ import annotations

from typing import Any

import pytest

from studio.services.kinds.distill import DistillRequest
from studio.ui import settings
from tests.ui.shelf import OBJECTIVES

SCHEMA: dict[str, Any] = OBJECTIVES["dmd2"]["schema"]


def field(name: str) -> settings.Field:
    return next(f for f in settings.fields(SCHEMA) if f.name == name)


def test_simple_settings_come_first_and_nothing_is_left_out() -> None:
    found = settings.fields(SCHEMA)
    assert {f.name for f in found} == set(SCHEMA["properties"])
    assert [f.name for f in found if f.simple] == ["timesteps", "guidance", "inputs", "batch", "lr"]
    assert not any(later.simple and not earlier.simple for earlier, later in zip(found, found[1:], strict=False))


@pytest.mark.parametrize("name", ["batch", "lr", "timesteps", "inputs", "guidance"])
def test_a_default_is_read_back_as_it_was(name: str) -> None:
    f = field(name)
    assert settings.read(f, settings.write(f.default) if f.kind != "choice" else f.default) == f.default


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("lr", "1.5e-4", 1.5e-4), ("batch", " 64 ", 64), ("timesteps", "[999; 499.5]", [999, 499.5]), ("batch", "", None)],
)
def test_what_is_typed_is_read_in_the_ways_people_type_it(name: str, text: str, value: Any) -> None:
    assert settings.read(field(name), text) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("batch", "many", "a number fits, like 32"), ("batch", "1.5", "whole number"), ("lr", "nan", "finite"),
     ("timesteps", "999, x", "numbers with commas")],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_one_sentence(name: str, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        settings.read(field(name), text)


def test_the_runs_own_fields_are_those_of_the_request() -> None:
    properties = DistillRequest.model_json_schema()["properties"]
    found = settings.fields({"properties": {name: properties[name] for name in settings.RUN_FIELDS}})
    kinds = {f.name: (f.kind, f.default) for f in found}
    assert kinds["sample_every"] == ("whole", None)
    assert kinds["sinks"] == ("choices", [])
