"""Studies that came with the program: listed after one's own, opened as they are, and said to be shipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.jobs.jobs import Jobs
from studio.jobs.paths import ROOT
from studio.ui.lab import shipped
from studio.ui.lab.result import Studies
from tests.support import lab_data


def test_they_stand_after_ones_own_and_say_what_they_are(jobs: Jobs) -> None:
    own = jobs.submit("study", lab_data.config("k-sweep"))
    cards = Studies(jobs).saved(shipped.names()[0])
    assert cards[0]["run"] == own and len(cards) == 1 + len(shipped.names()) > 1
    assert all(card["state"] == "shipped" and "measured 20" in card["about"] for card in cards[1:])
    assert [card["chosen"] for card in cards[:2]] == [False, True]


@pytest.mark.parametrize("name", shipped.names())
def test_each_is_shown_whole_with_its_models_seeds_and_date(name: str, jobs: Jobs) -> None:
    studies, found = Studies(jobs), shipped.result(name)
    shown = studies.body(name)
    assert shown["problem"] == "" and shown["figure"] and shown["tables"]
    first = found["request"].get("first_seed", 0)
    assert f"seeds {first:,} to {first + found['request']['seeds'] - 1:,}" in shown["basis"]
    assert found["shipped"]["date"] in shown["basis"]
    assert all(model["hash"] in shown["basis"] for model in found["models"].values())
    assert studies.line(name)["state"] == "shipped" and not studies.line(name)["live"]
    assert studies.config(name) == found["request"]
    assert studies.to_save({"run": name}).document["result"] == found


def test_they_are_the_kept_studies_word_for_word() -> None:
    """A shipped study is a copy of one under docs/measured: python -m benchmarks.shipped --studies-only makes it anew."""
    for name in shipped.names():
        kept = ROOT / "docs" / "measured" / "studies" / f"pocket-dmd2-{name.removeprefix(shipped.MARK)}.json"
        made = {key: value for key, value in shipped.result(name).items() if key != "shipped"}
        assert made == json.loads(kept.read_text(encoding="utf-8")), name


def test_a_name_that_was_not_shipped_is_none(jobs: Jobs) -> None:
    for name in ("shipped-none", "shipped-../../pocket/dmd2/card", "shipped-"):
        with pytest.raises(ValueError, match="No study called"):
            Studies(jobs).body(name)


def test_other_weights_than_it_was_measured_on_are_said(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shipped.result(shipped.names()[0])
    monkeypatch.setattr(shipped, "hashes", lambda models, *_: {name: {"hash": "other"} for name in models})
    assert "has other weights now (other)" in shipped.basis(jobs, found)


def test_a_copy_without_any_lists_none(tmp_path: Path) -> None:
    assert shipped.names(tmp_path) == []
