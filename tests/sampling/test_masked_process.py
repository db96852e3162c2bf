"""A discrete process put in by one file (`tests/support/tokens`): sampled, scrubbed, handed over between two networks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from studio.core.domain import Said
from studio.core.process import VP
from studio.core.recipe import Recipe
from studio.sampling.loop import Record, finished, sample, sample_many
from studio.sampling.plan import Plan, hybrid_plan, student_plan, teacher_plan
from studio.sampling.record import Recorded
from studio.sampling.remedies.particles import ParticleGuidance
from studio.workshop.traces import Recorder, open_trace
from tests.support.tokens import HIDDEN, TOKENS, student, teacher

SHAPE, SEEDS = (6,), list(range(200))
MODELS = {"t": teacher(), "s": student()}
FLAT = {"bias": torch.zeros(1, TOKENS)}
COND = {"t": (FLAT, FLAT), "s": (FLAT, FLAT)}
RECIPE = Recipe(teacher="t", teacher_hash="0" * 12, timesteps=(1.0, 0.5), rule="uncover", prediction="logits", valid_steps=(1, 2))
LONG = teacher_plan("t", [1 - i / 60 for i in range(60)], "uncover")


def draw(plan: Plan, **more: object) -> Tensor:
    return finished(sample(plan, MODELS, COND, SEEDS, SHAPE, **more))  # type: ignore[arg-type]


def agreement(x: Tensor) -> float:
    """Share of pairs that say one token twice."""
    return float((x[:, ::2] == x[:, 1::2]).float().mean())


def test_samples_are_whole_and_follow_the_data() -> None:
    x = draw(LONG)
    assert x.dtype == torch.int64 and int(x.min()) >= 0 and int(x.max()) < HIDDEN
    assert agreement(x) > 0.9
    counts = torch.bincount(x.flatten(), minlength=TOKENS) / x.numel()
    assert float((counts - 1 / TOKENS).abs().max()) < 0.03
    assert torch.equal(x[:5], finished(sample(LONG, MODELS, COND, SEEDS[:5], SHAPE, batch_size=2))), "no batch decides anything"


def test_guidance_sharpens_what_the_prompt_says() -> None:
    said = {"t": ({"bias": torch.arange(TOKENS).float()[None] / 2}, FLAT)}
    plain, guided = (
        finished(sample(teacher_plan("t", LONG.segments[0].timesteps, "uncover", w), MODELS, said, SEEDS, SHAPE)) for w in (1, 3)
    )
    assert float(guided.float().mean()) > float(plain.float().mean()) + 0.5


def test_a_hybrid_hands_over_at_the_same_share_of_hidden_tokens() -> None:
    """Half of the tokens are the teacher's, so that the student, who knows of no pairs, spoils fewer of them."""
    lost, hybrid = agreement(draw(student_plan("s", RECIPE))), draw(hybrid_plan("t", "s", RECIPE, 1))
    assert lost == pytest.approx(1 / TOKENS, abs=0.05)
    records = list(sample(hybrid_plan("t", "s", RECIPE, 1), MODELS, COND, SEEDS, SHAPE))
    assert float((records[1].x == HIDDEN).float().mean()) == pytest.approx(0.5, abs=0.05)
    assert torch.equal(records[-1].after, hybrid)


def test_steps_that_plans_share_are_computed_once() -> None:
    before = MODELS["t"].calls
    plans = [hybrid_plan("t", "s", RECIPE, 1), hybrid_plan("t", "t", RECIPE, 1).model_copy(update={"name": "teacher's grid"})]
    last = {name: record for name, record in sample_many(plans, MODELS, COND, SEEDS, SHAPE) if record.last}
    assert len(last) == 2 and MODELS["t"].calls - before == 2  # the first step, and the second of one plan


def test_scrubbing_replays_states_and_goes_on_from_them(tmp_path: Path) -> None:
    plan = hybrid_plan("t", "s", RECIPE, 1)
    recorder, records = Recorder(tmp_path, {plan.name: plan}, SEEDS, Said("nothing")), []
    for record in sample(plan, MODELS, COND, SEEDS, SHAPE):
        records.append(record)
        recorder.add(plan.name, record)
    trace = open_trace(tmp_path, plan.name)
    states = list(trace.states(MODELS, lambda z: z))  # type: ignore[arg-type]
    assert all(torch.equal(a, b.x) for a, b in zip(states, records, strict=True)) and trace.shape == SHAPE
    assert trace.beliefs(1).shape == (len(SEEDS), *SHAPE, TOKENS)
    again: Record = list(sample(plan, MODELS, COND, SEEDS, SHAPE, resume=Recorded.at(records, 1)))[-1]
    assert torch.equal(again.after, records[-1].after)


def test_what_is_made_for_another_kind_of_process_is_refused() -> None:
    with pytest.raises(ValueError, match="'t' is a masked process and 'ddim' a rule of gaussian ones; uncover would fit"):
        draw(teacher_plan("t", [1.0, 0.5], "ddim"))
    wrong = teacher_plan("t", [1.0, 0.5], "uncover")
    segment = wrong.segments[0].model_copy(update={"remedies": (ParticleGuidance(),)})
    with pytest.raises(ValueError, match="made for gaussian processes"):
        draw(wrong.model_copy(update={"segments": (segment,)}))
    with pytest.raises(ValueError, match="no smaller noise"):
        draw(wrong.model_copy(update={"segments": (wrong.segments[0].model_copy(update={"rho": 0.5}),)}))
    from studio.core.denoiser import Denoiser

    other = {**MODELS, "g": Denoiser(lambda x, t, cond: x, VP.scaled_linear(0.00085, 0.012), "x0")}
    mixed = wrong.model_copy(update={"segments": (wrong.segments[0], teacher_plan("g", [5.0]).segments[0])})
    with pytest.raises(ValueError, match="hands over from a masked process to a gaussian one"):
        finished(sample(mixed, other, {**COND, "g": (FLAT, None)}, SEEDS, SHAPE))
