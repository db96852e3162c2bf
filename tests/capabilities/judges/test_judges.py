"""Judges as jobs: requests, a run that trains and lists, one that is broken off and goes on, and judging with what came out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.capabilities.evaluate.judges import NotHere, Opening
from studio.capabilities.evaluate.judges.distilled import open_distilled
from studio.capabilities.judges.request import JudgesRequest
from studio.capabilities.judges.work import Judging
from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library.checklist import checks
from studio.library.judges import load_judges, remove
from studio.library.models import load_registry
from studio.workshop import arms_measured
from studio.workshop.open_models import ModelCache
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR

POCKET = domain_of("pocket")


def request(**fields: Any) -> dict[str, Any]:
    return {"name": "referee", "base": "tiny/teacher", "steps": 4, "n_pictures": 20, "batch": 2, "width": 8, "measure_seeds": 4,
            "measure_every": 2, **fields}  # fmt: skip


@pytest.fixture
def studio(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:  # noqa: F811
    monkeypatch.setattr(arms_measured, "TEACHER_STEPS", 2)
    return hall


def opening(studio: Jobs, choice: str = "", model: str = "tiny/teacher") -> Opening:
    entry = load_registry(studio.paths).get(model)
    return Opening(domain_of(entry.domain), entry, ModelCache(), choice=choice, home=studio.paths)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../x"}, "The name '../x' does not fit"),
    ({"base": PAIR}, "tiny/student is a student; its teacher tiny/teacher draws together with all its students, so name that."),
    ({"width": 12}, "width"),
    ({"n_pictures": 2}, "at least 16 fits."),
    ({"spoilt": 0.95}, "spoilt"),
    ({"stop_at": 0.9, "measure_every": 0}, "figures are never taken"),
    ({"widht": 8}, "widht"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_a_request_that_does_not_fit_is_refused_in_one_sentence(studio: Jobs, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("judges", request(**fields))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_run_teaches_lists_and_judges(studio: Jobs) -> None:
    run_id = studio.submit("judges", request())
    assert studio.get(run_id).title == "referee: judge of tiny/teacher, one thing at a time, 4 steps"
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None and result["judge"] == "mine/referee" and [row["step"] for row in result["judged"]] == [2, 4]
    for row in result["judged"]:
        for figure in (row["agrees"], row["named"], *row["kinds"].values()):
            assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1 and figure["n"] > 0
    entry = load_judges(studio.paths).get("mine/referee")
    assert (entry.base, entry.domain, entry.size, entry.run, entry.available) == ("tiny/teacher", "pocket", 16, run_id, True)
    card = entry.card
    assert set(card["drawn_by"]) == {"tiny/teacher", PAIR} and (card["pictures"], card["side"]) == (20, 32)
    assert card["measured"] == result["judged"][-1:] and str(studio.paths.root) not in json.dumps(entry.plain())
    _judged(studio)
    remove(studio.paths, "mine/referee")
    assert "mine/referee" not in load_judges(studio.paths).entries


def _judged(studio: Jobs) -> None:
    """By its id, and by its folder."""
    said = POCKET.read("a red house by the sea")
    asked = [checks(POCKET, said), checks(POCKET, said)[:2]]
    pictures = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    judge = open_distilled(opening(studio, "mine/referee"))
    rows = judge.answers(pictures, [said] * 2, asked)
    assert [len(row) for row in rows] == [4, 2] and all(0 < answer.score < 1 and answer.reason for row in rows for answer in row)
    assert "20 pictures" in judge.about and "one thing at a time" in judge.about
    by_folder = open_distilled(opening(studio, str(studio.paths.root / "judges" / "mine" / "referee")))
    for one, other in zip(rows[0], by_folder.answers(pictures[:1], [said], asked[:1])[0], strict=True):
        assert one.reason == other.reason and one.score == pytest.approx(other.score, abs=1e-5)


def test_undecomposed_a_prompt_has_one_answer(studio: Jobs) -> None:
    run_id = studio.submit("judges", request(name="whole", decomposed=False))
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None and set(result["judged"][-1]) == {"step", "arm", "title", "agrees"}
    said = POCKET.read("a red house")
    judge = open_distilled(opening(studio, "mine/whole"))
    (row,) = judge.answers(torch.rand(1, 3, 16, 16), [said], [checks(POCKET, said)])
    assert len({answer.score for answer in row}) == 1 and "of the whole prompt" in row[0].reason


@pytest.mark.slow
def test_a_run_that_is_stopped_and_resumed_ends_as_one_that_was_not(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = studio.submit("judges", request(name="straight"))
    assert here(studio, straight) == ("done", "")
    run_id = studio.submit("judges", request(name="broken-off"))
    real = Judging.figures

    def stop_at_the_first(self: Judging, step: int) -> Json:
        if step == 2:
            studio.stop(run_id)
        return real(self, step)

    monkeypatch.setattr(Judging, "figures", stop_at_the_first)
    assert here(studio, run_id) == ("stopped", "Stopped at step 2 of 4; a checkpoint is saved.")
    monkeypatch.setattr(Judging, "figures", real)
    studio.resume(run_id)
    assert here(studio, run_id) == ("done", "")
    assert_equal(checkpoint(studio, run_id), checkpoint(studio, straight))
    results = [studio.result(i) for i in (run_id, straight)]
    assert results[0] is not None and results[1] is not None and results[0]["judged"] == results[1]["judged"]
    assert of_kind(studio, run_id, "judged")


def test_what_is_damaged_is_listed_with_its_reason_and_opens_in_no_judge(studio: Jobs) -> None:
    home = studio.paths.root / "judges" / "mine"
    about = {"card": {"base": "tiny/teacher"}, "domain": "pocket", "size": 16}
    for name, card in (("bare", {}), ("empty", about), ("damaged", about), ("other", about | {"domain": "elsewhere"})):
        (home / name).mkdir(parents=True)
        (home / name / "card.json").write_text(json.dumps(card))
    for name in ("damaged", "other"):
        (home / name / "judge.safetensors").write_bytes(b"no weights")
    for choice, said in {
        "mine/bare": "has no readable card.json",
        "mine/empty": "its judge.safetensors is missing",
        "mine/damaged": "holds no whole judge",
        "mine/other": "taught on the domain elsewhere",
        "mine/damagd": "Did you mean 'mine/damaged'?",
        str(home / "empty"): "its judge.safetensors is missing",
    }.items():
        with pytest.raises(NotHere) as error:
            open_distilled(opening(studio, choice))
        assert said in str(error.value) and "\n" not in str(error.value), str(error.value)
    with pytest.raises(ValueError, match="was not made here"):
        shutil.move(home / "empty", studio.paths.root / "judges" / "theirs" / "empty")
        remove(studio.paths, "theirs/empty")


@pytest.mark.parametrize("path", sorted((PRESETS / "jobs" / "judges").glob("*.yaml")), ids=lambda path: Path(path).stem)
def test_presets_are_requests_that_fit(path: Path, studio: Jobs) -> None:
    kind, config = read_spec_file(path)
    assert kind == "judges" and JudgesRequest.model_validate(config, context={"registry": load_registry()})
