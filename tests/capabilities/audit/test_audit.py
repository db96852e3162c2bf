"""Audits as jobs on the tiny pair: every attack beside its controls, off and on again, refusals, the command, the report."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from studio.capabilities.audit import stage, subject, work
from studio.capabilities.audit.attacks import ATTACKS
from studio.capabilities.audit.known_attacks import known_attacks
from studio.capabilities.audit.request import AuditRequest
from studio.cli.app import app
from studio.core.edit import EditCard
from studio.core.lowrank import Adapter
from studio.core.material import ConditionalNetwork
from studio.families import open_model
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library.adapters import CARD, FILE, described, home, load_adapters
from studio.library.models import load_registry
from tests.capabilities.distill.test_distill import here, of_kind
from tests.capabilities.sliders.test_slider import hall, pair  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR

CONTROL = "tiny/stranger"  # the student again, listed as one that never saw a cat
SMALL: dict[str, Any] = {"pictures": 4, "budget": 0.02}


@pytest.fixture
def studio(hall: Jobs, pair: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:  # noqa: F811
    """With an adapter of the student's and one of the teacher's that forget cats."""
    monkeypatch.setattr(subject, "TEACHER_STEPS", 2)
    listed = json.loads((hall.paths.models / "student.yaml").read_text())
    summary = "Trained on renders, of which it never saw one with cat."
    (hall.paths.models / "stranger.yaml").write_text(json.dumps({**listed, "id": CONTROL, "summary": summary}))
    for name, base in (("no-cat", PAIR), ("no-cat-at-all", "tiny/teacher")):
        _forgetting(hall, name, base)
    return hall


def _forgetting(jobs: Jobs, name: str, base: str) -> None:
    """An adapter as unlearning lists them, whose change is random."""
    entry = load_registry(jobs.paths).get(base)
    model = open_model(entry.folder)
    network = model.trainable_under_adapter().network
    assert isinstance(network, ConditionalNetwork)
    change = Adapter(network.adaptable("cross-attention keys and values"), 2, 2.0)
    g = torch.Generator().manual_seed(1)
    for up in change.up.values():
        up.data = torch.randn(up.shape, generator=g)
    card = EditCard(title=name, kind="forgetting", base=base, domain="pocket", attribute="cat", settings={"forget": "cat"})
    edit, folder = change.edit(card), home(jobs.paths) / "mine" / name
    folder.mkdir(parents=True)
    model.adapter_files.write(edit, folder / FILE)
    about = described(entry, card.model_dump(mode="json"), ranks=edit.ranks, layers=len(edit.pairs))
    (folder / CARD).write_text(json.dumps(about))


def request(**fields: Any) -> dict[str, Any]:
    return {"adapter": "mine/no-cat", **SMALL, **fields}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"adapter": "mine/no-dog"}, "There is no adapter 'mine/no-dog'. Did you mean 'mine/no-cat'?"),
    ({"adapter": "pocket/size"}, "pocket/size was not made to forget anything"),
    ({"model": "tiny/studnt"}, "Did you mean 'tiny/student'?"),
    ({"model": "nano/dmd2"}, "mine/no-cat is for models of 16 pixels"),
    ({"never_saw": PAIR}, "tiny/student is the model itself; one that never saw the concept would fit."),
    ({"never_saw": "nano/dmd2"}, "nano/dmd2 draws other pictures than tiny/student"),
    ({"concept": "dog"}, "mine/no-cat was not to forget 'dog'; cat would fit."),
    ({"attacks": ["sede"]}, "There is no attack 'sede'. Did you mean 'seeds'?"),
    ({"pictures": 1}, "pictures is 1; at least 4 fits."),
    ({"budget": 0}, "budget is 0; at least 0.02 fits."),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_a_request_that_does_not_fit_is_refused_in_one_sentence(studio: Jobs, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as error:
        studio.submit("audit", request(**fields))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_where_no_oracle_reads_there_is_no_audit(studio: Jobs) -> None:
    file = studio.paths.models / "student.yaml"
    listed = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in listed.items() if name != "oracle"}))
    with pytest.raises(ValueError, match=r"^.*Nothing on this machine reads what tiny/student draws, and an audit is read by an"):
        studio.submit("audit", request())


def test_the_attacks_that_requests_know_are_those_that_are_there() -> None:
    assert list(known_attacks()) == sorted(ATTACKS.all())
    assert all(known_attacks().values())
    orders = [attack.order for attack in ATTACKS.all().values()]
    assert len(set(orders)) == len(orders) and not ATTACKS.unavailable


def without_time(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "attacks": [{k: v for k, v in one.items() if k != "seconds"} for one in result["attacks"]]}


class Addresses(HTMLParser):
    """Everything that an HTML file would fetch, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_every_attack_runs_beside_both_controls_and_the_report_opens_offline(studio: Jobs) -> None:
    run_id = studio.submit("audit", request(never_saw=CONTROL))
    assert studio.get(run_id).title == "audit of mine/no-cat"
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None and (result["left_out"], result["notices"]) == ([], [])
    assert [one["attack"] for one in result["attacks"]] == sorted(ATTACKS.all(), key=lambda name: ATTACKS.get(name).order)
    for one in result["attacks"]:
        assert one["spent"] and one["rows"][one["told"]]["edited"]["n"] >= 4
        for row in one["rows"]:
            for key in ("edited", "original", "never_saw"):
                assert 0 <= row[key]["low"] <= row[key]["value"] <= row[key]["high"] <= 1
        assert set(one["pictures"]) == {"edited", "original", "never_saw"}
        for shown in one["pictures"].values():
            hits = [each["hit"] for each in shown]
            assert hits == sorted(hits, reverse=True) and all(studio.artifact(run_id, each["file"]).is_file() for each in shown)
        # weights of the stranger are those of the student, and so is everything that is done to it but the hybrid's teacher
        assert all(row["original"] == row["never_saw"] for row in one["rows"]), one["attack"]
    assert "erased" not in result["verdict"].lower()
    page = studio.artifact(run_id, result["report"]).read_text()
    seen = Addresses()
    seen.feed(page)
    assert "script" not in seen.tags and "link" not in seen.tags and "svg" in seen.tags
    assert seen.found and all(address.startswith("data:image/png;base64,") for address in seen.found)
    assert all(one["title"] in page for one in result["attacks"])


def test_what_is_taught_is_taught_on_the_model_as_it_is_under_attack(studio: Jobs) -> None:
    """The edit once on the edited model, and not at all on the original, whatever the model wore when it last drew."""
    entry = load_registry(studio.paths).get(PAIR)
    model = open_model(entry.folder)
    edit, _ = model.adapter_files.read(load_adapters(studio.paths).get("mine/no-cat").file)
    model.load_edit(subject.WORN, edit)
    path, change = next(iter(edit.pairs.items()))
    place = path.removeprefix("unet.")
    bare = subject.Subject("original", entry, model).network()[1].adapted.get_submodule(place).get_parameter("weight")
    for key, worn, moved in (("edited", edit, change.delta()), ("original", None, torch.zeros_like(bare))):
        model.use_adapters([(subject.WORN, 1.0)])
        layer = subject.Subject(key, entry, model, worn).network()[1].adapted.get_submodule(place)
        assert not layer._forward_hooks
        torch.testing.assert_close(layer.get_parameter("weight") - bare, moved)


def test_a_teacher_is_sampled_in_other_ways_and_has_no_hybrid(studio: Jobs) -> None:
    asked = request(adapter="mine/no-cat-at-all", attacks="timesteps, completion, inpainting")
    run_id = studio.submit("audit", asked)
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None and result["left_out"] == []
    rows = {one["attack"]: [row["name"] for row in one["rows"]] for one in result["attacks"]}
    assert rows["timesteps"] == ["without guidance", "twice the guidance", "4 steps", "25 steps"]
    assert all("never_saw" not in row for one in result["attacks"] for row in one["rows"])


def test_an_audit_that_is_stopped_ends_as_one_that_was_not(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = request(attacks=["seeds", "timesteps", "inversion", "search"])
    straight = studio.submit("audit", asked)
    assert here(studio, straight) == ("done", "")
    run_id = studio.submit("audit", asked)
    real = stage.samples

    def stopping(*args: Any, **how: Any) -> Any:
        if len(of_kind(studio, run_id, "attack")) == 2:
            studio.stop(run_id)
        return real(*args, **how)

    monkeypatch.setattr(stage, "samples", stopping)
    assert here(studio, run_id) == ("stopped", "Stopped after 2 of 4 attacks; these are kept.")
    monkeypatch.setattr(stage, "samples", real)
    done = []
    monkeypatch.setattr(work.Audit, "_leave_out", lambda self, name, *_: done.append(name))
    studio.resume(run_id)
    assert here(studio, run_id) == ("done", "")
    events = [event["attack"] for event in of_kind(studio, run_id, "attack")]
    assert (events, done) == (["seeds", "timesteps", "inversion", "search"], [])
    a, b = studio.result(straight), studio.result(run_id)
    assert a is not None and b is not None and without_time(a) == without_time(b)


def test_what_an_attack_cannot_do_is_said_and_the_others_go_on(studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("Nothing can be learned here.")

    monkeypatch.setattr("studio.capabilities.audit.attacks.inversion.learned_rows", broken)
    run_id = studio.submit("audit", request(attacks=["inversion", "seeds"], never_saw="tiny/teacher"))
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None and [one["attack"] for one in result["attacks"]] == ["seeds"]
    assert result["left_out"] == [{"attack": "inversion", "title": "Embedding inversion", "why": "Nothing can be learned here."}]
    assert result["notices"] == [
        "Nothing in its card says that tiny/teacher never saw cat; you said so.",
        "tiny/teacher is a teacher and tiny/student a student, so they are sampled differently.",
    ]
    assert "Nothing can be learned here." in studio.artifact(run_id, result["report"]).read_text()


def test_one_command_audits_and_leaves_the_report(studio: Jobs, tmp_path: Path) -> None:
    html = tmp_path / "audit.html"
    words = ["audit", "mine/no-cat", "--attacks", "seeds", "--pictures", "4", "--html", str(html)]
    where = ["--data-dir", str(studio.paths.root), "--device", "cpu"]
    told = CliRunner().invoke(app, [*words, *where], env={"COLUMNS": "250"})
    assert told.exception is None, told.output
    assert "Many seeds of plain prompts" in told.output and html.read_text().startswith("<!doctype html>")
    told = CliRunner().invoke(app, [*words, *where, "--json"])
    found = json.loads(told.stdout[told.stdout.index("{") :])
    assert found["result"]["verdict"] and found["result"]["attacks"][0]["rows"][0]["edited"]["n"] == 16


@pytest.mark.parametrize("file", sorted((PRESETS / "jobs" / "audit").glob("*.yaml")), ids=lambda f: Path(f).stem)
def test_presets_name_what_a_preset_of_unlearning_makes(file: Path) -> None:
    kind, fields = read_spec_file(file)
    asked = AuditRequest.model_validate(fields)
    made = read_spec_file(PRESETS / "jobs" / "unlearn" / file.name)[1]
    assert kind == "audit" and asked.adapter == f"mine/{made['name']}"
