import json

import pytest
import torch

from studio.metrics.diversity import distances
from studio.metrics.mixture_lab import Lab
from studio.metrics.mixture_page import SpanLab, lab_page


def by_name(page):
    return {a["name"]: a for a in page["arms"]}


@pytest.mark.parametrize("D", [2, 40, 300])
def test_the_span_keeps_every_distance_and_all_evidence(D):
    full, small = Lab(D=D), SpanLab(D=D)
    assert small.prototypes.shape == (8, min(8, D))
    assert torch.allclose(distances(full.prototypes), distances(small.prototypes))
    assert small.kappa(759) == pytest.approx(full.kappa(759))


@pytest.mark.parametrize(("mask", "after"), [("SSSS", 0), ("BSSS", 0), ("-SSS", 0), ("S", 12), ("", 20)])
def test_the_span_has_the_law_of_the_whole_space(mask, after):
    """Shares of prototypes from 64 dimensions and from their span differ by sampling error only (χ² with 7 degrees)."""
    n = 1500
    full = Lab(D=64, n=n, n_boot=2).sample(mask, base_steps_after=after)
    small = SpanLab(D=64, n=n, n_boot=2).sample(mask, base_steps_after=after)
    a, b = (torch.bincount(o.labels, minlength=8).double() for o in (full, small))
    assert float(((a - b) ** 2 / (a + b).clamp_min(1)).sum()) < 24.3  # 99.9 %
    assert small.distance.value == pytest.approx(full.distance.value, abs=0.06)
    assert (full.beliefs[-1] == full.labels).double().mean() > 0.999 and len(full.beliefs) == full.nfe
    first = [float((o.beliefs[0] == o.labels).double().mean()) for o in (full, small)]
    assert first[0] == pytest.approx(first[1], abs=0.06)


def test_the_page_at_the_paper_s_pattern():
    page = lab_page(D=256)
    json.dumps(page, allow_nan=False)
    arms = by_name(page)
    assert list(arms) == ["base", "base grid", "student", "hybrid-1", "hybrid-2", "hybrid-3", "skip-first", "student-first"]
    assert [g["kappa"] for g in page["grid"][:2]] == pytest.approx([1.55, 5.3], rel=0.03)
    assert page["regime"] == {"first_open": True, "second_kept": True}
    assert arms["student"]["modes"]["value"] == pytest.approx(3.7, abs=0.6)
    assert 0.5 < arms["hybrid-1"]["recovered"] < 0.85 and abs(arms["student-first"]["recovered"]) < 0.15
    assert arms["hybrid-1"]["chosen"] and arms["hybrid-1"]["nfe"] == 4 and arms["base"]["nfe"] == 50
    assert arms["student"]["decided"][0] > 0.95 and arms["hybrid-1"]["decided"][0] < 0.6
    assert len(arms["base"]["decided"]) == 50 and arms["base"]["decided"][-1] == pytest.approx(1, abs=0.002)
    assert sum(page["weights"]["world"]) == pytest.approx(1) and page["weights"]["student"][0] > page["weights"]["world"][0]
    assert "κ is 1.5" in page["sentence"] and "hybrid-1 6" in page["sentence"]


def test_in_two_dimensions_the_page_says_the_opposite():
    page = lab_page(D=2, k=2, order="student first")
    arms = by_name(page)
    assert page["regime"] == {"first_open": True, "second_kept": False}
    assert abs(arms["hybrid-1"]["recovered"]) < 0.05 and arms["student-first"]["recovered"] > 0.8
    assert arms["chosen"]["mask"] == "SSBB" and arms["chosen"]["chosen"] and "the chosen SSBB" in page["sentence"]


def test_without_a_loss_there_is_nothing_to_recover():
    page = lab_page(D=1024, beta=1.0, n=300)
    assert all(a["recovered"] is None for a in page["arms"]) and "nothing to give back" in page["sentence"]


def test_the_chosen_arm_has_a_name_where_it_has_one():
    assert by_name(lab_page(D=8, k=0, n=50))["student"]["chosen"]
    assert by_name(lab_page(D=8, k=4, n=50, order="student first"))["base grid"]["chosen"]


def test_a_page_can_be_changed_without_changing_the_next():
    first = lab_page(D=8, n=50)
    first["arms"].clear()
    assert len(lab_page(D=8, n=50)["arms"]) == 8


@pytest.mark.parametrize(
    "settings", [{"D": 0}, {"K": 1}, {"K": 40}, {"k": 5}, {"k": -1}, {"order": "sideways"}, {"beta": -1}, {"D": 10_000}]
)
def test_settings_outside_their_range(settings):
    with pytest.raises(ValueError, match="fit"):
        lab_page(**settings)
