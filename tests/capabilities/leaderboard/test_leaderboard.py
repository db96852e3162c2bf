"""The leaderboard: the Pareto front, what may be compared, and figures that are measured once."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.capabilities.leaderboard import kept_figures, table
from studio.capabilities.leaderboard.table import Row, board, front
from studio.core import kept_hashes
from studio.core.domain import told
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.library.stock import open_jobs
from studio.worker import run_job
from tests.support.fixtures import PAIR
from tests.support.folders import pretended
from tests.support.properties import given, st

POINTS = st.lists(st.tuples(*[st.integers(0, 4).map(float)] * 3), max_size=12)


# -- the front -----------------------------------------------------------------------------------------------------------


@given(POINTS)
def test_every_point_is_on_the_front_or_beaten_by_one_that_is(points: list[tuple[float, ...]]) -> None:
    on = front(points)
    members = [p for p, is_on in zip(points, on, strict=True) if is_on]
    for p, is_on in zip(points, on, strict=True):
        beats = [all(a <= b for a, b in zip(q, p, strict=True)) and q != p for q in members]
        assert is_on != any(beats)


def test_better_in_one_and_worse_in_another_are_both_on_the_front() -> None:
    assert front([(1, 2, 3), (2, 1, 3), (2, 2, 3), (1, 2, 3)]) == [True, True, False, True]
    assert front([(1, 2, 4), (1, 2, 50)]) == [True, False]  # the same for more evaluations
    assert front([(5, 5, 5)]) == [True]
    assert front([]) == []


def test_a_figure_that_is_missing_neither_stands_on_the_front_nor_beats_anything() -> None:
    assert front([(math.nan, 0, 0), (1, 1, 1), (-math.inf, 0, 0)]) == [False, True, False]


# -- what may be compared ------------------------------------------------------------------------------------------------


def figures(accuracy: float, diversity: float, n: int = 256, nfe: int = 4, fd: float = 20.0) -> dict[str, Any]:
    def interval(value: float) -> dict[str, Any]:
        return {"value": value, "low": value - 0.03, "high": value + 0.03, "n": n, "note": ""}

    return {"n": n, "nfe": nfe, "accuracy": interval(accuracy), "diversity": interval(diversity), "fd_oracle": fd,
            "world_diversity": 0.9}  # fmt: skip


def rows(jobs: Jobs) -> dict[str, Row]:
    return {row.arm.id: row for row in board(jobs.paths, load_registry(jobs.paths), "tiny/teacher").rows}


def keep(jobs: Jobs, arm: str, found: dict[str, Any], samples: int = 256) -> None:
    kept_figures.keep(jobs.paths, rows(jobs)[arm].arm, samples, found)


def test_a_teacher_stands_with_its_students_and_their_hybrids(studio: Jobs) -> None:
    found = rows(studio)
    assert list(found) == ["tiny/teacher", PAIR, f"{PAIR}+hybrid-1"]
    assert [row.arm.plan.nfe for row in found.values()] == [50, 4, 4]
    assert not any(row.comparable for row in found.values())
    everything = board(studio.paths, load_registry(studio.paths), "tiny/teacher")
    assert everything.evaluations == (50 + 4 + 4) * 256
    with pytest.raises(ValueError, match="is a student"):
        board(studio.paths, load_registry(studio.paths), PAIR)


def test_kept_figures_are_found_and_make_a_front(studio: Jobs) -> None:
    keep(studio, "tiny/teacher", figures(0.8, 0.7, nfe=50, fd=10.0))
    keep(studio, PAIR, figures(0.9, 0.5))
    keep(studio, f"{PAIR}+hybrid-1", figures(0.7, 0.6, fd=30.0))
    found = rows(studio)
    assert [row.front["accuracy"] for row in found.values()] == [True, True, True]
    assert [row.front["fd_oracle"] for row in found.values()] == [True, True, True]
    keep(studio, f"{PAIR}+hybrid-1", figures(0.85, 0.45, fd=30.0))
    found = rows(studio)
    assert [row.front["accuracy"] for row in found.values()] == [True, True, False]
    assert not board(studio.paths, load_registry(studio.paths), "tiny/teacher").missing


def test_figures_belong_to_weights_plan_and_number_of_pictures(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    arm = rows(studio)[PAIR].arm
    file = kept_figures.figures_file(studio.paths, arm, 256)
    assert file == kept_figures.figures_file(open_jobs(studio.paths.root).paths, arm, 256)  # another server finds the same
    assert file != kept_figures.figures_file(studio.paths, arm, 512)
    longer = arm.plan.segments[0].model_copy(update={"timesteps": (999.0, 499.0)})
    assert file != kept_figures.figures_file(
        studio.paths, replace(arm, plan=arm.plan.model_copy(update={"segments": (longer,)})), 256
    )
    monkeypatch.setattr(kept_hashes, "files_hash", lambda files, root: "0" * 12)
    studio.paths.hashes.unlink(missing_ok=True)
    assert file != kept_figures.figures_file(studio.paths, arm, 256)


def test_weights_are_read_once_and_large_ones_not_while_a_person_waits(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = load_registry(studio.paths).get(PAIR).folder
    monkeypatch.setattr(kept_hashes, "SETTLED_NS", 0)
    first = kept_figures.folder_hash(studio.paths, folder)
    monkeypatch.setattr(kept_hashes, "files_hash", lambda files, root: pytest.fail("read again"))
    assert kept_figures.folder_hash(studio.paths, folder) == first
    (studio.paths.cache / "hashes.json").unlink()
    assert kept_figures.folder_hash(studio.paths, folder, limit_bytes=10) is None


def test_a_card_counts_when_prompts_and_pictures_were_the_same(studio: Jobs) -> None:
    def with_card(measured: dict[str, Any] | None) -> Row:
        entry = load_registry(studio.paths).get(PAIR)
        changed = replace(entry, card={"measured": measured} if measured else {})
        registry = load_registry(studio.paths)
        registry.entries[PAIR] = changed
        return next(r for r in board(studio.paths, registry, "tiny/teacher").rows if r.arm.id == PAIR)

    keep(studio, "tiny/teacher", figures(0.8, 0.7, nfe=50))
    assert with_card(figures(0.9, 0.5)).comparable
    fewer = with_card(figures(0.9, 0.5, n=128))
    assert (fewer.comparable, fewer.otherwise) == (False, "128 pictures")
    assert not any(fewer.front.values())
    shipped = with_card({"pairs": 512, "nfe": 4, "accuracy": {"value": 0.7}, "fd_oracle": 32.0})
    assert shipped.otherwise == "512 pictures of other prompts"
    assert with_card({**figures(0.9, 0.5), "world_diversity": 0.8}).otherwise  # other prompts have another world
    assert with_card({**figures(0.9, 0.5), "nfe": 8}).otherwise  # sampled in other steps
    assert with_card(None).figures is None


def test_the_board_is_of_the_number_of_pictures_that_most_have(studio: Jobs) -> None:
    keep(studio, "tiny/teacher", figures(0.8, 0.7, n=256, nfe=50))
    keep(studio, "tiny/teacher", figures(0.8, 0.7, n=512, nfe=50), 512)
    assert board(studio.paths, load_registry(studio.paths), "tiny/teacher").samples == 512  # as many, and more pictures
    keep(studio, PAIR, figures(0.9, 0.5))
    assert board(studio.paths, load_registry(studio.paths), "tiny/teacher").samples == 256


def test_without_an_oracle_nothing_is_asked_for(studio: Jobs) -> None:
    registry = load_registry(studio.paths)
    registry.entries["tiny/teacher"] = replace(registry.get("tiny/teacher"), oracle=None)
    found = board(studio.paths, registry, "tiny/teacher")
    assert "no oracle" in found.problem and found.missing == []


# -- measuring -----------------------------------------------------------------------------------------------------------


def test_the_held_out_prompts_are_those_of_a_training_run() -> None:
    """Figures a distillation takes on the way are comparable because these agree."""
    from studio.workshop import held_out

    own = kept_figures.HELD_OUT
    assert (own["prompts_seed"], own["seeds_each"]) == (held_out.PROMPTS_SEED, held_out.MEASURE_SEEDS)
    assert (own["renders"], own["renders_seed"]) == (held_out.WORLD_RENDERS, held_out.WORLD_SEED)


def test_the_interval_of_diversity_narrows_with_the_number_of_prompts() -> None:
    """Samples of the world itself; the estimate's own spread over repetitions is 0.01 with 32 prompts of 8."""
    import torch

    from studio.domains import domain_of
    from studio.domains.pocket import scene
    from studio.domains.pocket.oracle import Readings
    from studio.workshop.held_out import summary

    g = torch.Generator().manual_seed(0)

    def seen() -> Readings:
        labels = {name: torch.multinomial(torch.tensor(f.probabilities), 8, replacement=True, generator=g)
                  for name, f in scene.FACTORS.items()}  # fmt: skip
        ok = torch.rand(8, generator=g) < 0.7
        return Readings(labels, {}, torch.zeros(8, 4), ok.float(), ok, torch.ones(8, dtype=torch.int64))

    readings = [seen() for _ in range(32)]
    widths = []
    for n in (8, 32):
        found = summary(domain_of("pocket"), readings[:n], told(["a house"] * n), torch.zeros(1, 4))["diversity"]
        assert found["low"] < found["value"] < found["high"]
        widths.append(found["high"] - found["low"])
    assert widths[1] < 0.15
    assert widths[1] < 0.7 * widths[0]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"teacher": "tiny/teecher"}, "Did you mean 'tiny/teacher'"),
        ({"teacher": PAIR}, "is a student"),
        ({"teacher": "tiny/teacher", "students": ["tiny/stewdent"]}, "Did you mean 'tiny/student'"),
        ({"teacher": "tiny/teacher", "students": ["../etc"]}, "no student of tiny/teacher"),
        ({"teacher": "tiny/teacher", "samples": 64}, "at least 256"),
        ({"teacher": "tiny/teacher", "samples": 10**9}, "at most 4096"),
        ({"teacher": "tiny/teacher", "samples": 300}, "every prompt gets 8, so 296 would"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence(studio: Jobs, config: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        studio.submit("measure", config)
    assert studio.list() == []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The same way with fewer pictures: figures of 16, whatever is asked for; collects the arms that were drawn."""
    from studio.capabilities.leaderboard import work

    drawn: list[str] = []
    real = work.figures

    def fewer(studio: Any, plan: Any, samples: int, world: Any) -> dict[str, Any]:
        drawn.append(plan.name)
        return real(studio, plan, 16, world)

    monkeypatch.setattr(work, "figures", fewer)
    return drawn


def test_everything_that_lacks_figures_is_measured_once(studio: Jobs, quick: list[str]) -> None:
    run = studio.submit("measure", {"teacher": "tiny/teacher"})
    info = studio.get(run)
    assert (info.lane, info.title) == ("batch", "Figures: students of tiny/teacher, 256 pictures each")
    assert run_job(studio.paths.run(run), registry=load_registry(studio.paths)) == ("done", "")
    assert quick == ["teacher", "student", "hybrid-1"]
    result = studio.result(run)
    assert result is not None and [row["arm"] for row in result["rows"]] == ["tiny/teacher", PAIR, f"{PAIR}+hybrid-1"]
    for row in rows(studio).values():
        assert row.comparable and row.figures is not None
        assert row.figures["nfe"] == row.arm.plan.nfe
        assert row.figures["accuracy"]["low"] is not None
    progress = studio.progress(run) or {}
    assert (progress["done"], progress["unit"]) == (3 * 16, "pictures")
    again = {"teacher": "tiny/teacher"}
    with pytest.raises(ValueError, match="have figures of 256 pictures already"):
        studio.submit("measure", again)
    run = studio.submit("measure", {**again, "samples": 264, "students": [PAIR]})
    assert run_job(studio.paths.run(run), registry=load_registry(studio.paths))[0] == "done"
    assert len(quick) == 6


@pytest.mark.slow
def test_a_run_that_was_cancelled_keeps_what_was_measured(studio: Jobs, quick: list[str]) -> None:
    run = studio.submit("measure", {"teacher": "tiny/teacher"})
    folder = studio.paths.run(run)
    from studio.capabilities.leaderboard import work

    real = work.kept_figures.keep

    def keep_then_cancel(*args: Any) -> None:
        real(*args)
        (folder / "cancel").touch()

    patch = pytest.MonkeyPatch()
    patch.setattr(work.kept_figures, "keep", keep_then_cancel)
    try:
        state, note = run_job(folder, registry=load_registry(studio.paths))
    finally:
        patch.undo()
    assert (state, "kept" in note) == ("cancelled", True)
    assert [row.comparable for row in rows(studio).values()] == [True, False, False]
    run = studio.submit("measure", {"teacher": "tiny/teacher"})
    assert run_job(studio.paths.run(run), registry=load_registry(studio.paths))[0] == "done"
    assert quick.count("teacher") == 1 and quick.count("hybrid-1") == 1  # the teacher was not drawn again


def test_a_student_that_cannot_be_opened_does_not_stop_the_others(studio: Jobs, quick: list[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    pretended(broken)
    source = load_registry(studio.paths).get(PAIR)
    (broken / "recipe.json").write_text((source.folder / "recipe.json").read_text())
    (broken / "weights.safetensors").write_bytes(b"not weights")
    entry = {"id": "tiny/broken", "title": "Broken", "role": "student", "teacher": "tiny/teacher", "domain": "pocket",
             "folder": str(broken), "size": 16, "oracle": str(source.oracle), "order": 1}  # fmt: skip
    (studio.paths.models / "broken.yaml").write_text(json.dumps(entry))
    run = studio.submit("measure", {"teacher": "tiny/teacher"})
    assert run_job(studio.paths.run(run), registry=load_registry(studio.paths))[0] == "done"
    result = studio.result(run)
    assert result is not None and any("Broken could not be measured" in text for text in result["notices"])
    found = rows(studio)
    assert [row.comparable for row in found.values()].count(True) == 3
    assert table.number(found[PAIR].figures["accuracy"]) is not None  # type: ignore[index]


def test_a_run_that_could_measure_nothing_has_failed(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.capabilities.leaderboard import work

    def broken(*_: Any) -> None:
        raise RuntimeError("The oracle sees nothing.")

    monkeypatch.setattr(work, "figures", broken)
    run = studio.submit("measure", {"teacher": "tiny/teacher"})
    state, note = run_job(studio.paths.run(run), registry=load_registry(studio.paths))
    assert (state, "could not be measured: The oracle sees nothing." in note) == ("failed", True)


def test_a_worker_that_must_leave_puts_the_run_back_into_the_queue(studio: Jobs, quick: list[str]) -> None:
    run = studio.submit("measure", {"teacher": "tiny/teacher"})
    state, note = run_job(studio.paths.run(run), registry=load_registry(studio.paths), leaving=lambda: True)
    assert (state, "kept" in note) == ("queued", True)
