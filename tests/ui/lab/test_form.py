"""What a browser kept of the form of a study."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studio.ui.lab import form

KEPT = {"study": "handover", "name": "", "pair": "x/y", "prompts": "a\nb", "seeds": "4", "teacher_steps": 25, "settings": {}}


def test_a_request_comes_back_as_the_form_takes_it() -> None:
    assert form.left(json.dumps(KEPT), {"x/y"}) == {**KEPT, "prompts": ["a", "b"], "seeds": 4}


SPOILT: list[Any] = ["", "no JSON", "[]", "3", {**KEPT, "study": "none"}, {**KEPT, "pair": "gone"}, {**KEPT, "seeds": "many"},
                     {**KEPT, "settings": 3}, {name: value for name, value in KEPT.items() if name != "prompts"}]  # fmt: skip


@pytest.mark.parametrize("text", SPOILT)
def test_what_does_not_fit_any_more_is_left_out(text: Any) -> None:
    assert form.left(text if isinstance(text, str) else json.dumps(text), {"x/y"}) is None
