"""The kind `study` on a tiny pair: nothing is drawn twice, a stop loses nothing, and requests are refused in a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.capabilities.lab.request import StudyRequest, study_of
from studio.core.denoiser import Denoiser
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.metrics.rows import Rows, joined, over_steps
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from studio.workshop.sample_cache import Cells
from tests.support.fixtures import PAIR

REQUEST = {"study": "k-sweep", "pair": PAIR, "prompts": ["a red house", "a cat at night"], "seeds": 6, "teacher_steps": 5,
           "control": 0, "settings": {"references": [5]}}  # fmt: skip


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


def execute(studio: Jobs, warm: ModelCache, leaving: Any = lambda: False, **changes: object) -> tuple[str, str]:
    run_id = studio.submit("study", {**REQUEST, **changes})
    state, _ = run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths), leaving=leaving)
    return run_id, state


def evaluations(studio: Jobs, run_id: str) -> dict[str, int]:
    result = studio.result(run_id)
    assert result is not None
    return dict(result["evaluations"])


class Counter:
    """Counts the rows that networks evaluate: what was really computed, whatever the run says of itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.rows = 0
        predict = Denoiser.predict

        def counted(denoiser: Denoiser, x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            self.rows += len(x)
            return predict(denoiser, x, *args, **kwargs)

        monkeypatch.setattr(Denoiser, "predict", counted)


def test_no_evaluation_is_made_twice_and_the_table_is_the_same(
    studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter(monkeypatch)
    first, state = execute(studio, warm)
    assert state == "done"
    said = evaluations(studio, first)
    # teacher 10; unguided 4 more, as the guided one asks the same of the noise; the tree of BBBB, BBBS, BBSS, BSSS and SSSS
    # shares its beginnings (4 + 1 + 2 + 3 + 4); skip-first 3; student-first 3 more after the student's first
    tree = 10 + 4 + 14 + 3 + 3
    assert counter.rows == said["computed"] == tree * 2 * 6
    again, _ = execute(studio, warm)
    assert evaluations(studio, again)["computed"] == 0 and counter.rows == said["computed"]
    one, two = studio.result(first), studio.result(again)
    assert one is not None and two is not None and one["sweep"] == two["sweep"]


@pytest.mark.slow
def test_extending_draws_only_what_is_new(studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(studio, warm)
    counter = Counter(monkeypatch)
    more_seeds, _ = execute(studio, warm, seeds=8)
    assert counter.rows == 34 * 2 * 2, "two seeds more for both prompts"
    counter.rows = 0
    execute(studio, warm, seeds=8, prompts=["a red house", "a cat at night", "a boat"])
    assert counter.rows == 34 * 8, "one prompt more"
    counter.rows = 0
    execute(studio, warm, seeds=8, study="position-sweep", settings={})
    alone = {"teacher": 0, "student": 0, "first": 0, "BSSS": 0, "SBSS": 3, "SSBS": 2, "SSSB": 1}
    assert counter.rows <= (sum(alone.values()) + 4) * 2 * 8, "teacher, student, hybrid and controls were there already"
    result = studio.result(more_seeds)
    assert result is not None and result["seeds"] == 8


def test_a_study_that_is_stopped_goes_on_and_gives_the_same_table(studio: Jobs, warm: ModelCache, tmp_path: Path) -> None:
    straight, _ = execute(studio, warm)
    whole = studio.result(straight)
    for name in (studio.paths.cache / "cells").rglob("*.safetensors"):
        name.unlink()
    looks = iter(range(1000))
    run_id, state = execute(studio, warm, leaving=lambda: next(looks) > 25)
    assert state == "queued"
    kept = len(list((studio.paths.cache / "cells").rglob("*.safetensors")))
    assert 0 < kept < 18, "something is kept, not everything"
    state, _ = run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    resumed = studio.result(run_id)
    assert state == "done" and whole is not None and resumed is not None
    assert resumed["sweep"] == whole["sweep"]
    assert resumed["evaluations"]["reused"] > whole["evaluations"]["reused"]


@pytest.mark.slow
@pytest.mark.parametrize(("study", "arms", "tree"), [("k-sweep", 6, 17), ("position-sweep", 6, 16), ("masks", 16, 30)])
def test_with_the_teacher_as_its_own_student_nothing_changes(
    studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch, study: str, arms: int, tree: int
) -> None:
    settings = REQUEST["settings"] if study == "k-sweep" else {}
    execute(studio, warm, study=study, settings=settings)
    counter = Counter(monkeypatch)
    run_id, state = execute(studio, warm, study=study, settings=settings, control=3)
    result = studio.result(run_id)
    assert state == "done" and result is not None
    assert counter.rows == result["control"]["evaluations"] == tree * 2 * 3, "cells that were drawn are not drawn again"
    control = result["control"]
    assert control["exact"] and control["checked"] and not control["fired"]
    assert control["n"] == 6 and len(control["rows"]) == arms - 1
    assert all(verdict["valid"] for verdict in result["verdicts"])
    again, _ = execute(studio, warm, study=study, settings=settings, control=3)
    kept = studio.result(again)
    assert kept is not None and kept["control"] == control and counter.rows == tree * 2 * 3


def test_noise_that_is_not_paired_fires_the_control(studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that draws other noise where the model changes: every verdict is taken back."""
    from studio.sampling.run import Run as Sampling

    move = Sampling.move

    def careless(self: Any, state: Any, step: Any, x0: torch.Tensor) -> Any:
        following = move(self, state, step, x0)
        return replace(following, x=following.x.flip(0)) if step.segment else following

    monkeypatch.setattr(Sampling, "move", careless)
    run_id, _ = execute(studio, warm, control=3)
    result = studio.result(run_id)
    assert result is not None and result["control"]["fired"]
    assert {verdict["verdict"] for verdict in result["verdicts"]} == {"inconclusive"}
    assert all("no evidence" in verdict["sentence"] for verdict in result["verdicts"])


def test_other_weights_make_other_cells(tmp_path: Path, studio: Jobs) -> None:
    cells = Cells(tmp_path)
    plan = study_of(StudyRequest.model_validate(REQUEST), load_registry(studio.paths)).plans()[0]
    name = cells.name(plan, "a cat", {"m": "aaaa", "oracle": "x"})
    assert name == cells.name(plan.model_copy(update={"name": "other"}), "a cat", {"oracle": "x", "m": "aaaa"})
    others = {
        cells.name(plan, "a cat", {"m": "bbbb", "oracle": "x"}), cells.name(plan, "a dog", {"m": "aaaa", "oracle": "x"}),
        cells.name(plan, "a cat", {"m": "aaaa", "oracle": "x"}, steps=True),
        cells.name(plan, "a cat", {"m": "aaaa", "oracle": "x"}, group=[1, 2]),
    }  # fmt: skip
    assert len(others) == 4 and name not in others


def rows(*numbers: int) -> Rows:
    n = torch.tensor(numbers)
    return Rows({"f": n.to(torch.uint8)}, {"x": n / 2}, n[:, None].float().expand(-1, 3), n > 0, n.float())


def test_a_cell_keeps_rows_by_seed_and_survives_damage(tmp_path: Path) -> None:
    cells = Cells(tmp_path)
    assert cells.get("ab" * 16)[0] == [] and cells.rows("ab" * 16, [1]) is None
    cells.add("ab" * 16, [5, 3], rows(5, 3))
    cells.add("ab" * 16, [3, 4], rows(9, 4))
    found = cells.rows("ab" * 16, [3, 4, 5])
    assert found is not None
    assert found.labels["f"].tolist() == [3, 4, 5], "what was there stays, in the order that is asked for"
    assert found.values["x"].tolist() == [1.5, 2.0, 2.5] and found.features.dtype == torch.float32
    next(tmp_path.rglob("*.safetensors")).write_bytes(b"half a file")
    assert cells.rows("ab" * 16, [3]) is None
    steps = over_steps([rows(1, 2), rows(3, 4)])
    assert steps.labels["f"].tolist() == [[1, 3], [2, 4]] and steps.step(1).labels["f"].tolist() == [3, 4]
    assert joined([steps, steps]).features.shape == (4, 2, 3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"study": "k-sweeps"}, "no study called 'k-sweeps'. Did you mean 'k-sweep'"),
        ({"pair": "tiny/studnt"}, "Did you mean 'tiny/student'"),
        ({"seeds": 1}, "seeds .* at least 2"),
        ({"seeds": 10**9}, "at most 256"),
        ({"prompts": []}, "0 prompts were given"),
        ({"prompts": ["a cat", "a cat"]}, "twice"),
        ({"prompts": ["x" * 2400]}, "2,400 characters"),
        ({"settings": {"kk": 1}}, "Settings of k-sweep: .*'kk'"),
        ({"settings": {"k": [9]}}, "base steps do not fit"),
        ({"name": "../../x"}, "does not fit"),
    ],
)
def test_requests_that_do_not_fit_are_refused_in_a_sentence(studio: Jobs, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as error:
        studio.submit("study", {**REQUEST, **changes})
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
