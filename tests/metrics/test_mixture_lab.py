"""The pattern of the prototype laboratory, exact and untrained (reference values: effective modes at K = 8, beta = 3).

D = 256: base 7.56, grid 7.06, student 3.72, k = 1 6.18, k = 2 7.15, skip-first 6.80, student-first 3.85; distances
.886, .862, .685, .833, .861, .864, .704. D = 2: 7.41, 5.83, 2.05, 2.05, 2.36, 2.05, student-first 6.98. Prototypes are
random, so tolerances are what their draw moves: about ±0.6 modes and ±0.05 of distance at D = 256, more at D = 2.
"""

import pytest
import torch

from studio.metrics.mixture_lab import Lab


@pytest.fixture(scope="module")
def wide():
    lab = Lab(D=256, beta=3.0, n=1000)
    return lab, lab.table()


@pytest.fixture(scope="module", params=[0, 1])
def flat(request):
    lab = Lab(D=2, beta=3.0, n=1000, seed=request.param)
    return lab, lab.table()


def share(table, name, figure="modes"):
    """Share of what the student lost, against the 50-step base."""
    base, student, arm = (getattr(table[a], figure).value for a in ("base", "student", name))
    return (arm - student) / (base - student)


def test_evidence_at_the_first_two_steps(wide, flat):
    assert [wide[0].kappa(t) for t in wide[0].grid[:2]] == pytest.approx([1.55, 5.3], rel=0.03)
    assert flat[0].kappa(999) < 0.2 and flat[0].kappa(759) < 0.6


def test_prior_has_about_seven_effective_modes():
    w = Lab().weights
    assert float(w.sum()) == pytest.approx(1.0)
    assert float(torch.exp(-(w * w.log()).sum())) == pytest.approx(7.3, abs=0.15)


@pytest.mark.parametrize(
    ("arm", "modes", "distance"),
    [
        ("base", 7.56, 0.886),
        ("base grid", 7.06, 0.862),
        ("student", 3.72, 0.685),
        ("hybrid-1", 6.18, 0.833),
        ("hybrid-2", 7.15, 0.861),
        ("hybrid-3", 7.04, 0.869),
        ("skip-first", 6.80, 0.864),
        ("student-first", 3.85, 0.704),
    ],
)
def test_wide_table(wide, arm, modes, distance):
    outcome = wide[1][arm]
    assert outcome.modes.value == pytest.approx(modes, abs=0.6)
    assert outcome.distance.value == pytest.approx(distance, abs=0.05)
    assert outcome.modes.low < outcome.modes.value < outcome.modes.high


def test_at_256_dimensions_the_first_step_decides(wide):
    table = wide[1]
    assert table["student"].modes.apart(table["base"].modes)
    assert share(table, "hybrid-1") > 0.55  # table: 64 %
    assert share(table, "hybrid-1", "distance") > 0.6  # table: 74 %
    assert abs(share(table, "student-first")) < 0.15  # table: 3 %
    assert table["skip-first"].modes.value >= table["hybrid-1"].modes.value - 0.1
    assert table["skip-first"].distance.value >= table["hybrid-1"].distance.value - 0.01
    gains = [table[f"hybrid-{k}"].modes.value for k in (1, 2, 3)]
    assert gains[0] - table["student"].modes.value > 2 * (gains[1] - gains[0]) > 2 * abs(gains[2] - gains[1])


def test_in_two_dimensions_the_hybrid_is_a_null_and_the_reverse_order_restores(flat):
    table = flat[1]
    assert table["student"].modes.value < 0.5 * table["base"].modes.value
    assert abs(share(table, "hybrid-1")) < 0.05  # table: 0 %
    assert abs(share(table, "skip-first")) < 0.05  # table: 0 %
    assert share(table, "student-first") > 0.8  # table: 92 %


def test_the_student_commits_at_once_and_the_base_does_not(wide):
    lab, table = wide
    student, base = table["student"], table["base"]
    from studio.metrics.mixture_lab import spread

    first = {a.name: spread(a.first, lab.prototypes).value for a in (student, base)}
    assert first["SSSS"] == pytest.approx(student.distance.value, abs=0.05)  # table: .69, already its final value
    assert first["base 50"] == pytest.approx(0.36, abs=0.06)


def test_without_mode_seeking_only_commitment_is_left():
    """beta = 1 at D = 64: student 5.65 effective modes, base on the grid 6.90, k = 1 6.90, skip-first 7.48."""
    lab = Lab(D=64, beta=1.0, n=1000)
    student, hybrid, skip = lab.sample("SSSS"), lab.sample("BSSS"), lab.sample("-SSS")
    assert student.modes.value == pytest.approx(5.65, abs=0.7)
    assert hybrid.modes.value == pytest.approx(6.9, abs=0.5)
    assert skip.modes.value > hybrid.modes.value > student.modes.value + 0.5


def test_a_stronger_prior_loses_more():
    """beta = 6 at D = 256: student 2.21, k = 1 4.98, k = 2 7.17, skip-first 5.18."""
    lab = Lab(D=256, beta=6.0, n=600)
    modes = {mask: lab.sample(mask).modes.value for mask in ("SSSS", "BSSS", "BBSS", "-SSS")}
    assert modes["SSSS"] < 2.8 and 4.0 < modes["BSSS"] < 6.0 and modes["BBSS"] > 6.5 and modes["-SSS"] > 4.2


def test_arms_share_their_noise_and_repeat_exactly():
    lab = Lab(D=16, n=50)
    assert torch.equal(lab.sample("BSSS").samples, lab.sample("BSSS").samples)
    assert torch.equal(lab.sample("BSSS").first, lab.sample("BBBB").first)
    assert not torch.equal(lab.sample("BSSS").samples, Lab(D=16, n=50, seed=1).sample("BSSS").samples)


def test_one_prototype_left_is_found_by_everyone():
    """With an extreme prior the mixture is one point: every arm returns it."""
    lab = Lab(D=8, K=2, ratio=1e-12, n=20)
    for outcome in lab.table().values():
        assert torch.allclose(outcome.samples, lab.prototypes[0].expand(20, 8), atol=1e-6)
        assert outcome.modes.value == 1.0


def test_evaluations_are_counted(wide):
    nfe = {name: outcome.nfe for name, outcome in wide[1].items()}
    assert nfe == {"base": 50, "base grid": 4, "student": 4, "hybrid-1": 4, "hybrid-2": 4, "hybrid-3": 4,
                   "skip-first": 3, "student-first": 39}  # fmt: skip


@pytest.mark.parametrize("settings", [{"D": 0}, {"K": 1}, {"beta": -1}, {"ratio": 0}, {"grid": (1, 2)}, {"grid": (2000.0,)}])
def test_settings_outside_their_range(settings):
    with pytest.raises(ValueError, match="fit"):
        Lab(**settings)


@pytest.mark.parametrize("mask", ["BSS", "BSSX", "----", "BSSSS"])
def test_masks_that_do_not_fit(mask):
    with pytest.raises(ValueError, match="[Mm]ask"):
        Lab(D=2, n=4).sample(mask)
    with pytest.raises(ValueError, match="leaves no level"):
        Lab(D=2, n=4).sample("SSSS", base_steps_after=3)
