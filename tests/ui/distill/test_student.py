"""The student's form, where it runs, and the cautions before it starts, as the Distill tab shows them."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from studio.jobs.executors import LOCAL
from studio.jobs.jobs import Jobs
from studio.ui.distill import tab as distill
from studio.ui.distill.draft import NO_PRESET
from studio.ui.distill.tab import DistillTab
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts


@pytest.fixture
def tab(jobs: Jobs) -> DistillTab:
    with gr.Blocks():
        panel = JobsPanel(Background(jobs), parts.header([]))
        return DistillTab(panel.background, panel.focus, panel.shown)


def filled(tab: DistillTab, **student: Any) -> tuple[dict[Any, Any], dict[str, Any]]:
    """(values, form) as a browser would send them when the student's fields hold these."""
    opened, f = tab.opened(), tab.fields
    values = {f.teacher: "test/teacher", f.preset: NO_PRESET, f.name: "pupil", f.steps: "40", f.executor: LOCAL}
    values |= {component: student.get(name, "") for name, component in tab.student.fields.items()}
    return values, json.loads(opened[tab.form])


def test_adapters_that_begin_as_another_student_reach_the_run(tab: DistillTab, jobs: Jobs) -> None:
    tab.submit(*filled(tab, form="adapters", rank="8", leave_out="middle", width="1", start="test/lcm"))
    config = jobs.spec(jobs.list(kind="distill")[0].id).config
    assert (config["form"], config["rank"], config["start"]) == ("adapters", 8, "test/lcm")


def test_a_form_shows_its_own_fields_and_what_it_means(tab: DistillTab) -> None:
    fields = tab.student.fields
    updates = tab.student.chosen({fields["form"]: "smaller"})
    visible = {name: updates[c]["visible"] for name, c in fields.items() if c in updates}
    assert visible == {"rank": False, "leave_out": True, "width": True}
    assert "narrowed" in updates[tab.student.line]
    draft = tab.draft(*filled(tab, form="adapters", rank="8"))
    shown = tab.student.show(draft)
    assert (shown[fields["rank"]]["value"], shown[fields["rank"]]["visible"]) == ("8", True)
    assert [value for _, value in shown[fields["start"]].choices] == ["", "test/dmd2", "test/lcm"]


def test_a_duplicate_has_the_form_of_the_run(tab: DistillTab, jobs: Jobs) -> None:
    run = jobs.submit("distill", {"name": "a", "teacher": "test/teacher", "objective": "lcm", "form": "adapters", "rank": 4,
                                  "start": "test/dmd2", "settings": {"batch": 8}})  # fmt: skip
    updates, fields = tab.duplicate(run), tab.student.fields
    assert updates[fields["form"]]["value"] == "adapters"
    assert updates[fields["rank"]] == gr.update(value="4", visible=True)
    assert updates[fields["start"]].value == "test/dmd2"


def test_known_traps_are_said_before_the_start(tab: DistillTab) -> None:
    values, form = filled(tab, form="full")
    quiet = tab.estimate(values, form)[tab.cost]
    form["settings"] = {**form["settings"], "inputs": "noised data", "guidance": "8"}
    warned = tab.estimate(values, form)[tab.cost]
    assert "notice" not in quiet
    assert "colours saturate" in warned and "notice" in warned


def test_a_time_whose_pace_is_not_known_is_answered_at_once(tab: DistillTab) -> None:
    values, form = filled(tab, form="full")
    values[tab.fields.steps] = "20 min"
    assert "not known yet" in tab.estimate(values, form)[tab.cost]
    assert "not known yet" in tab.submit(values, form)[tab.problem]


def test_only_executors_that_are_set_up_are_offered(tab: DistillTab, monkeypatch: pytest.MonkeyPatch) -> None:
    def only_ray(name: str) -> dict[str, Any]:
        if name != "ray":
            raise ValueError("not set up")
        return {"name": name}

    monkeypatch.setattr(distill, "check_executor", only_ray)
    assert [name for _, name in distill.executors()] == ["local", "ray"]


def test_what_a_browser_kept_of_the_form_comes_back_where_it_still_fits(tab: DistillTab) -> None:
    draft = tab.drafts.picked(tab.draft(*filled(tab)), "lcm")
    text = json.dumps({**json.loads(draft.text()), "settings": {"batch": "77"}})
    opened = tab.opened(before=text)
    assert (json.loads(opened[tab.form])["objective"], json.loads(opened[tab.form])["settings"]) == ("lcm", {"batch": "77"})
    for spoilt in ("", "no JSON", "[]", "3", text.replace('"lcm"', '"none"'), text.replace("test/teacher", "test/gone"),
                   text.replace('{"batch": "77"}', "3")):  # fmt: skip
        assert json.loads(tab.opened(before=spoilt)[tab.form])["objective"] == "dmd2"
