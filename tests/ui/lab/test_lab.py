"""The Lab tab without a browser: figures, tables and sentences of every study, the form, and what its buttons do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from studio.capabilities.lab.request import StudyRequest
from studio.capabilities.lab.studies import STUDIES
from studio.core.files import atomic_write
from studio.jobs.jobs import Jobs
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts
from studio.ui.lab import figures, form, mixture, plot
from studio.ui.lab import result as lab_result
from studio.ui.lab.result import Studies, body
from studio.ui.lab.tab import LabTab
from tests.support import lab_data

NAMES = sorted(STUDIES.all())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    known = lab_data.registry(tmp_path_factory.mktemp("shelf"))
    return {name: lab_data.result(name, known) for name in NAMES}


@pytest.fixture
def tab(jobs: Jobs) -> Iterator[LabTab]:
    with gr.Blocks():
        background = Background(jobs)
        yield LabTab(background, JobsPanel(background, parts.header([])))


def saved(jobs: Jobs, study: str, result: dict[str, Any] | None = None, **changes: Any) -> str:
    """A study in the queue, with what it has concluded so far."""
    run_id = jobs.submit("study", lab_data.config(study, **changes))
    if result is not None:
        atomic_write(jobs.paths.run(run_id) / "result.json", json.dumps(result))
    return run_id


# -- what is shown -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_study_has_a_figure_for_both_widths_and_a_table(name: str, results: dict[str, Any]) -> None:
    shown = body(results[name]["request"], results[name])
    assert shown["problem"] == ""
    assert shown["caption"]
    assert shown["question"] == STUDIES.get(name).card.question
    for width in ("wide", "narrow"):
        figure = json.loads(shown["figure"][width])
        assert figure["layout"]["height"] >= 300
        drawn = [trace for trace in figure["data"] if any(v is not None for v in _flat(trace.get("y") or trace.get("z") or []))]
        assert drawn
        assert figure["layout"]["annotations"]  # its panels are named
    assert shown["tables"]
    assert all(len(row["cells"]) == len(t["heads"]) - 1 for t in shown["tables"] for row in t["rows"])
    assert "NaN" not in json.dumps(shown)  # the browser parses none


def _flat(values: Any) -> list[Any]:
    return [x for v in values for x in (v if isinstance(v, list) else [v])]


@pytest.mark.parametrize("name", ["k-sweep", "position-sweep", "masks", "handover", "base-guidance", "arena"])
def test_diversity_never_stands_without_accuracy_and_cost(name: str, results: dict[str, Any]) -> None:
    table = body(results[name]["request"], results[name])["tables"][0]
    assert table["heads"][:4] == ["arm", "diversity", "accuracy", "NFE"]
    assert {row["name"] for row in table["rows"]} == {arm["arm"] for arm in results[name]["arms"]}
    costs = {arm["arm"]: str(arm["nfe"]) for arm in results[name]["arms"]}
    assert all(row["cells"][2][0] == costs[row["name"]] for row in table["rows"])
    figure = json.loads(figures.drawn(results[name]) or "")
    told = [str(t.get("hovertemplate", "")) + str(t.get("hovertext", "")) for t in figure["data"]]
    assert all("accuracy" in text for text in told if "diversity" in text and "worth" not in text)


def test_verdicts_keep_their_evidence_and_cautions_are_said_once(results: dict[str, Any]) -> None:
    shown = body(results["k-sweep"]["request"], results["k-sweep"])
    rows = results["k-sweep"]["verdicts"]
    assert [v["id"] for v in shown["verdicts"]] == [r["id"] for r in rows]
    for given, row in zip(shown["verdicts"], rows, strict=True):
        assert given["verdict"] == "too few to say"  # six seeds a prompt
        assert given["sentence"] == row["sentence"]
        assert given["n"] == row["n"]
        assert set(given["cautions"]) | set(shown["cautions"]) >= set(row["cautions"])
        assert not set(given["cautions"]) & set(shown["cautions"])
    assert any("6 seeds a prompt" in text for text in shown["cautions"])


def test_the_identity_control_is_said_in_few_words(results: dict[str, Any]) -> None:
    shown = body(results["k-sweep"]["request"], results["k-sweep"])
    assert "identity control" not in dict(shown["facts"])
    control = {"fired": False, "checked": True, "exact": True, "n": 16, "rows": [{}] * 5, "sentence": "", "evaluations": 272}
    facts = dict(body(results["k-sweep"]["request"], results["k-sweep"] | {"control": control})["facts"])
    assert facts["identity control"] == "passed, 5 arms × 16 samples, every reading equal"
    assert "but for rounding" in lab_result.identity(control | {"exact": False})
    assert lab_result.identity(control | {"fired": True, "sentence": "k = 2 changes."}).endswith("k = 2 changes.")
    assert lab_result.identity(control | {"checked": False}) == "" == lab_result.identity(None)


def test_a_failure_is_shown_as_a_result() -> None:
    row = {"id": "S2", "statement": "One base step gives diversity back", "expected": "", "verdict": "does not hold",
           "effect": -0.11, "interval": {"value": -0.11, "low": -0.2, "high": -0.04, "n": 256, "note": ""}, "unit": "D − D",
           "n": 256, "sentence": "It takes some away.", "cautions": []}  # fmt: skip
    shown = lab_result.verdict(row)
    assert (shown["verdict"], shown["effect"], shown["interval"]) == ("does not hold", "−0.110", "[−0.200 to −0.040]")


def test_while_nothing_is_complete_the_page_says_what_it_waits_for(results: dict[str, Any]) -> None:
    shown = body(results["k-sweep"]["request"], None)
    assert shown["figure"] is None
    assert "first block of seeds" in shown["wait"]
    assert shown["command"]


def test_a_result_that_lacks_something_is_no_broken_page(results: dict[str, Any]) -> None:
    shown = body(results["masks"]["request"], {k: v for k, v in results["masks"].items() if k != "masks"})
    assert "cannot be shown" in shown["problem"]
    assert shown["figure"] is None


def test_every_arm_has_the_colour_that_it_has_in_compare(results: dict[str, Any]) -> None:
    arms = {arm["arm"] for result in results.values() for arm in result["arms"]}
    assert {plot.slug(arm) for arm in arms} <= set(plot.arms.LOOKS)
    told = {"teacher, 25 steps": "teacher", "teacher, unguided": "teacher-unguided", "k = 0": "student", "SSSS": "student",
            "k = 2": "hybrid-2", "BSSS": "hybrid-1", "base at step 1": "hybrid-1", "skip-first": "skip-first"}  # fmt: skip
    assert {arm: plot.slug(arm) for arm in told} == told


def test_the_command_repeats_the_same_study(jobs: Jobs) -> None:
    preset = StudyRequest(study="fork", pair="nano/dmd2", name="under another name").model_dump(mode="json")
    assert lab_result.command(preset) == "python -m studio jobs run presets/studies/nano-fork.yaml"
    own = lab_data.config("k-sweep", settings={"k": [0, 1]})
    said = lab_result.command(own)
    spec = json.loads(said.split("'")[1])
    assert spec.pop("kind") == "study"
    assert StudyRequest.model_validate(spec) == StudyRequest.model_validate(own)


# -- the form ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_settings_come_from_the_schema_and_defaults_make_the_default_request(name: str, jobs: Jobs) -> None:
    fields = form.fields(name)
    assert {f.name for f in fields} == set(STUDIES.get(name).Config.model_fields)
    drawn = {f.name: f.default if f.kind in ("choice", "choices", "yes") else form.schema_form.write(f.default) for f in fields}
    typed = {"study": name, "name": "", "pair": lab_data.PAIR, "prompts": "\n".join(lab_data.PROMPTS), "seeds": "6",
             "teacher_steps": "25"}  # fmt: skip
    asked = form.request(typed, drawn)
    assert asked["settings"] == {}
    assert jobs.validate("study", asked).model_dump(mode="json") == lab_data.config(name)
    assert "network evaluations" in form.cost(jobs, asked)


def test_typed_settings_and_seeds_reach_the_request(jobs: Jobs) -> None:
    typed = {"study": "k-sweep", "name": "two", "pair": lab_data.PAIR, "prompts": "a red house\n\na cat\n", "seeds": " 40 ",
             "teacher_steps": ""}  # fmt: skip
    asked = form.request(typed, {"k": "0, 1", "base_guidance": "2.5", "references": "25, 50"})
    assert asked["settings"] == {"k": [0, 1], "base_guidance": 2.5}
    request = StudyRequest.model_validate(asked)
    assert (request.seeds, request.teacher_steps, len(request.prompts)) == (40, 25, 2)
    with pytest.raises(ValueError, match="Seeds is 'many'"):
        form.request(typed | {"seeds": "many"}, {})


def test_the_cost_counts_shared_beginnings_once_and_what_cannot_be_read_is_said(jobs: Jobs) -> None:
    said = form.cost(jobs, lab_data.config("masks"))
    # 16 masks: 30 instead of 64; the teacher: 50, of which the first for the prompt is the base's of the masks
    assert "948 network evaluations for 17 arms × 2 prompts × 6 seeds" in said
    assert "alone they would be 1,368" in said
    assert "The identity control adds 120." in said  # the 16 masks' 30, on two seeds of two prompts
    assert "control" not in form.cost(jobs, lab_data.config("masks", control=0))
    assert "control" not in form.cost(jobs, lab_data.config("fork"))


def test_choosing_a_study_keeps_what_was_typed(tab: LabTab) -> None:
    f = tab.fields
    values = {f.pair: lab_data.PAIR, f.prompts: "a red house", f.seeds: "12", f.teacher_steps: "25", f.name: "mine", tab.form: ""}
    updates = tab.pick(values, _event(name="fork"))
    assert (updates[f.prompts], updates[f.seeds], updates[f.name]) == ("a red house", "12", "")
    assert json.loads(updates[tab.form])["study"] == "fork"
    assert [card["name"] for card in updates[tab.cards]["cards"] if card["chosen"]] == ["fork"]
    assert list(tab.pick(values, _event(name="no such study"))) == [tab.problem]
    again = tab.pick({**values, tab.form: updates[tab.form]}, _event(name="fork"))
    assert again == {tab.problem: gr.skip()}  # the study that is chosen, with what was typed into it


def _event(**data: Any) -> Any:
    return SimpleNamespace(**data)


def test_the_page_imports_no_torch() -> None:
    program = "import sys, studio.ui.lab.tab as lab, studio.ui.lab.form as f; f.fields('arena'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# -- runs ----------------------------------------------------------------------------------------------------------------


def test_start_submits_and_shows_the_run(tab: LabTab, jobs: Jobs) -> None:
    asked = lab_data.config("masks", name="all of them")
    updates = tab.submit(lambda values: asked, {tab.panel.chosen: ""})
    run_id = updates[tab.run_id]
    assert jobs.get(run_id).kind == "study"
    assert updates[tab.line]["title"] == "all of them"
    assert updates[tab.line]["live"]
    assert [s["run"] for s in updates[tab.saved]["studies"] if s["state"] != "shipped"] == [run_id]
    refused = tab.submit(lambda values: asked | {"pair": "test/dmd2"}, {tab.panel.chosen: ""})
    assert list(refused) == [tab.problem]
    assert "no oracle" in refused[tab.problem]


def test_a_study_fills_in_while_it_runs_and_the_rest_is_not_sent_again(tab: LabTab, jobs: Jobs, results: dict[str, Any]) -> None:
    run_id = saved(jobs, "position-sweep")
    shown = tab.show(run_id)
    assert shown[tab.result]["figure"] is None
    held = {tab.run_id: run_id, tab.seen: shown[tab.seen]}
    assert tab.result not in tab.tick(held)
    atomic_write(jobs.paths.run(run_id) / "result.json", json.dumps(results["position-sweep"] | {"seeds": 4}))
    found = tab.tick(held)
    assert found[tab.result]["figure"]
    assert found[tab.result]["basis"].startswith("Complete for 4 seeds of 6")
    assert tab.run_id not in found  # somebody may have opened another one meanwhile
    assert tab.result not in tab.tick(held | {tab.seen: found[tab.seen]})


def test_a_reload_finds_the_study_of_the_address_and_a_deleted_one_is_said(tab: LabTab, jobs: Jobs) -> None:
    run_id = saved(jobs, "masks")
    tab.tabs = gr.Tabs(render=False)
    found = tab.arrive(f"lab {run_id}")
    assert found[tab.line]["run"] == run_id
    assert found[tab.tabs].selected == "lab"
    assert tab.tabs not in tab.arrive(f"elsewhere {run_id}")
    jobs.discard(run_id)
    gone = tab.arrive(f"lab {run_id}")
    assert gone[tab.line]["run"] == ""
    assert "no run" in gone[tab.line]["problem"]
    assert not gone[tab.timer]["runs"]


def test_another_kind_of_run_is_no_study(tab: LabTab, jobs: Jobs) -> None:
    other = jobs.submit("mixture", {})
    assert "no study" in tab.arrive(f"elsewhere {other}")[tab.line]["problem"]


def test_buttons_follow_the_state_of_the_run(tab: LabTab, jobs: Jobs) -> None:
    run_id = saved(jobs, "masks")
    assert [name for name, _ in Studies(jobs).line(run_id)["actions"]] == ["pause", "cancel"]
    held = {tab.run_id: run_id, tab.panel.chosen: ""}
    paused = tab.act(held, _event(run=run_id, action="pause"))
    assert paused[tab.line]["state"] == "paused"
    assert [name for name, _ in paused[tab.line]["actions"]] == ["resume"]
    assert tab.act(held, _event(run=run_id, action="resume"))[tab.line]["state"] == "queued"
    assert "Nothing here is called" in tab.act(held, _event(run=run_id, action="explode"))[tab.problem]


def test_extending_fills_the_form_with_that_request(tab: LabTab, jobs: Jobs) -> None:
    run_id = saved(jobs, "k-sweep", name="mine", settings={"k": [0, 2]})
    updates = tab.extend(_event(run=run_id))
    f = tab.fields
    assert (updates[f.seeds], updates[f.name], updates[f.pair]) == ("6", "mine", lab_data.PAIR)
    assert updates[f.prompts].splitlines() == list(lab_data.PROMPTS)
    drawn = json.loads(updates[tab.form])
    assert drawn["settings"] == {"k": [0, 2]}
    assert updates[tab.form] != tab.extend(_event(run=run_id))[tab.form]  # drawn anew, whatever was typed since


def test_saved_studies_are_listed_by_name_the_newest_first(jobs: Jobs) -> None:
    saved(jobs, "fork", name="older")
    saved(jobs, "masks")
    found = Studies(jobs).saved()
    assert [s["title"] for s in found][:2] == ["What is each step worth?", "older"]
    assert {s["state"] for s in found[2:]} <= {"shipped"}
    assert "What is still open?" in found[1]["about"]
    assert "2 prompts × 6 seeds" in found[1]["about"]


# -- the sliders ---------------------------------------------------------------------------------------------------------


def test_the_sliders_have_the_ranges_of_the_request() -> None:
    found = {s["name"]: (s["low"], s["high"], s["value"]) for s in mixture.sliders()}
    assert found == {"D": (1, 4096, 256), "beta": (0, 8, 3.0), "K": (2, 32, 8), "k": (0, 4, 1)}


def test_a_position_is_computed_once_and_leaves_no_run_behind(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.metrics.mixture_page import lab_page

    with gr.Blocks():
        card = mixture.MixtureCard(jobs)
    submit, asked = jobs.submit, []

    def served(kind: str, request: Any, **more: Any) -> str:
        """As the worker would, at once."""
        run_id = submit(kind, request, **more)
        asked.append(run_id)
        atomic_write(jobs.paths.run(run_id) / "result.json", json.dumps(lab_page(**request.model_dump())))
        jobs.store.move(run_id, "done", "", only=("queued",))
        return run_id

    monkeypatch.setattr(jobs, "submit", served)
    event = _event(D=256, beta=3.0, K=8, k=1, order="base first")
    first = card.ask({card.waiting: ""}, event)
    page = first[card.html]["page"]
    assert page["settings"] == {"D": 256, "beta": 3.0, "K": 8, "k": 1, "order": "base first"}
    assert "one base step is enough" in page["why"]
    assert [arm["name"] for arm in page["arms"] if arm["chosen"]] == ["hybrid-1"]
    assert card.ask({card.waiting: ""}, event)[card.html]["page"] == page
    assert len(asked) == 1
    assert not jobs.paths.run(asked[0]).exists()
    low = card.ask({card.waiting: ""}, _event(D=2, beta=3.0, K=8, k=1, order="base first"))[card.html]["page"]
    assert "forgotten" in low["why"]
    assert "D" in card.ask({card.waiting: ""}, _event(D=0, beta=3.0, K=8, k=1, order="base first"))[card.html]["note"]


def test_without_an_answer_the_page_asks_again_later(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    with gr.Blocks():
        card = mixture.MixtureCard(jobs)
    monkeypatch.setattr(mixture, "WAIT_S", 0.02)
    found = card.ask({card.waiting: ""}, _event(D=4, beta=1.0, K=4, k=0, order="base first"))
    assert found[card.html]["pending"]
    assert found[card.timer]["runs"]
    run_id = found[card.waiting].partition(" ")[0]
    card.ask({card.waiting: found[card.waiting]}, _event(D=8, beta=1.0, K=4, k=0, order="base first"))
    assert not jobs.paths.run(run_id).exists()  # nobody wants it any more
