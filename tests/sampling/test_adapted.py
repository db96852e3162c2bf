"""Adapters on chosen steps: where they are on, and that cutting a segment changes no number."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from studio.core.denoiser import Denoiser
from studio.core.domain import told
from studio.core.process import VP
from studio.core.recipe import Recipe
from studio.sampling.adapted import adapted, adapters_of
from studio.sampling.loop import finished, sample
from studio.sampling.plan import Blend, Plan, Segment, hybrid_plan, teacher_plan
from studio.sampling.prompts import encode_plans

GRID = (999.0, 749.0, 499.0, 249.0)
RECIPE = Recipe(timesteps=GRID, rule="lcm", teacher="t", teacher_hash="", prediction="eps", valid_steps=(4,))


def worn(plan: Plan) -> list[list[str]]:
    """Names that are on, by step."""
    return [[name for name, _ in segment.adapters] for segment in plan.segments for _ in segment.timesteps]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (lambda step, model, t: True, [["a"]] * 4),
        (lambda step, model, t: step == 0, [["a"], [], [], []]),
        (lambda step, model, t: step > 0, [[], ["a"], ["a"], ["a"]]),
        (lambda step, model, t: model == "s", [[], ["a"], ["a"], ["a"]]),
        (lambda step, model, t: t < 700, [[], [], ["a"], ["a"]]),
        (lambda step, model, t: step in (0, 2), [["a"], [], ["a"], []]),
    ],
)
def test_it_is_on_in_the_chosen_steps(chosen: Any, expected: list[list[str]]) -> None:
    plan = hybrid_plan("t", "s", RECIPE)
    out = adapted(plan, "a", 0.5, chosen)
    assert worn(out) == expected
    assert (out.positions(), out.nfe) == (plan.positions(), plan.nfe)
    assert [t for segment in out.segments for t in segment.timesteps] == list(GRID)


def test_several_add_up_and_none_is_none() -> None:
    plan = hybrid_plan("t", "s", RECIPE)
    first = adapted(plan, "a", 1.0, lambda step, model, t: step < 2)
    both = adapted(first, "b", -2.0, lambda step, model, t: step > 0)
    assert worn(both) == [["a"], ["a", "b"], ["b"], ["b"]]
    assert adapters_of(both) == {"a": ["t", "s"], "b": ["s"]}
    assert adapted(plan, "a", 0.0, lambda *_: True) == plan
    with pytest.raises(ValueError, match="'a' is on twice in one step; once would fit"):
        adapted(first, "a", 1.0, lambda *_: True)


def test_a_blended_network_has_its_own() -> None:
    segment = Segment(model="s", rule="lcm", timesteps=GRID, blend=Blend(model="t", weight=0.3))
    out = adapted(Plan(name="p", segments=(segment,)), "a", 1.0, lambda step, model, t: model == "t")
    assert out.segments[0].adapters == ()
    assert out.segments[0].blend is not None
    assert out.segments[0].blend.adapters == (("a", 1.0),)
    assert adapters_of(out) == {"a": ["t"]}


class Shifted:
    """A model whose x̂0 moves with the adapters that are on; remembers under which of them prompts were read."""

    shape = (2,)

    def __init__(self) -> None:
        self.on: tuple[tuple[str, float], ...] = ()
        self.encoded: list[tuple[tuple[str, float], ...]] = []
        alphas = torch.linspace(0.9999, 0.001, 1000, dtype=torch.float64)
        self.denoiser = Denoiser(self.network, VP(alphas), "x0")

    def network(self, x: Tensor, t: Tensor, cond: Any) -> Tensor:
        return 0.5 * x + sum(weight for _, weight in self.on) + cond["states"]

    def use_adapters(self, pairs: Any) -> None:
        self.on = tuple(pairs)

    def using(self, pairs: Any) -> Any:
        from contextlib import contextmanager

        @contextmanager
        def held() -> Any:
            before, self.on = self.on, tuple(pairs)
            yield
            self.on = before

        return held()

    @property
    def text_key(self) -> tuple[Any, ...]:
        return (tuple(pair for pair in self.on if pair[0] == "text"),)  # only this one has layers in the text encoder

    def encode(self, said: Any) -> Any:
        self.encoded.append(self.on)
        return {"states": torch.full((len(said), 1), 10.0 * sum(w for name, w in self.on if name == "text"))}

    def null(self, cond: Any) -> Any:
        return {"states": torch.zeros_like(cond["states"])}


def draw(plan: Plan, model: Shifted) -> Tensor:
    return finished(sample(plan, {"t": model}, encode_plans([plan], {"t": model}, told(["a prompt"])), [0, 1], (2,)))


@pytest.mark.parametrize("rule", ["ddim", "euler", "dpmpp-2m"])
def test_a_cut_alone_changes_no_bit(rule: str) -> None:
    model = Shifted()
    plan = teacher_plan("t", [999.0, 800.0, 600.0, 400.0, 200.0], rule)
    pieces = [plan.segments[0].part(0, 2), plan.segments[0].part(2, 3), plan.segments[0].part(3, 5)]
    assert torch.equal(draw(plan, model), draw(plan.model_copy(update={"segments": tuple(pieces)}), model))
    everywhere = adapted(plan, "a", 0.5, lambda *_: True)
    halves = adapted(adapted(plan, "a", 0.5, lambda step, *_: step < 2), "a", 0.5, lambda step, *_: step >= 2)
    assert len(everywhere.segments) == 1
    assert len(halves.segments) == 2
    assert torch.equal(draw(everywhere, model), draw(halves, model))


def test_prompts_are_read_with_the_adapters_of_their_segment() -> None:
    model = Shifted()
    plan = teacher_plan("t", GRID, "ddim")
    words = adapted(plan, "text", 1.0, lambda step, *_: step > 1)
    assert not torch.equal(draw(words, model), draw(plan, model))
    model.encoded.clear()
    draw(adapted(words, "a", 1.0, lambda *_: True), model)
    texts = [tuple(name for name, _ in on) for on in model.encoded]
    assert texts == [("a",), ("text", "a")], "one reading for each state of the text encoder"
