"""What an oracle recognises counts as diversity; what it calls clean is in distribution. The two are kept and joined alike."""

import torch

from studio.domains.pocket.scene import FACTORS
from studio.metrics.readings import accepted, correct, counted
from studio.metrics.report import measure
from studio.metrics.rows import Rows, joined, over_steps, taken
from studio.workshop.sample_cache import Cells

SIZE = {"size": FACTORS["size"]}


def rows(n=12):
    labels = {name: torch.arange(n) % len(f.values) for name, f in FACTORS.items()}
    clean, seen = torch.arange(n) < 3, torch.arange(n) < 9
    return Rows(labels, {}, torch.randn(n, 4), clean, torch.zeros(n), {"exactly one subject": seen}, torch.randn(n, 5), seen)


def test_diversity_counts_the_recognisable_and_the_gate_the_clean():
    found = measure({"teacher": rows()}, {}, SIZE, n_boot=50)["teacher"]
    assert found["diversity"]["n"] == 9 and found["in_distribution"]["value"] == 3 / 12
    plain = rows()
    strict = Rows(plain.labels, {}, plain.features, plain.in_distribution, plain.score)
    assert (counted(strict) == accepted(strict)).all()


def test_accuracy_asks_for_what_every_sample_must_be():
    shown = correct(rows(), {"size": "small"}, SIZE)
    assert set(shown) == {"size", "exactly one subject"} and shown["exactly one subject"].sum() == 9


def test_nothing_of_it_is_lost_on_the_way(tmp_path):
    first = rows()
    again = taken(first, first.witness)
    cells = Cells(tmp_path)
    cells.add("ab12", list(range(12)), again)
    kept = cells.rows("ab12", [3, 9, 0])
    assert kept.recognisable.tolist() == [True, False, True] and kept.always["exactly one subject"].tolist() == [
        True,
        False,
        True,
    ]
    assert torch.equal(kept.witness, again.witness[[3, 9, 0]].half().float())
    both = joined([again, again])
    assert both.recognisable.sum() == 18 and both.witness.shape == (24, 5)
    assert over_steps([again, again]).step(1).recognisable.tolist() == first.recognisable.tolist()
