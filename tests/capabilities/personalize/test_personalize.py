"""Personalizing as a job: requests, a run to the end on teacher and student, off and on again, and what is made of it in use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from studio.capabilities.personalize import work
from studio.capabilities.personalize.request import PersonalizeRequest
from studio.cli.app import app
from studio.domains import domain_of
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library.adapters import load_adapters
from studio.library.models import load_registry
from studio.library.subjects import keep
from studio.worker import run_job
from studio.workshop import arms_measured
from studio.workshop.material.drawn_subjects import drawn
from studio.workshop.material.words import LINES
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR

SHARES = ("hit", "leak", "stated")


def request(**fields: Any) -> dict[str, Any]:
    return {"name": "mine", "base": PAIR, "subject": "pocket/two-tailed-cat", "steps": 4, "n_kept": 12, "measure_seeds": 8,
            "measure_every": 4, "settings": {"batch": 2}, **fields}  # fmt: skip


@pytest.fixture
def studio(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> Jobs:  # noqa: F811
    monkeypatch.setattr(arms_measured, "TEACHER_STEPS", 2)
    return hall


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../x"}, "The name '../x' does not fit"),
    ({"base": "tiny/teachr"}, "Did you mean 'tiny/teacher'?"),
    ({"subject": "pocket/two-tailed-dog"}, "Did you mean 'pocket/two-tailed-cat'?"),
    ({"subject": "../../etc"}, "There is no subject"),
    ({"method": "own-timestep"}, "There is no method of personalization 'own-timestep'. Did you mean 'own-timesteps'?"),
    ({"method": "dreambooth"}, "is the negative control; it is called random-timesteps there, and own-timesteps would fit."),
    (
        {"method": "pso", "base": "tiny/teacher"},
        "pso is for distilled students, and tiny/teacher is a teacher; dreambooth-replay",
    ),
    ({"settings": {"rank": 0}}, "rank is 0; at least 1 fits."),
    ({"settings": {"prior": 1}}, "The method own-timesteps has no setting 'prior'."),
    ({"steps": 0}, "steps is 0; at least 1 fits."),
    ({"n_kept": 1}, "n_kept is 1; at least 12 fits."),
    ({"rows": 9}, "rows is 9; at most 8 fits."),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_a_request_that_does_not_fit_is_refused_in_one_sentence(studio: Jobs, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("personalize", request(**fields))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_pictures_that_nobody_said_may_be_used_are_not(studio: Jobs) -> None:
    from PIL import Image

    shots = [(f"{i}.png", Image.new("RGB", (64, 64), (40 * i, 90, 10))) for i in range(1, 4)]
    about = {"title": "Mug", "kind": "thing", "noun": "cat", "word": "<mug>", "domain": "pocket", "captions": {}}
    keep(studio.paths, "mug", shots, consent=False, **about)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Nobody said that the pictures of mine/mug may be used"):
        studio.submit("personalize", request(subject="mine/mug"))


@pytest.mark.parametrize(("base", "method"), [(PAIR, "own-timesteps"), ("tiny/teacher", "dreambooth-replay")])
def test_a_run_trains_shows_measures_and_lists_a_subject_that_prompts_can_use(studio: Jobs, base: str, method: str) -> None:
    run_id = studio.submit("personalize", request(base=base, sample_every=2))
    assert (studio.get(run_id).lane, studio.get(run_id).title) == ("batch", f"mine: pocket/two-tailed-cat on {base}, 4 steps")
    assert here(studio, run_id) == ("done", "")
    strips = of_kind(studio, run_id, "strip")
    assert [s["step"] for s in strips] == [0, 2, 4]
    assert (strips[0]["columns"], strips[0]["count"]) == (["untouched", "with the subject"], 12)
    result = studio.result(run_id)
    assert result is not None
    assert (result["adapter"], result["method"], result["notices"]) == ("mine/mine", method, [])
    arms = [row["arm"] for row in result["rows"]]
    assert arms[0] == ("teacher" if base == "tiny/teacher" else PAIR) and set(arms) == {"teacher", PAIR, "hybrid-1"}
    for row in result["rows"]:
        assert all(0 <= row[share]["low"] <= row[share]["value"] <= row[share]["high"] <= 1 for share in SHARES)
        assert row["distance"]["value"] > 0 and row["moved"]["low"] >= 0
        assert row["others"]["accuracy"]["n"] == row["before"]["accuracy"]["n"] == 8
    assert result["reader"]["held"] == 5 and result["reader"]["mistaken"]["n"] == 2
    entry = load_adapters(studio.paths).get("mine/mine")
    assert (entry.words, entry.run) == (("<two-tailed-cat>",), run_id) and entry.layers > 10
    hit = f"{result['rows'][0]['hit']['value']:.0%}"  # a narrow table breaks the line before the interval
    for words in (("adapters", "show", "mine/mine"), ("jobs", "show", run_id)):
        told = CliRunner().invoke(app, [*words, "--data-dir", str(studio.paths.root)], env={"COLUMNS": "200"})
        assert told.exception is None and hit in told.output and "Read by the world's oracle" in told.output
    compared = studio.submit(
        "compare",
        {"prompt": "a <two-tailed-cat> at night", "pair": PAIR, "adapters": ["mine/mine"], "arms": ["teacher", "student"],
         "seeds": [0], "teacher_steps": 2},
    )  # fmt: skip
    assert run_job(studio.paths.run(compared), registry=load_registry(studio.paths)) == ("done", "")
    assert not [text for text in (studio.result(compared) or {})["notices"] if "two-tailed-cat" in text]


@pytest.mark.parametrize("base", ["tiny/teacher", PAIR])
def test_a_word_alone_is_kept_worn_and_exported_like_the_others(studio: Jobs, base: str, tmp_path: Path) -> None:
    asked = request(base=base, method="textual-inversion", measure_every=4 if base == PAIR else 0, sample_every=4)
    run_id = studio.submit("personalize", asked | {"settings": {"batch": 2, "outside": 0.2}})
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None
    assert (result["adapter"], result["word"], result["notices"]) == ("mine/mine", "<two-tailed-cat>", [])
    assert all(row["moved"]["value"] == 0 for row in result["rows"])  # other prompts stay what they were
    entry = load_adapters(studio.paths).get("mine/mine")
    assert (entry.words, entry.layers, entry.ranks) == (("<two-tailed-cat>",), 0, ())
    file = tmp_path / "word.safetensors"
    told = CliRunner().invoke(app, ["adapters", "export", "mine/mine", str(file), "--data-dir", str(studio.paths.root)])
    assert told.exception is None and file.is_file()
    draw = {"prompt": "a <two-tailed-cat>", "pair": PAIR, "arms": ["teacher", "student"], "seeds": [0], "teacher_steps": 2}
    compared = studio.submit("compare", {**draw, "adapters": ["mine/mine"]})
    controlled = studio.submit("control", {"draw": draw, "vary": "mine/mine", "strengths": [0, 1]})
    for run in (compared, controlled):
        assert run_job(studio.paths.run(run), registry=load_registry(studio.paths)) == ("done", "")
        assert not [text for text in (studio.result(run) or {})["notices"] if "two-tailed-cat" in text]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["own-timesteps", "random-timesteps", "pso", "echo-distill", "de-distill"])
def test_a_run_that_is_stopped_twice_ends_as_one_that_was_not(studio: Jobs, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of_method = {"echo-distill": {"echo_from": 0.3}, "de-distill": {"undo_steps": 2, "undo_batch": 2}}.get(method, {})
    fields = {"method": method, "measure_every": 0, "steps": 6, "settings": {"batch": 2, **of_method}}
    straight = studio.submit("personalize", request(name="straight", sample_every=0, **fields))
    assert here(studio, straight) == ("done", "")
    run_id = studio.submit("personalize", request(name="broken-off", sample_every=2, **fields))
    real = work.samples

    def stops_after(strips: int) -> Callable[..., Any]:
        def samples(*args: Any, **how: Any) -> Any:
            if len(of_kind(studio, run_id, "strip")) == strips:
                studio.stop(run_id)
            return real(*args, **how)

        return samples

    for strips in (1, 2):
        monkeypatch.setattr(work, "samples", stops_after(strips))
        assert here(studio, run_id)[0] == "stopped"
        monkeypatch.setattr(work, "samples", real)
        studio.resume(run_id)
    assert here(studio, run_id) == ("done", "")
    assert_equal(checkpoint(studio, run_id), checkpoint(studio, straight))  # and strips disturbed no draw


@pytest.mark.parametrize("file", sorted((PRESETS / "jobs" / "personalize").glob("*.yaml")), ids=lambda f: Path(f).stem)
def test_presets_are_whole_requests(studio: Jobs, file: Path) -> None:
    kind, fields = read_spec_file(file)
    assert kind == "personalize"
    request = PersonalizeRequest.model_validate(fields)
    assert request.name == file.stem and file.stem.endswith(request.method)
    studio.validate(kind, fields)


def test_what_known_words_say_as_well_is_read_by_the_oracle(studio: Jobs) -> None:
    drawn(studio.paths, "blue-house", "pocket", {"subject": "house", "color": "blue"}, 4, 2)
    asked = request(base="tiny/teacher", subject="mine/blue-house", method="textual-inversion")
    run_id = studio.submit("personalize", asked | {"settings": {"batch": 2, "outside": 0.5}})
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id) or {}
    assert result["notices"] == ["No picture of mine/blue-house has a mask that can be used, so all of each counts."]
    rows = result["rows"]
    assert [row["arm"] for row in rows] == ["teacher", PAIR, "hybrid-1"]
    for row in rows:
        assert all(row[side]["n"] == 8 and 0 <= row[side]["low"] <= row[side]["value"] for side in ("shown", "told"))
    told = CliRunner().invoke(app, ["jobs", "show", run_id, "--data-dir", str(studio.paths.root)], env={"COLUMNS": "200"})
    assert told.exception is None and "told in known words" in told.output


def test_pictures_without_captions_are_shown_under_neutral_ones_where_any_words_go() -> None:
    class Of:
        kind, pictures, missing = "thing", (Path("1.png"), Path("2.png")), ("2.png",)

        def lines(self) -> list[str]:
            return ["a {} at night", "a {}"]

    run: Any = object.__new__(work.Personalizing)
    run.subject, run.domain = Of(), domain_of("image")
    assert run._captions() == [["a {} at night"] * len(LINES), list(LINES)]
    run.domain = domain_of("pocket")
    assert run._captions() == [["a {} at night"], ["a {}"]]
