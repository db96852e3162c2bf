"""Evaluations as jobs on the tiny pair: candidates of all sorts, kept and gone on with, refusals, the command, the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from studio.capabilities.evaluate import drawing
from studio.capabilities.evaluate.judges import JUDGES
from studio.capabilities.evaluate.known_judges import known_judges
from studio.capabilities.evaluate.request import EvaluateRequest
from studio.cli.app import app
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library.candidates import Candidate
from tests.capabilities.distill.test_distill import here, of_kind
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR

FIGURES = {"fd", "precision", "recall", "coverage", "diversity", "default_behaviour", "vendi", "seed_identifiability"}
SMALL: dict[str, Any] = {"prompts": ["a red house", "a cat at night"], "seeds": "0-2", "planted": 0, "teacher_steps": 2}


def request(*candidates: str, **fields: Any) -> dict[str, Any]:
    return {"candidates": list(candidates) or [PAIR], **SMALL, **fields}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"candidates": []}, "No candidates were named; 1 to 6 fit, model@arm + adapter=strength"),
    ({"candidates": ["tiny/studnt"]}, "Did you mean 'tiny/student'?"),
    ({"candidates": [PAIR, PAIR]}, "The candidate tiny/student is there twice; each is drawn once."),
    ({"candidates": ["tiny/student@hybrid-9"]}, "hybrid-9 asks for 9 base steps"),
    ({"candidates": ["tiny/student@hibrid-1"]}, "Did you mean 'hybrid-1'?"),
    (
        {"candidates": ["tiny/teacher@hybrid-1"]},
        "tiny/teacher is a teacher and has no arm 'hybrid-1'; a student",
    ),
    ({"candidates": [PAIR, "nano/dmd2"]}, "tiny/student and nano/dmd2 draw different things and cannot be compared"),
    ({"candidates": ["tiny/student + mine/none"]}, "There is no adapter 'mine/none'"),
    ({"candidates": ["tiny/student + nano/size"]}, "nano/size is for models of 32 pixels"),
    ({"prompts": ["a" * 2001]}, "has 2,001 characters; at most 2,000 fit."),
    ({"prompts": [f"a cat {i}" for i in range(300)]}, "300 prompts were given; up to 256 fit."),
    ({"judges": ["orakle"]}, "There is no judge 'orakle'. Did you mean 'oracle'?"),
    ({"seeds": "9-1"}, "The seed range 9-1 runs backwards"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_a_request_that_does_not_fit_is_refused_in_one_sentence(hall: Jobs, fields: dict[str, Any], said: str) -> None:  # noqa: F811
    with pytest.raises(ValueError) as error:
        hall.submit("evaluate", {**request(), **fields})
    assert said in str(error.value) and "\n" not in str(error.value)


def test_without_an_oracle_the_oracle_cannot_be_asked_and_nobody_else_is_here(hall: Jobs) -> None:  # noqa: F811
    file = hall.paths.models / "student.yaml"
    listed = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in listed.items() if name != "oracle"}))
    with pytest.raises(ValueError, match="There is no oracle for what tiny/student draws; clip or vision-language would fit"):
        hall.submit("evaluate", request(judges="oracle"))


def test_candidates_are_written_as_they_are_read() -> None:
    one = Candidate.model_validate(" nano/dmd2@hybrid-1 + mine/size=+1.5@first+mine/no-cat")
    assert str(one) == "nano/dmd2@hybrid-1 + mine/size=1.5@first + mine/no-cat=1"
    assert Candidate.model_validate(str(one)) == one
    with pytest.raises(ValueError, match="is no candidate"):
        Candidate.model_validate("two words")


def test_the_judges_that_requests_know_are_those_that_are_there() -> None:
    assert list(known_judges()) == sorted(JUDGES.all(), key=lambda name: JUDGES.get(name).order) and not JUDGES.unavailable
    orders = [card.order for card in JUDGES.all().values()]
    assert len(set(orders)) == len(orders)


def test_prompts_of_the_world_are_its_own_and_always_the_same() -> None:
    asked = EvaluateRequest(candidates=("nano/dmd2",), n_prompts=24)  # type: ignore[arg-type]
    from studio.capabilities.evaluate import prompt_set
    from studio.domains import domain_of

    domain = domain_of("pocket")
    found = prompt_set.own(domain, asked.n_prompts)
    assert found == prompt_set.own(domain, 24) and len(set(found)) == 24
    assert all("subject" in domain.read(line).stated and not domain.read(line).notice for line in found)
    assert len({domain.read(line).stated["subject"] for line in found}) > 5
    with pytest.raises(ValueError, match="Nobody knows prompts for pictures; some that are typed would fit"):
        prompt_set.own(domain_of("plain"), 4)


def test_every_question_of_every_sample_is_answered_and_candidates_are_compared(hall: Jobs) -> None:  # noqa: F811
    run_id = hall.submit("evaluate", request(PAIR, "tiny/teacher", "tiny/student@hybrid-1"))
    assert hall.get(run_id).title == "tiny/student against tiny/teacher …"
    assert here(hall, run_id) == ("done", "")
    result = hall.result(run_id)
    assert result is not None and result["judge"] == "oracle"
    assert [one["text"] for one in result["prompts"]] == SMALL["prompts"]
    for row in result["candidates"]:
        assert row["n"] == 6 and len(row["samples"]) == 6 and row["sentence"]
        for one in row["samples"]:
            asked = result["prompts"][one["prompt"]]["checks"]
            assert len(one["answers"]) == len(asked) and hall.artifact(run_id, one["file"]).is_file()
            assert one["score"] == pytest.approx(sum(score for score, _ in one["answers"]) / len(asked), abs=1e-4)
            assert one["right"] == all(score > 0.5 for score, _ in one["answers"])
        assert row["score"]["value"] == pytest.approx(sum(one["score"] for one in row["samples"]) / 6, abs=1e-4)
        assert [one["kind"] for one in row["by_kind"]] == ["thing", "attribute", "always"]
        named = {one["name"]: one for one in row["figures"]}
        assert set(named) >= FIGURES
        assert all(one["about"].endswith(".") for one in row["figures"])
    assert [(one["a"], one["b"]) for one in result["comparisons"]] == [(0, 1), (0, 2)]
    gap = result["comparisons"][0]
    first, second = (row["score"]["value"] for row in result["candidates"][:2])
    assert gap["difference"]["value"] == pytest.approx(first - second, abs=1e-3)
    assert gap["sentence"].startswith("6 samples are too few to say")
    page = hall.artifact(run_id, result["report"]).read_text()
    assert "<script" not in page and all(row["title"] in page for row in result["candidates"]) and "data:image/png" in page


def test_what_is_stopped_goes_on_with_the_next_candidate_and_ends_alike(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    straight = hall.submit("evaluate", request(PAIR, "tiny/teacher"))
    assert here(hall, straight) == ("done", "")
    run_id, real, drawn = hall.submit("evaluate", request(PAIR, "tiny/teacher")), drawing.Drawing.samples, []

    def stopping(self: drawing.Drawing, *args: Any) -> Any:
        drawn.append(str(self.candidate))
        if len(drawn) == 3:
            hall.stop(run_id)
        return real(self, *args)

    monkeypatch.setattr(drawing.Drawing, "samples", stopping)
    assert here(hall, run_id) == ("stopped", "Stopped; candidates that are finished are kept.")
    hall.resume(run_id)
    assert here(hall, run_id) == ("done", "")
    assert drawn == [PAIR, PAIR, "tiny/teacher", "tiny/teacher", "tiny/teacher"]
    a, b = (hall.result(name) for name in (straight, run_id))
    assert a is not None and b is not None
    for row in (*a["candidates"], *b["candidates"]):
        row.pop("seconds")
    assert a == b
    assert len(of_kind(hall, run_id, "drawn")) == 4


def test_one_command_evaluates_and_leaves_the_report(hall: Jobs, tmp_path: Path) -> None:  # noqa: F811
    html, lines = tmp_path / "e.html", tmp_path / "prompts.txt"
    lines.write_text("# of mine\na red house\n\na blue car\n")
    words = ["evaluate", PAIR, "--file", str(lines), "--seeds", "2", "--planted", "0", "--html", str(html)]
    where = ["--data-dir", str(hall.paths.root), "--device", "cpu"]
    told = CliRunner().invoke(app, [*words, *where], env={"COLUMNS": "250"})
    assert told.exception is None, told.output
    assert "what was asked for" in told.output and "Is there a house?" in told.output and html.read_text().startswith("<!doctype")
    told = CliRunner().invoke(app, [*words, *where, "--json"])
    found = json.loads(told.stdout[told.stdout.index("{") :])
    assert [one["text"] for one in found["result"]["prompts"]] == ["a red house", "a blue car"]


@pytest.mark.parametrize("file", sorted((PRESETS / "jobs" / "evaluate").glob("*.yaml")), ids=lambda f: Path(f).stem)
def test_presets_fit(file: Path, hall: Jobs) -> None:  # noqa: F811
    kind, fields = read_spec_file(file)
    assert kind == "evaluate" and hall.submit(kind, fields)


def test_a_judge_from_elsewhere_is_a_module_that_a_variable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        '"""Says yes."""',
        "from studio.capabilities.evaluate.judges import judge",
        '@judge("kind-judge", title="Kind", order=50)',
        "def opened(opening): ...",
    ]
    (tmp_path / "kindness.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("STUDIO_JUDGES", "kindness, not_there")
    assert list(known_judges().items())[-1] == ("kind-judge", "Says yes.")
    assert EvaluateRequest(candidates=("nano/dmd2",), judges="kind-judge").judges == ("kind-judge",)  # type: ignore[arg-type]
