"""What capabilities add to what is drawn: read with the request, done on plans and models, undone when the run ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from studio.core.explain import explain
from studio.library.adapters import Adapters
from studio.library.additions import ADDITIONS, Addition, check_additions
from studio.library.draw_request import CompareRequest
from studio.sampling.plan import teacher_plan
from studio.workshop.additions import Drawing, add
from studio.workshop.loaded_adapters import Wardrobe


class Look(BaseModel):
    of: str = Field(max_length=10)
    weight: float = 1.0


def shorten(value: float, drawing: Drawing) -> None:
    drawing.plans = [plan.model_copy(update={"name": plan.name}) for plan in drawing.plans][: int(value)]


def patch(value: Look, drawing: Drawing) -> None:
    assert isinstance(value, Look)
    kept, drawing.models["t"].look = drawing.models["t"].look, value.of  # type: ignore[attr-defined]
    drawing.wardrobe.leave.callback(setattr, drawing.models["t"], "look", kept)


def dark(value: object, models: Any, home: object) -> None:
    if any(model.domain == "plain" for model in models):
        raise ValueError("Nothing is dark here.")


@pytest.fixture(autouse=True)
def added() -> Iterator[None]:
    ADDITIONS.all()
    ADDITIONS.add("look")(Addition(Look, {"of": "none", "weight": 1.0}, title="Look", work=f"{__name__}:patch", check=dark))
    ADDITIONS.add("few")(Addition(Annotated[int, Field(ge=0)], 9, title="Few", work=f"{__name__}:shorten"))
    yield
    del ADDITIONS._members["look"], ADDITIONS._members["few"]


def drawing() -> Drawing:
    run: Any = SimpleNamespace(home=None)
    models: Any = {"t": SimpleNamespace(look="own")}
    plans = [teacher_plan("t", [999, 499], "ddim", name=name) for name in "ab"]
    return Drawing(plans, [], models, None, run, Wardrobe(Adapters(()), run))  # type: ignore[arg-type]


def test_values_are_read_by_their_kind_and_defaults_are_left_out() -> None:
    asked = CompareRequest.model_validate({"prompt": "x", "additions": ["few=3", 'look={"of": "cat"}']})
    assert asked.additions == {"few": 3, "look": {"of": "cat", "weight": 1.0}}
    assert CompareRequest.model_validate(asked.model_dump(mode="json")) == asked
    plain = CompareRequest.model_validate({"prompt": "x", "additions": {"few": 9, "look": {"of": "none"}}})
    assert plain == CompareRequest(prompt="x") and "additions" not in plain.model_dump(mode="json")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [({"few": -1}, "^few is -1; at least 0 fits.$"), ({"look": {"of": "x" * 11}}, "^look.of: .* 10 characters"),
     ({"looks": 1}, "Did you mean 'look'"), ("few", "name=value would fit")],
)  # fmt: skip
def test_what_does_not_fit_is_one_sentence(given: object, sentence: str) -> None:
    with pytest.raises(ValueError) as told:
        CompareRequest.model_validate({"prompt": "x", "additions": given})
    assert re.search(sentence, explain(told.value))


def test_a_value_that_does_not_fit_the_models_is_refused() -> None:
    plain: Any = [SimpleNamespace(domain="plain")]
    with pytest.raises(ValueError, match="Nothing is dark here"):
        check_additions({"look": {"of": "cat"}}, plain, None)
    check_additions({"few": 3}, plain, None)


def test_what_is_done_to_a_model_is_undone_when_the_run_ends() -> None:
    now = drawing()
    with now.wardrobe:
        add({"look": {"of": "cat", "weight": 1.0}}, now)
        assert now.models["t"].look == "cat"  # type: ignore[attr-defined]
    assert now.models["t"].look == "own"  # type: ignore[attr-defined]


def test_an_addition_may_not_take_plans_away() -> None:
    add({"few": 2}, drawing())
    with pytest.raises(RuntimeError, match="few gave other plans"):
        add({"few": 1}, drawing())
