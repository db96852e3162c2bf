"""Plans that draw after one given picture: exact on Gaussians."""

from __future__ import annotations

import pytest
import torch

from studio.core.rng import INITIAL, noise
from studio.sampling.adapted import adapted, adapters_of
from studio.sampling.cost import bill
from studio.sampling.loop import finished, sample, sample_many
from studio.sampling.one_picture import begun_with, mixes, with_mix
from studio.sampling.plan import Mix, Plan, Segment, hybrid_plan, teacher_plan
from studio.sampling.record import Recorded
from studio.sampling.variants import with_cads
from tests.sampling.test_loop import recipe
from tests.support.gaussians import PROCESSES, gaussian, push
from tests.support.tokens import teacher as tokens

VP = PROCESSES["vp"]
SHAPE, SEEDS = (3, 4), [11, 5, 8]
TIMES = (999, 700, 400, 100)
KEYS = {"t": (push(0.5), push(0.0)), "t: source": (push(-2.0), None)}
PICTURE = torch.linspace(-1, 1, 12).view(1, *SHAPE)


class Worn:
    """A model whose adapter adds 1 to the push that it hears, times its weight."""

    def __init__(self) -> None:
        self.denoiser, self.on, self.asked = gaussian(VP, "eps", mean=1.0), (), []
        network = self.denoiser.network

        def heard(x, t, cond):
            self.asked.append((self.on, x.shape[0]))
            weight = sum(weight for _, weight in self.on)
            return network(x, t, {name: value + weight for name, value in cond.items()})

        self.denoiser.network = heard

    def use_adapters(self, adapters):
        self.on = tuple(adapters)


def plan(guidance: float = 3.0, rule: str = "ddim") -> Plan:
    return teacher_plan("t", TIMES, rule, guidance, name="edit")


def mixed(guidance: float = 3.0, beta: float = 0.7, above: float = 400.0) -> Plan:
    return with_mix(plan(guidance), "source", beta, (("one", 1.0),), above)


def drawn(which: Plan, **how) -> list:
    return list(sample(which, {"t": Worn()}, KEYS, SEEDS, SHAPE, **how))


def eps(x: torch.Tensor, t: float, value: float) -> torch.Tensor:
    return gaussian(VP, "eps", mean=1.0).eps(x, t, push(value))


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_early_steps_follow_the_mix_and_late_ones_the_prompt_alone(guidance: float) -> None:
    for record in drawn(mixed(guidance)):
        x, t, beta = record.x, record.t, 0.7 if record.t > 400 else 0.0
        given = (1 - beta) * eps(x, t, 0.5) + beta * eps(x, t, -2.0 + 1.0)  # the adapter is on for the source prompt alone
        null = eps(x, t, 0.0)
        believed = given if guidance == 1 else null + guidance * (given - null)
        alpha, sigma = VP.alpha_sigma(t)
        torch.testing.assert_close(record.x0, ((x.double() - sigma * believed.double()) / alpha).float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("apart", [False, True])
def test_a_mixed_step_costs_one_evaluation_more_and_is_counted(apart: bool) -> None:
    model = Worn()
    records = [r for _, r in sample_many([mixed()], {"t": model}, KEYS, SEEDS, SHAPE, apart=apart)]
    assert [r.computed for r in records] == [3, 3, 2, 2] and records[-1].nfe == mixed().nfe == bill([mixed()]).alone == 10
    assert sum(rows for _, rows in model.asked) == 10 * len(SEEDS)
    assert [on for on, _ in model.asked if on] == [(("one", 1.0),)] * 2


def test_asked_apart_is_the_same_and_shares_what_the_bare_plan_asked() -> None:
    together, both = finished(drawn(mixed())), [plan().model_copy(update={"name": "bare"}), mixed()]
    records = list(sample_many(both, {"t": Worn()}, KEYS, SEEDS, SHAPE, apart=True))
    torch.testing.assert_close(next(r.after for name, r in records if name == "edit" and r.last), together, rtol=1e-5, atol=1e-5)
    assert [r.computed for name, r in records if name == "edit"] == [1, 3, 2, 2]
    assert bill(both).together == sum(r.computed for _, r in records)


def test_batches_change_nothing_but_rounding() -> None:
    torch.testing.assert_close(finished(drawn(mixed(), batch_size=2)), finished(drawn(mixed())), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("beta", "above"), [(0.0, 400.0), (0.7, 999.0)])
def test_nothing_mixed_in_is_the_bare_plan(beta: float, above: float) -> None:
    bare = with_mix(plan(), "source", beta, (("one", 1.0),), above)
    assert bare == plan() and not mixes(bare) and "mix" not in bare.model_dump_json() and "begins" not in bare.model_dump_json()


def test_a_cut_at_k_keeps_every_place_and_a_plan_goes_through_json() -> None:
    cut = mixed()
    assert [len(s.timesteps) for s in cut.segments] == [2, 2] and cut.positions() == plan().positions() and mixes(cut) == 2
    assert Plan.model_validate_json(cut.model_dump_json()) == cut and adapters_of(cut) == {"one": ["t"]}
    worn = adapted(cut, "slider", 2.0, lambda step, model, t: True)
    assert worn.segments[0].mix[0].adapters == (("one", 1.0), ("slider", 2.0))  # what is put on afterwards is on in both


def test_of_a_one_step_student_only_the_mixed_line_is_left() -> None:
    one = with_mix(teacher_plan("t", (999,), "lcm", name="edit"), "source", 0.4, (("one", 1.0),), 400)
    assert [bool(s.mix) for s in one.segments] == [True] and one.nfe == 2


@pytest.mark.parametrize(
    ("times", "mixed_at"),
    [((999,), [999]), ((999, 599, 399, 199), [999, 599, 399]), (tuple(range(900, -1, -100)), [900, 800, 700, 600, 500])],
)
def test_where_no_k_is_given_few_steps_are_mixed_but_for_the_last(times: tuple[int, ...], mixed_at: list[int]) -> None:
    usual = with_mix(teacher_plan("t", times, "lcm", name="edit"), "source", 0.4, (("one", 1.0),))
    assert [t for s in usual.segments if s.mix for t in s.timesteps] == mixed_at


def test_hybrids_and_remedies_mix_as_well() -> None:
    hybrid = with_mix(hybrid_plan("t", "t2", recipe(), 1), "source", 0.5, (("one", 1.0),), 400)
    keys = KEYS | {"t2": KEYS["t"], "t2: source": KEYS["t: source"]}
    records = list(sample(with_cads(hybrid), {"t": Worn(), "t2": Worn()}, keys, SEEDS, SHAPE))
    assert [r.model for r in records] == ["t", "t2", "t2", "t2"] and records[-1].nfe == 4 + 3


REFUSED = [
    (lambda: Segment(model="t", rule="ddim", timesteps=(9,), mix=(Mix(prompt="a", weight=0.7),) * 2), "1.4 together"),
    (lambda: with_mix(mixed(), "source", 0.7, (("one", 1.0),), 400), "weights of 1.4 together do not fit a mix; 1 is the most"),
    (lambda: with_mix(adapted(plan(), "one", 1.0, lambda *_: True), "b", 0.7, (("one", 1.0),), 400), "adapter 'one' is on in"),
    (lambda: begun_with(plan(), "it", 50), "no step of 'edit' lies at t = 50 or below; 100 or more would fit"),
    (lambda: drawn(begun_with(plan(), "it", 400)), "begins with the sample 'it', which was not given"),
    (lambda: drawn(begun_with(plan(), "it", 400), begins={"it": PICTURE[..., :2]}), r"\(1, 3, 2\); \(1, 3, 4\) would fit"),
    (lambda: list(sample(mixed(), {"t": Worn()}, {"t": KEYS["t"]}, SEEDS, SHAPE)), "there is no condition"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "said"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(made, said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        made()
    assert "\n" not in str(error.value) or "validation error" in str(error.value)


def test_a_plan_begins_with_the_noised_picture_where_its_first_step_stands() -> None:
    begun = begun_with(plan(), "it", 500)
    records = drawn(begun, begins={"it": PICTURE})
    alpha, sigma = VP.alpha_sigma(400.0)
    expected = float(alpha) * PICTURE + float(sigma) * noise(SEEDS, INITIAL, SHAPE)
    torch.testing.assert_close(records[0].x, expected)
    assert [r.t for r in records] == [400, 100] and [r.position for r in records] == [2, 3]  # later noise stays that of the plan


def test_plans_that_begin_with_other_pictures_share_nothing() -> None:
    both = [begun_with(plan(), name, 500).model_copy(update={"name": name}) for name in ("a", "b")]
    again = both[0].model_copy(update={"name": "again"})
    stream = sample_many([*both, again], {"t": Worn()}, KEYS, SEEDS, SHAPE, begins={"a": PICTURE, "b": -PICTURE})
    found = [(name, r.shared) for name, r in stream]
    assert [shared for name, shared in found if name == "b"] == [False, False]
    assert [shared for name, shared in found if name == "again"] == [True, True]
    assert bill([*both, again]).together == 2 * both[0].nfe


def test_a_recorded_state_of_such_a_plan_goes_on_without_the_picture() -> None:
    begun = begun_with(plan(), "it", 700)
    records = drawn(begun, begins={"it": PICTURE})
    on = finished(drawn(begun, resume=Recorded.at(records, 1)))
    torch.testing.assert_close(on, records[-1].after, rtol=1e-6, atol=1e-6)


def test_a_process_without_noise_takes_no_picture_to_begin_with() -> None:
    masked = Plan(name="m", segments=(Segment(model="t", rule="uncover", timesteps=(0.9, 0.5)),), begins="it")
    with pytest.raises(ValueError, match="begins with nothing known, so a sample to begin with does not fit"):
        list(sample(masked, {"t": tokens()}, {"t": ({}, None)}, SEEDS, SHAPE, begins={"it": torch.zeros(1, *SHAPE)}))
