"""Preference tuning as a job: requests, runs to the end by a reward and by votes, off and on again, pairs, commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from studio.capabilities.preference import work
from studio.capabilities.preference.request import PreferRequest
from studio.cli.app import app
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library import votes
from studio.library.adapters import load_adapters
from studio.library.models import load_registry
from studio.worker import run_job
from studio.workshop import arms_measured
from studio.workshop.training import with_and_without
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR

SMALL: dict[str, dict[str, int]] = {"dpo": {"batch": 2}, "pso-online": {"batch": 2}, "ddpo": {"batch": 1, "each": 4}}


def request(**fields: Any) -> dict[str, Any]:
    method = fields.get("method", "dpo")
    decided = {} if "votes" in fields else {"reward": "brightness"}
    return {"name": "mine", "base": PAIR, "steps": 4, "n_pairs": 4, "best_of": 2, "measure_seeds": 24, "measure_every": 4,
            "settings": SMALL.get(method, {}), **decided, **fields}  # fmt: skip


@pytest.fixture
def studio(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:  # noqa: F811
    monkeypatch.setattr(arms_measured, "TEACHER_STEPS", 2)
    monkeypatch.setattr("studio.capabilities.preference.request.TEACHER_STEPS", 2)
    return hall


def drawn(studio: Jobs, **fields: Any) -> dict[str, Any]:
    """The result of drawing pairs."""
    run_id = studio.submit("pairs", {"model": PAIR, "n": 3, "seed": 40, **fields})
    assert run_job(studio.paths.run(run_id), registry=load_registry(studio.paths)) == ("done", "")
    found = studio.result(run_id)
    assert found is not None
    return found


def voted(studio: Jobs, *choices: votes.Choice) -> votes.VoteSet:
    """Votes "mine" on pairs that were drawn."""
    found = drawn(studio, n=len(choices))
    about = votes.VoteSet(model=found["model"], weights=found["weights"], domain=found["domain"], plan=found["plan"])
    given = [
        votes.Vote(prompt=one["prompt"], given=one["given"], seeds=one["seeds"], choice=choice)
        for one, choice in zip(found["pairs"], choices, strict=True)
    ]
    return votes.add(studio.paths, "mine", about, given)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../x"}, "The name '../x' does not fit"),
    ({"base": "tiny/teachr"}, "Did you mean 'tiny/teacher'?"),
    ({"reward": "brightnes"}, "There is no reward 'brightnes' for tiny/student. Did you mean 'brightness'?"),
    ({"reward": "time=noon"}, "There is no reward 'time=noon'"),
    ({"reward": ""}, "Nothing says what is preferred; a reward like brightness, or a set of votes, would fit."),
    ({"reward": "red", "votes": "mine"}, "A reward and votes were both given; one of them decides."),
    ({"votes": "nobodys"}, "There are no votes called 'nobodys'. Sets are none yet."),
    ({"votes": "mine", "method": "ddpo"}, "asks its reward about new samples, and votes cannot answer; dpo would fit."),
    ({"votes": "mine", "prompts": ["a house"]}, "Votes bring their own prompts"),
    ({"second": "brightness"}, "The second reward is the one that is taught"),
    ({"method": "dpoo"}, "There is no method of preference tuning 'dpoo'. Did you mean 'dpo'?"),
    (
        {"method": "pso-online", "base": "tiny/teacher"},
        "pso-online is for distilled students, and tiny/teacher is a teacher",
    ),
    ({"settings": {"beta": 0}}, "beta is 0; more than 0 fits."),
    ({"settings": {"clip": 1}}, "The method dpo has no setting 'clip'."),
    ({"steps": 0}, "steps is 0; at least 1 fits."),
    ({"best_of": 1}, "best_of is 1; at least 2 fits."),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_a_request_that_does_not_fit_is_refused_in_one_sentence(studio: Jobs, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("prefer", request(**fields))
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("base", "method"), [(PAIR, "dpo"), (PAIR, "pso-online"), (PAIR, "ddpo"), ("tiny/teacher", "dpo"), ("tiny/teacher", "ddpo")]
)
def test_a_run_trains_shows_measures_and_lists_an_adapter(studio: Jobs, base: str, method: str) -> None:
    run_id = studio.submit("prefer", request(base=base, method=method, sample_every=2))
    assert studio.get(run_id).title == f"mine: brightness on {base} by {method}, 4 steps"
    assert here(studio, run_id) == ("done", "")
    strips = of_kind(studio, run_id, "strip")
    assert [s["step"] for s in strips] == [0, 2, 4]
    assert (strips[0]["columns"], strips[0]["count"]) == (["untouched", "tuned"], 12)
    result = studio.result(run_id)
    assert result is not None
    assert (result["adapter"], result["method"], result["notices"]) == ("mine/mine", method, [])
    assert result["rewards"] == {"reward": "brightness", "second": "time=day"}
    arms = [row["arm"] for row in result["preferred"]]
    assert arms[0] == ("teacher" if base == "tiny/teacher" else PAIR) and set(arms) == {"teacher", PAIR, "hybrid-1"}
    for row in result["preferred"]:
        for role in ("reward", "second"):
            found = row[role]
            gain = found["after"]["value"] - found["before"]["value"]
            assert found["gain"]["value"] == pytest.approx(gain, abs=1e-6) and 0 <= found["before"]["value"] <= 1
        assert row["others"]["accuracy"]["n"] == row["before"]["accuracy"]["n"] == 24 and row["moved"]["value"] > 0
    entry = load_adapters(studio.paths).get("mine/mine")
    assert (entry.card["kind"], entry.card["attribute"], entry.run) == ("preference", "brightness", run_id)
    for words in (("adapters", "show", "mine/mine"), ("jobs", "show", run_id)):
        told = CliRunner().invoke(app, [*words, "--data-dir", str(studio.paths.root)], env={"COLUMNS": "200"})
        assert told.exception is None and "reward before" in told.output


def test_a_student_of_one_step_is_told_that_it_has_no_paths(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "stochastic", lambda plan: False)
    run_id = studio.submit("prefer", request(method="pso-online", measure_every=0, sample_every=0, steps=1))
    assert here(studio, run_id) == ("done", "")
    (notice,) = (studio.result(run_id) or {})["notices"]
    assert "so its paths have no likelihood to compare: pairs are made online and learned from by the offline loss." in notice


def test_pairs_are_drawn_as_they_are_drawn_again_for_training(studio: Jobs) -> None:
    found = drawn(studio)
    assert [one["seeds"] for one in found["pairs"]] == [[40, 41], [42, 43], [44, 45]]
    assert found["pairs"] == drawn(studio)["pairs"]


def test_votes_decide_and_ties_do_not(studio: Jobs) -> None:
    assert voted(studio, "left", "tie", "right").said == "3 votes, 1 of them a tie"
    run_id = studio.submit("prefer", request(votes="mine"))
    assert studio.get(run_id).title == f"mine: votes mine on {PAIR} by dpo, 4 steps"
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None
    assert (result["voted"], result["rewards"], result["notices"]) == (2, {"reward": "", "second": "prompt"}, [])
    assert "reward" not in result["preferred"][0] and "second" in result["preferred"][0]


def test_votes_without_a_winner_are_refused(studio: Jobs) -> None:
    voted(studio, "tie")
    with pytest.raises(ValueError, match="The votes mine hold no pair with a winner; vote on some first."):
        studio.submit("prefer", request(votes="mine"))


@pytest.mark.slow
@pytest.mark.parametrize("decided", ["dpo", "pso-online", "ddpo", "votes"])
def test_a_run_that_is_stopped_ends_as_one_that_was_not(studio: Jobs, decided: str, monkeypatch: pytest.MonkeyPatch) -> None:
    voted(studio, "left", "right")
    fields: dict[str, Any] = {"measure_every": 0, "steps": 4}
    fields |= {"votes": "mine"} if decided == "votes" else {"method": decided}
    straight = studio.submit("prefer", request(name="straight", sample_every=0, **fields))
    assert here(studio, straight) == ("done", "")
    run_id = studio.submit("prefer", request(name="broken-off", sample_every=2, **fields))
    real = with_and_without.samples

    def stopping(*args: Any, **how: Any) -> Any:
        if len(of_kind(studio, run_id, "strip")) == 1:
            studio.stop(run_id)
        return real(*args, **how)

    monkeypatch.setattr(with_and_without, "samples", stopping)
    assert here(studio, run_id)[0] == "stopped"
    monkeypatch.setattr(with_and_without, "samples", real)
    if decided == "votes":  # what is voted meanwhile changes nothing
        votes.remove(studio.paths, "mine")
    studio.resume(run_id)
    assert here(studio, run_id) == ("done", "")
    assert_equal(checkpoint(studio, run_id), checkpoint(studio, straight))


def test_votes_from_the_command_line(studio: Jobs, tmp_path: Path) -> None:
    made = voted(studio, "left", "tie")

    def said(*words: str) -> str:
        told = CliRunner().invoke(app, ["votes", *words, "--data-dir", str(studio.paths.root)], env={"COLUMNS": "200"})
        if told.exception is not None and not isinstance(told.exception, SystemExit):
            return str(told.exception)
        return told.output

    assert "mine" in said("list") and '"decided": 1' in said("list", "--json")
    assert "2 votes, 1 of them a tie, on pictures of tiny/student" in said("show", "mine")
    file = tmp_path / "votes.json"
    assert said("export", "mine", str(file)).startswith("2 votes, 1 of them a tie in ")
    assert "is there already" in said("export", "mine", str(file))
    assert "There are votes called mine already" in said("import", "mine", str(file))
    assert said("remove", "mine") == "Removed mine.\n" and "There are no votes called 'mine'" in said("show", "mine")
    assert said("import", "again", str(file)) == "again holds 2 votes, 1 of them a tie.\n"
    assert votes.votes(studio.paths, "again") == made


@pytest.mark.parametrize("file", sorted((PRESETS / "jobs" / "preference").glob("*.yaml")), ids=lambda f: Path(f).stem)
def test_presets_are_whole_requests(studio: Jobs, file: Path) -> None:
    kind, fields = read_spec_file(file)
    request = PreferRequest.model_validate(fields)
    assert kind == "prefer" and request.name == file.stem and file.stem.endswith(request.method)
    studio.validate(kind, fields)
