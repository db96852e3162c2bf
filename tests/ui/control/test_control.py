"""The Control tab's view of a run, its form and its shelf, without a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from studio.jobs.jobs import Jobs
from studio.library.adapters import copies, home, load_adapters
from studio.library.models import load_registry
from studio.ui.control.adapters import Shelf, list_html
from studio.ui.control.control_runs import Controls
from studio.ui.control.tab import ControlTab, table_html
from studio.ui.control.view import ControlView
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts

REQUEST = {"draw": {"prompt": "a red house", "pair": "nano/dmd2", "arms": ["teacher", "student"], "seeds": [0, 3]},
           "vary": {"id": "nano/size"}, "strengths": [-1, 0, 1]}  # fmt: skip
SIZE = {"title": "Size", "low": "small", "high": "large", "unit": "of the picture's side"}


@pytest.fixture
def tab(jobs: Jobs) -> ControlTab:
    with gr.Blocks():
        header = parts.header([])
        panel = JobsPanel(Background(jobs), header)
        return ControlTab(Controls(jobs), header, Shelf(jobs, panel))


def values(tab: ControlTab, **changes: Any) -> list[Any]:
    typed = {"prompt": "a red house", "pair": "nano/dmd2", "arms": ["student", "teacher"], "seeds": "2", "teacher_steps": 10,
             "teacher_guidance": 3.0, "controlnet": "", "weight": 1.0, "scene": 7, "picture": "", **changes}  # fmt: skip
    named = {**vars(tab.form), **vars(tab.form.follow)}
    sent = {component: typed[name] for name, component in named.items() if name in typed}
    sent |= {component: component.value for component in tab.form.inputs() if component not in sent}  # what is added, as it is
    return [sent[component] for component in tab.form.inputs()]


def worn(**changes: Any) -> str:
    return json.dumps({"worn": [{"id": "nano/size", "strength": 2.0, "on": "rest"}], "vary": "nano/size", **changes})


def cell(arm: str, strength: float, amounts: list[float]) -> dict[str, Any]:
    images = [{"seed": seed, "path": f"artifacts/{arm}/{seed}.png"} for seed in (0, 3)]
    return {"kind": "cell", "arm": arm, "strength": strength, "images": images, "amounts": amounts, "accuracy": None}


def test_a_run_fills_up_cell_by_cell() -> None:
    view = ControlView("r", REQUEST, "Size", SIZE)
    view.apply({"kind": "state", "state": "running", "note": ""})
    view.apply(cell("teacher", -1, [0.2, 0.4]))
    view.apply(cell("teacher", 0, [0.3, 0.5]))
    view.apply({"kind": "progress", "done": 3, "total": 9, "arm": "teacher.1", "step": 2, "steps": 4, "eta_s": 12})
    board = view.board()
    assert board["status"]["text"] == "2 of 6 cells · about 12 s left"
    assert board["rows"][0]["cells"][0]["images"] == {"0": "artifacts/teacher/0.png", "3": "artifacts/teacher/3.png"}
    assert board["rows"][0]["cells"][0]["amounts"] == {"0": "0.20", "3": "0.40"}
    assert board["rows"][0]["cells"][2] is None
    assert board["rows"][1]["cells"] == [None, None, None]
    figure = json.loads(view.figure() or "{}")
    assert [trace["x"] for trace in figure["data"]] == [[-1, 0]]
    assert figure["data"][0]["y"] == pytest.approx([0.3, 0.4])
    assert view.table() is None


def test_what_was_measured_is_shown_with_intervals_and_escaped() -> None:
    view = ControlView("r", REQUEST, "Size", SIZE)
    mean = {"value": 0.4, "low": 0.3, "high": 0.5}
    found = {"strengths": [-1, 0, 1], "means": [mean] * 3, "slope": {"value": 0.1, "low": 0.05, "high": 0.2},
             "retention": {"value": 0.9, "low": 0.8, "high": 1.0}, "spearman": 1.0, "even": [-1, 1],
             "drift": {"others": mean, "kept": mean, "features": mean, "in_distribution": mean},
             "accuracy": {"-1": {"value": 0.5}, "0": {"value": 1.0}, "1": {"value": 0.75}}}  # fmt: skip
    view.apply({"kind": "state", "state": "done", "note": ""})
    view.finish({"cells": [], "measured": {"student": found}, "attribute": SIZE})
    table = view.table()
    assert table is not None
    assert [value for value, _ in table["rows"][0]["cells"]] == ["0.100", "90 %", "1.00", "-1 to 1", "40 %", "40 %", "50 %"]
    found["retention"] = {"value": 0.64, "low": 0.07, "high": 24.2}  # of a slope that is nearly nothing
    assert (view.table() or {})["rows"][0]["cells"][1] == ("64 %", "[7–over 999]")
    view.rows["student"]["title"] = "<script>"
    assert "<script>" not in table_html(view.table() or {})
    trace = json.loads(view.figure() or "{}")["data"][0]
    assert trace["error_y"]["array"] == pytest.approx([0.1] * 3)


def test_the_form_becomes_a_request(tab: ControlTab, jobs: Jobs) -> None:
    updates = tab.submit(worn(), *values(tab))
    config = jobs.spec(updates[tab.run_id]).config
    assert config["vary"] == {"id": "nano/size", "strength": 1.0, "on": "rest"}
    assert config["draw"]["arms"] == ["teacher", "student"]
    assert config["draw"]["seeds"] == [0, 1]
    assert tab.open(updates[tab.run_id])[tab.form.worn]["worn"] == [{"id": "nano/size", "strength": 1.0, "on": "rest"}]


def test_a_reload_comes_back_to_the_run(tab: ControlTab) -> None:
    tab.tabs = gr.Tabs()
    run_id = tab.submit(worn(), *values(tab))[tab.run_id]
    assert tab.arrive(f"control {run_id} ")[tab.run_id] == run_id
    beside = tab.arrive(f"scrub {run_id} ")
    assert beside[tab.run_id] == run_id and tab.tabs not in beside
    assert tab.tabs in tab.arrive(f"  {run_id}")
    assert "There is no run" in tab.arrive("control 20200101-000000-000-gonexx ")[tab.problem]
    assert tab.arrive("  ") == {tab.problem: ""}


def test_a_picture_to_follow_goes_along(tab: ControlTab, jobs: Jobs, tmp_path: Path) -> None:
    followed = tab.submit(worn(), *values(tab, controlnet="nano/layout", weight=0.5, scene=3))
    hints = jobs.spec(followed[tab.run_id]).config["draw"]["hints"]
    assert hints == [{"id": "nano/layout", "weight": 0.5, "on": "all", "scene": 3, "picture": ""}]
    assert tab.open(followed[tab.run_id])[tab.form.follow.scene] == 3
    given = tmp_path / "sketch.png"
    given.write_bytes(b"x")
    assert (
        "not a picture that can be read"
        in tab.form.follow.bring({tab.form.follow.brought: str(given)})[tab.form.follow.brought_line]
    )
    Image.new("RGB", (32, 32)).save(given)
    brought = tab.form.follow.bring({tab.form.follow.brought: str(given)})
    submitted = tab.submit(worn(), *values(tab, controlnet="nano/layout", picture=brought[tab.form.follow.picture]))
    assert jobs.spec(submitted[tab.run_id]).config["draw"]["hints"][0]["picture"] == brought[tab.form.follow.picture]
    assert [name for _, name in tab.controls.controlnets(load_registry(jobs.paths).pair("nano/dmd2"))] == [
        "",
        "nano/edges",
        "nano/layout",
    ]


def test_attributes_are_taken_from_pictures(tab: ControlTab, jobs: Jobs, tmp_path: Path) -> None:
    refer, (first, second, _) = tab.form.refer, tab.form.refer.rows
    known = dict(refer.wanted(load_registry(jobs.paths).pair("nano/dmd2")))
    assert {"nothing": "", "colour": "color", "time of day": "time"}.items() <= known.items()
    given = tmp_path / "red.png"
    Image.new("RGB", (32, 32), "red").save(given)
    name = refer.bring(first, {first.bring: str(given)})[first.picture].value
    chosen = {first.attribute: "color", first.picture: name, second.attribute: "time", second.picture: "pocket/ink#2"}

    def sent(adapter: str, **changes: Any) -> Any:
        typed = dict(zip(tab.form.inputs(), values(tab, **changes), strict=True)) | chosen
        on = worn(worn=[{"id": adapter, "strength": 1.0, "on": "all"}], vary=adapter)
        return tab.submit(on, *(typed[component] for component in tab.form.inputs()))

    assert "reads no reference pictures; choose an adapter that does" in sent("nano/size")[tab.problem]
    _list_reader(jobs)
    config = jobs.spec(sent("mine/looks")[tab.run_id]).config
    assert config["draw"]["additions"] == {"references": f"color={name}, time=pocket/ink#2"}
    assert config["strengths"] == [0.0, 0.5, 1.0]
    chosen[second.picture] = ""
    assert "Nothing says which picture the time is taken from" in sent("mine/looks")[tab.problem]


def _list_reader(jobs: Jobs) -> None:
    """As if an adapter of references had been trained for nano's models."""
    size = load_adapters(jobs.paths).get("nano/size")
    folder = home(jobs.paths) / "mine" / "looks"
    shutil.copytree(size.folder, folder)
    about = json.loads((folder / "card.json").read_text())
    about["card"] |= {"kind": "references", "attributes": ["color", "time"]}
    (folder / "card.json").write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("adapters", "changes", "sentence"),
    [
        ("{}", {}, "No adapter is chosen to go over the row"),
        (worn(worn=[{"id": "nano/gone", "strength": 1, "on": "all"}], vary="nano/gone"), {}, "There is no adapter"),
        (worn(worn=[{"id": "nano/size", "strength": 1, "on": "below:x"}]), {}, "There are no steps called"),
        (worn(), {"seeds": "none"}, "is not a seed"),
        (worn(), {"pair": "pocket/dmd2"}, "nano/size is for models of 32 pixels, and pocket/teacher draws 128."),
    ],
)
def test_bad_input_is_one_sentence(tab: ControlTab, adapters: str, changes: dict[str, Any], sentence: str) -> None:
    updates = tab.submit(adapters, *values(tab, **changes))
    assert sentence in updates[tab.problem]
    assert tab.run_id not in updates


def test_only_adapters_that_fit_are_offered(tab: ControlTab, jobs: Jobs) -> None:
    registry = load_registry(jobs.paths)
    assert [one["id"] for one in tab.controls.known(registry.pair("nano/dmd2"))] == ["nano/size", "nano/references"]
    assert all(one["id"].startswith("pocket/") for one in tab.controls.known(registry.pair("pocket/dmd2")))


def test_another_pair_and_another_tab_leave_what_still_fits(tab: ControlTab) -> None:
    f = tab.form
    asked = dict(zip(f.inputs(), values(tab, pair="nano/lcm", teacher_guidance=6.5, controlnet="nano/layout"), strict=True))
    same = f.choose_pair({**asked, f.before: "nano/dmd2"})
    assert (same[f.teacher_guidance], same[f.follow.controlnet].value, same[f.before]) == (6.5, "nano/layout", "nano/lcm")
    other = f.choose_pair({**asked, f.pair: "pocket/lcm", f.teacher_guidance: 3.0, f.before: "nano/lcm"})
    assert (other[f.teacher_guidance], other[f.follow.controlnet].value) == (3.0, "")
    assert "value" not in tab.refresh({f.pair: "nano/lcm"})[tab.shelf.which].constructor_args


def test_the_shelf_asks_for_jobs_and_says_what_is_wrong(
    tab: ControlTab, jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "studio.capabilities.sliders.request.check_method", lambda *_: {}
    )  # the catalogue of these tests has no sliders
    shelf = tab.shelf
    asked = shelf.taken({shelf.which: "nano/size", shelf.layout: "kohya", shelf.strip: True})
    assert jobs.spec(asked[shelf.run]).config["layout"] == "kohya"
    assert "next in line" in shelf.tick(asked[shelf.run])[shelf.said] or "Opening" in shelf.tick(asked[shelf.run])[shelf.said]
    refused = shelf.merged("{}", "nano/teacher", "x")
    assert "adapters must be given" in refused[shelf.said]
    given = tmp_path / "lora.safetensors"
    given.write_bytes(b"x")
    brought = shelf.brought({shelf.bring: str(given), shelf.model: "nano/teacher", shelf.as_name: "mine"})
    assert (copies(jobs.paths) / jobs.spec(brought[shelf.run]).config["file"]).is_file()
    again = shelf.brought({shelf.bring: str(given), shelf.model: "nano/teacher", shelf.as_name: "BAD" * 40})
    assert shelf.run not in again and len(list(copies(jobs.paths).iterdir())) == 1
    assert "is shipped with the studio" in shelf.deleted({shelf.which: "nano/size"})[shelf.said]
    trained = {shelf.base: "nano/teacher", shelf.attribute: "size", shelf.method: "pairs", shelf.steps: 20,
               shelf.name: "BAD name", shelf.less: "", shelf.more: "", shelf.preserve: ""}  # fmt: skip
    assert "does not fit" in shelf.start(trained)[shelf.said]
    updates = shelf.start({**trained, shelf.name: "mine"})
    assert jobs.list(kind="slider")[0].title
    assert shelf.said in updates
    paired = {**trained, shelf.name: "paired", shelf.pairs: " days ", shelf.prompts: "a house\n\n a tree"}
    assert "There is no folder &#x27;days&#x27;" in shelf.start(paired)[shelf.said]
    worded = {**paired, shelf.name: "worded", shelf.method: "text", shelf.less: "by day", shelf.more: "at night"}
    assert shelf.said in shelf.start(worded)
    config = jobs.spec(jobs.list(kind="slider")[0].id).config
    assert (config["prompts"], config["pairs"], config["negative"]) == (["a house", "a tree"], "", "by day")


def test_titles_of_files_are_escaped(tab: ControlTab) -> None:
    import dataclasses

    entry = next(iter(tab.shelf._entries()))
    assert "<img" not in list_html([dataclasses.replace(entry, title="<img src=x>", card={"attribute": "<b>"})])
    assert "None yet" in list_html([])


def test_size_and_negative_prompt_go_into_what_is_drawn_and_back(tab: ControlTab, jobs: Jobs) -> None:
    plain = tab.submit(worn(), *values(tab))
    assert not {"size", "negative"} & jobs.spec(plain[tab.run_id]).config["draw"].keys()
    submitted = tab.submit(worn(), *values(tab, size="64x32", negative="snow"))
    draw = jobs.spec(submitted[tab.run_id]).config["draw"]
    assert (draw["size"], draw["negative"]) == ("64x32", "snow")
    opened = tab.open(submitted[tab.run_id])
    assert (opened[tab.form.size].value, opened[tab.form.negative].value) == ("64x32", "snow")
    assert opened[tab.form.taken.group].open
