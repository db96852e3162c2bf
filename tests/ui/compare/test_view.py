"""Events folded into what the page shows, and the sentences computed from it."""

from __future__ import annotations

from typing import Any

from studio.jobs.jobs import Jobs
from studio.metrics.frechet import LEAST
from studio.ui.compare.compare_runs import Watch
from studio.ui.compare.components import figures_table
from studio.ui.compare.view import RunView
from studio.ui.kit import pairs, parts, words
from studio.ui.kit.views import Views

REQUEST = {"prompt": "a red house", "seeds": [3, 5], "arms": ["teacher", "student", "hybrid-1"], "teacher_steps": 25}


def interval(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": 2, "note": ""}


def measured(diversity: float, accuracy: float) -> dict[str, Any]:
    return {"diversity": interval(diversity, diversity - 0.1, diversity + 0.1),
            "accuracy": interval(accuracy, accuracy - 0.1, min(1, accuracy + 0.1))}  # fmt: skip


def view_of(*events: dict[str, Any]) -> RunView:
    view = RunView("run", REQUEST, student_steps=4)
    for event in events:
        view.apply(event)
    return view


RUNNING = {"kind": "state", "state": "running", "note": "", "time": 100.0}
TEACHER = {"kind": "arm", "arm": "teacher", "nfe": 50, "seconds_per_image": 1.25, "measures": measured(0.8, 0.9)}


def test_a_run_fills_in_event_by_event() -> None:
    view = view_of(RUNNING)
    assert view.live
    view.apply({"kind": "progress", "done": 10, "total": 66, "arm": "teacher", "step": 5, "steps": 25, "eta_s": 7.4})
    view.apply({"kind": "preview", "arm": "teacher", "strip": "artifacts/t.jpg", "count": 2, "step": 5, "steps": 25})
    board = view.board()
    assert board["status"] == {"word": "running", "text": "Teacher, step 5 of 25 · about 7.4 s left"}
    assert board["rows"][0]["strip"]["strip"] == "artifacts/t.jpg"
    assert board["rows"][0]["figures"] is None

    view.apply({"kind": "image", "arm": "teacher", "seed": 3, "path": "artifacts/teacher/3.png"})
    view.apply(TEACHER)
    row = view.board()["rows"][0]
    assert row["images"] == {"3": "artifacts/teacher/3.png"}
    assert row["figures"]["diversity"] == "0.80"
    assert row["figures"]["accuracy"] == "90 %"
    assert row["figures"]["diversity_ci"] == "[0.70–0.90]"
    assert view.pictures == (1, 6)


def test_events_of_another_time_are_passed_over() -> None:
    view = view_of({"kind": "telepathy", "arm": "teacher"}, {"kind": "image", "arm": "unheard-of", "seed": 1, "path": "x"})
    assert view.pictures == (0, 6)


def test_the_headline_is_the_computed_sentence_hybrid_first() -> None:
    view = view_of(RUNNING, {"kind": "state", "state": "done", "note": "", "time": 112.5})
    recovery = [
        {"arm": "skip-first", "sentence": "Skipping recovers 60 %.", "holds": "holds"},
        {"arm": "hybrid-1", "sentence": "The hybrid recovers 71 % [58–83]. Its accuracy is lower.", "holds": "holds"},
    ]
    view.finish({"recovery": recovery, "arms": [], "notices": ["n"]})
    headline = view.board()["headline"]
    assert headline["lead"] == "The hybrid recovers 71 % [58–83]."
    assert headline["rest"] == ["Its accuracy is lower.", "Skipping recovers 60 %."]
    assert view.notices == ["n"]
    assert view.board()["status"]["text"] == "0 pictures in 12 s"


def test_a_wide_interval_is_not_said_loudly() -> None:
    for low, high, tone in (
        (0.58, 0.83, "holds"),
        (0.08, 2.68, "not settled"),
        (None, None, "not settled"),
        (0.1, 0.8, "not settled"),
    ):
        view = view_of(RUNNING, {"kind": "state", "state": "done", "note": "", "time": 112.5})
        entry = {"arm": "hybrid-1", "sentence": "It recovers some.", "holds": "holds", "value": 0.7, "low": low, "high": high}
        view.finish({"recovery": [entry]})
        assert view.board()["headline"]["tone"] == tone


def test_the_engineers_sentence_stands_under_the_headline_once_all_is_measured() -> None:
    view = view_of(RUNNING, TEACHER, TEACHER | {"arm": "student", "nfe": 4, "seconds_per_image": 0.25})
    assert not any("faster" in text for text in view.board()["headline"]["rest"])
    view.apply({"kind": "state", "state": "done", "note": "", "time": 112.5})
    assert "The student is 5.0 × faster, 0.25 s against 1.2 s a picture on this machine." in view.board()["headline"]["rest"]
    view.finish({"shipped": {"where": "on another machine"}})
    assert "a picture on another machine." in view.board()["headline"]["rest"][0]


def test_what_holds_for_several_arms_is_said_once() -> None:
    view = view_of(RUNNING, {"kind": "state", "state": "done", "note": "", "time": 112.5})
    none = "The student lost nothing here."
    recovery = [
        {"arm": "hybrid-1", "sentence": f"{none} Accuracy of the hybrid: 90 %.", "holds": "does not hold"},
        {"arm": "skip-first", "sentence": f"{none} Accuracy without the first step: 80 %.", "holds": "does not hold"},
    ]
    view.finish({"recovery": recovery})
    assert view.board()["headline"] == {
        "lead": none,
        "rest": ["Accuracy of the hybrid: 90 %.", "Accuracy without the first step: 80 %."],
        "tone": "does not hold",
    }


def test_without_a_recovery_the_headline_gives_diversity_with_accuracy() -> None:
    view = view_of(RUNNING, TEACHER, {"kind": "state", "state": "cancelled", "note": "", "time": 101.0})
    lead = view.board()["headline"]["lead"]
    assert lead == "Teacher: diversity 0.80 [0.70–0.90] at accuracy 90 % [80–100]."
    assert view.board()["status"]["text"] == "0 of 6 pictures were finished and are kept"


def test_figures_that_could_not_be_computed_are_dashes() -> None:
    view = view_of(TEACHER | {"measures": {}}, TEACHER | {"arm": "student", "measures": {"diversity": {"value": None}}})
    assert view.board()["rows"][0]["figures"]["diversity"] == words.NO_VALUE
    assert view.board()["rows"][1]["figures"]["accuracy"] == words.NO_VALUE


def test_the_table_never_shows_diversity_without_accuracy_and_escapes_names() -> None:
    view = view_of(TEACHER)
    view.rows["teacher"]["title"] = "<script>"
    table = figures_table(view.rows.values())
    assert "<script>" not in table
    assert table.index('data-label="diversity"') < table.index('data-label="accuracy"')
    assert "90 %" in table


def test_a_message_is_escaped() -> None:
    assert "<b>" not in parts.line("<b>bold</b>", "problem")
    assert parts.line("", "hint") == ""


def test_views_read_each_event_once_however_many_look() -> None:
    events = [RUNNING, TEACHER]
    asked: list[int] = []

    def tail(run_id: str, offset: int) -> tuple[list[dict[str, Any]], int]:
        asked.append(offset)
        return events[offset:], len(events)

    views = Views(tail)
    look = lambda: views.look("run", lambda: RunView("run", REQUEST, 4), lambda: None)  # noqa: E731
    first, second = look(), look()
    assert first is second
    assert asked == [0, 2, 2]
    events.append({"kind": "state", "state": "failed", "note": "The device ran out of memory.", "time": 103.0})
    assert look().board()["status"] == {"word": "failed", "text": "The device ran out of memory"}


def test_pictures_that_do_not_count_and_a_distance_that_was_not_taken_say_why() -> None:
    teacher = {**TEACHER, "measures": measured(0.8, 0.9) | {"n": 3, "fd_oracle": None, "fd_oracle_n": 3}}
    row = view_of(RUNNING, teacher).board()["rows"][0]
    assert row["figures"]["unread"] == "1 of 3 not recognised"
    table = figures_table(view_of(RUNNING, teacher).rows.values())
    assert "<small>[0.70–0.90], 1 of 3 not recognised</small>" in table
    assert '<td data-label="FD-oracle"><b>–</b> <small>needs 32 pictures</small></td>' in table
    assert view_of(RUNNING, TEACHER).board()["rows"][0]["figures"]["unread"] == ""
    assert LEAST == words.FEW_FOR_DISTANCE


def test_an_interval_below_zero_is_written_so_that_no_dash_is_taken_for_a_sign() -> None:
    assert words.interval(interval(-24.3, -26.7, -22.7), 1) == ("−24.3", "[−26.7 to −22.7]")
    assert words.interval(interval(0.05, -0.2, 0.1), percent=True) == ("5 %", "[−20 to 10]")
    assert words.interval(interval(-0.001, -0.002, 0.1)) == ("0.00", "[0.00–0.10]")


def test_the_board_names_what_was_asked_for(jobs: Jobs) -> None:
    run = jobs.submit("compare", {"prompt": "a red house", "pair": "nano/dmd2", "seeds": [0], "arms": ["teacher"]})
    board = Watch(jobs).look(run)[0].board()
    assert (board["prompt"], board["pair"]) == ("a red house", "Nano teacher and Nano DMD2")
    assert pairs.named(jobs.paths, "gone/away") == "gone/away"
