"""The kind `grid` on a tiny pair: every combination, nothing twice, a sentence where a cell cannot be drawn."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.capabilities.grid.request import GridRequest, cells
from studio.capabilities.grid.settings import SHOWN, fields, named, offered
from studio.capabilities.grid.values import said, typed, written
from studio.domains.media import image
from studio.jobs.jobs import Jobs
from studio.jobs.run import Run
from studio.library.additions import ADDITIONS
from studio.library.draw_request import CompareRequest
from studio.library.models import load_registry
from studio.sampling import loop
from studio.worker import run_job
from studio.workshop import session as sessions
from studio.workshop.open_models import ModelCache
from tests.capabilities.lab.test_transfer import add_adapter
from tests.support.fixtures import PAIR

DRAW = {"prompt": "a red house at night", "pair": PAIR, "seeds": "2", "teacher_steps": 3}


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], list[int]]]:
    """What the loop was asked to draw: (names of plans, seeds)."""
    asked: list[tuple[list[str], list[int]]] = []

    def many(plans: Any, models: Any, cond: Any, seeds: Any, *given: Any, **how: Any) -> Any:
        asked.append(([plan.name for plan in plans], list(seeds)))
        return loop.sample_many(plans, models, cond, seeds, *given, **how)

    monkeypatch.setattr(sessions, "sample_many", many)
    return asked


def execute(studio: Jobs, warm: ModelCache, kind: str = "grid", state: str = "done", **request: Any) -> dict[str, Any]:
    run_id = studio.submit(kind, request)
    ended, note = run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    assert ended == state, note
    return {**(studio.result(run_id) or {}), "run": run_id, "note": note}


def pixels(studio: Jobs, result: dict[str, Any], *at: int) -> list[np.ndarray]:
    cell = next(one for one in result["cells"] if one["at"] == list(at))
    return [np.asarray(Image.open(studio.artifact(result["run"], one["path"]))) for one in cell["images"]]


def compared(studio: Jobs, warm: ModelCache, **changes: Any) -> list[np.ndarray]:
    result = execute(studio, warm, "compare", **{**DRAW, **changes})
    return [np.asarray(Image.open(studio.artifact(result["run"], one["path"]))) for one in result["arms"][0]["images"]]


def near(these: list[np.ndarray], those: list[np.ndarray]) -> bool:
    """Drawn together or apart, rounding differs."""
    return len(these) == len(those) and all(
        abs(a.astype(int) - b.astype(int)).max() <= 1 for a, b in zip(these, those, strict=True)
    )


def test_every_cell_is_what_compare_draws(studio: Jobs, warm: ModelCache) -> None:
    add_adapter(studio, warm, "big", "size", 1)
    axes = ["adapters.mine/big=0,3", "arms=teacher,student", "replace=red,blue"]
    result = execute(studio, warm, draw=DRAW, axes=axes)
    assert [one["at"] for one in result["cells"]] == [[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)]
    assert [axis["labels"] for axis in result["axes"]] == [["0", "3"], ["teacher", "student"], ["red", "blue"]]
    blue = compared(studio, warm, prompt="a blue house at night", arms=["student"], adapters=["mine/big=3"])
    assert near(pixels(studio, result, 1, 1, 1), blue)
    assert not near(pixels(studio, result, 0, 1, 1), blue), "without the adapter"
    assert near(pixels(studio, result, 0, 0, 0), compared(studio, warm, arms=["teacher"]))
    assert all(one["measures"]["accuracy"]["low"] < one["measures"]["accuracy"]["high"] for one in result["cells"])
    assert warm.model(load_registry(studio.paths).get("tiny/teacher")).adapter_names == ()

    picture = studio.artifact(result["run"], result["cells"][-1]["images"][1]["path"])
    carried = image.read_run(picture)  # dropped on the page it fills Compare
    assert carried["kind"] == "compare" and carried["seed"] == 1
    assert carried["request"]["prompt"] == "a blue house at night" and carried["request"]["adapters"][0]["strength"] == 3


def test_seeds_on_an_axis_are_single_and_drawn_together(studio: Jobs, warm: ModelCache, drawn: list[Any]) -> None:
    result = execute(studio, warm, draw=DRAW, axes=["seeds=0..3", "arms=teacher,student"])
    assert drawn == [(["teacher", "student"], [0, 1, 2, 3])]
    assert [[one["seed"] for one in cell["images"]] for cell in result["cells"][:4]] == [[0], [1], [2], [3]]
    assert near(pixels(studio, result, 3, 1), compared(studio, warm, arms=["student"], seeds=[3]))


def test_a_grid_that_grew_draws_only_what_is_new(studio: Jobs, warm: ModelCache, drawn: list[Any]) -> None:
    first = execute(studio, warm, draw=DRAW, axes=["teacher_guidance=1,2", "arms=teacher,student"])
    assert first["evaluations"]["reused"] == 4 * 2, "the student does not depend on the teacher's guidance"
    drawn.clear()
    again = execute(studio, warm, draw=DRAW, axes=["teacher_guidance=1,2", "arms=teacher,student"])
    assert drawn == [] and again["evaluations"]["computed"] == 0
    assert all(near(pixels(studio, first, x, y), pixels(studio, again, x, y)) for x in (0, 1) for y in (0, 1))
    more = execute(studio, warm, draw={**DRAW, "seeds": "3"}, axes=["teacher_guidance=1,2,3", "arms=teacher,student"])
    assert drawn == [(["teacher", "student"], [2]), (["teacher"], [2]), (["teacher"], [0, 1, 2])]
    assert len(more["cells"]) == 6 and all(len(one["images"]) == 3 for one in more["cells"])


def test_other_weights_are_drawn_anew(studio: Jobs, warm: ModelCache, drawn: list[Any]) -> None:
    add_adapter(studio, warm, "big", "size", 1)
    axes = ["adapters.mine/big=1,2"]
    execute(studio, warm, draw=DRAW, axes=axes)
    drawn.clear()
    shutil.rmtree(studio.paths.root / "adapters" / "mine" / "big")
    add_adapter(studio, warm, "big", "size", 2)  # another file under the same name
    execute(studio, warm, draw=DRAW, axes=axes)
    assert len(drawn) == 2


def test_a_cell_that_cannot_be_drawn_says_why_and_the_others_go_on(studio: Jobs, warm: ModelCache) -> None:
    result = execute(studio, warm, draw=DRAW, axes=["arms=student,hybrid-9,particles", "seeds=0,1"])
    why = {tuple(one["at"]): one.get("why", "") for one in result["cells"]}
    assert why[0, 0] == why[0, 1] == ""
    assert "hybrid-9 asks for 9 base steps" in why[1, 0] and "particles" in why[2, 1]
    with pytest.raises(ValueError, match="No cell of this grid can be drawn: hybrid-8 asks"):
        studio.submit("grid", {"draw": DRAW, "axes": ["arms=hybrid-8,hybrid-9"]})


def test_what_fails_while_it_is_drawn_is_said_in_its_cells(
    studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ = sessions.Session.open

    def fails(session: sessions.Session) -> None:
        if session.request.rho == 0.5:
            raise MemoryError
        open_(session)

    monkeypatch.setattr(sessions.Session, "open", fails)
    result = execute(studio, warm, draw=DRAW, axes=["rho=0,0.5,1"])
    assert [one.get("why", "")[:27] for one in result["cells"]] == ["", "The device ran out of memor", ""]
    failed = execute(studio, warm, state="failed", draw=DRAW, axes=["rho=0.5"])
    assert failed["note"].startswith("No cell of this grid could be drawn: The device ran out of memory")


def test_a_stopped_grid_goes_on_where_it_was(
    studio: Jobs, warm: ModelCache, drawn: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = studio.submit("grid", {"draw": DRAW, "axes": ["rho=0,0.5,1"]})
    said_cells = 0

    def to_leave(run: Run[Any]) -> tuple[str, str] | None:
        nonlocal said_cells
        said_cells = sum(event["kind"] == "cell" for event in studio.tail(run_id)[0])
        return ("stopped", "Stopped") if said_cells == 2 and len(drawn) == 2 else None

    with monkeypatch.context() as until:
        until.setattr(Run, "to_leave", to_leave)
        state, note = run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    assert (state, note) == ("stopped", "Stopped at 2 of 3 cells; what was drawn is kept.")
    kept = studio.result(run_id)
    assert kept is not None and len(kept["cells"]) == 2
    assert list((studio.paths.run(run_id) / "checkpoints").glob("*.json")), "a death after it is one that got ahead"
    assert run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))[0] == "done"
    assert len(drawn) == 3, "what was there is not drawn again"
    assert len((studio.result(run_id) or {})["cells"]) == 3


def test_a_file_that_cannot_be_read_is_drawn_again(studio: Jobs, warm: ModelCache, drawn: list[Any]) -> None:
    execute(studio, warm, draw=DRAW, axes=["rho=0,1"])
    (broken, *_) = (studio.paths.cache / "latents").rglob("*.safetensors")
    broken.write_bytes(b"torn")
    drawn.clear()
    assert len(execute(studio, warm, draw=DRAW, axes=["rho=0,1"])["cells"]) == 2 and len(drawn) == 1


# -- requests ----------------------------------------------------------------------------------------------------------


def test_every_setting_of_what_is_drawn_can_be_an_axis() -> None:
    names = {setting.name for setting in offered([("mine/big", "Big")])}
    whole = set(CompareRequest.model_fields) - set(SHOWN) - {"given", "additions"}
    assert names == whole | {"replace", "adapters.mine/big"} | {f"additions.{name}" for name in ADDITIONS.all()}
    assert all(setting.title != setting.name for setting in fields().values()), "people read titles"
    assert named("hints.nano/layout").title == "nano/layout: weight" and named("given.length").kind == "any"


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("teacher_steps", "1..7 step 2", [1, 3, 5, 7]),
        ("teacher_steps", "7..1 step 3, 2", [7, 4, 1, 2]),
        ("rho", "0..1 step 0.25", [0, 0.25, 0.5, 0.75, 1]),
        ("adapters.mine/big", "−2, -0.5,1e0", [-2, -0.5, 1]),
        ("teacher_guidance", "own, 3", [None, 3]),
        ("off_recipe", "no, Yes", [False, True]),
        ("arms", "teacher, hybrid-1", ["teacher", "hybrid-1"]),
        ("prompt", "a cat, at night\n a dog ", ["a cat, at night", "a dog"]),
        ("prompt", "a cat, at night", ["a cat, at night"]),
        ("replace", 'red, "blue, or so"', ["red", "blue, or so"]),
        ("replace", "red | blue, or so", ["red", "blue, or so"]),
        ("adapters", "none, mine/big=2 mine/late", [None, "mine/big=2 mine/late"]),
        ("given.length", "16..48 step 16", [16, 32, 48]),
    ],
)
def test_values_are_read_and_written(name: str, text: str, values: list[Any]) -> None:
    setting = named(name)
    assert typed(setting, text) == values
    assert typed(setting, written(setting, values)) == values


def test_labels_are_words() -> None:
    labels = [
        said(named("arms"), "hybrid-1"),
        said(named("teacher_guidance"), None),
        said(named("adapters"), None),
        said(named("off_recipe"), True),
        said(named("rho"), 0.5),
    ]
    assert labels == ["hybrid (k = 1)", "own", "none", "yes", "0.5"]


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        (["teacher_stepz=1"], "There is no setting 'teacher_stepz' of what is drawn. Did you mean 'teacher_steps'"),
        (["previews=yes"], "There is no setting 'previews'"),
        (["teacher_steps=a"], "Teacher steps has 'a', which is no number; 1, 2, 4 or 1..7 step 2 would fit."),
        (["teacher_steps=1.5"], "whole numbers would fit"),
        (["teacher_steps=0..3"], "Teacher steps, value 0: teacher_steps is 0; at least 1 fits."),
        (["teacher_steps=1..9 step 0"], "which never ends"),
        (["teacher_steps=1..100000000"], "Teacher steps has 100,000,000 values; at most 64 fit on an axis."),
        (["teacher_steps=1, 1"], "Teacher steps has 1 twice"),
        (["teacher_steps="], "Teacher steps has no values yet"),
        (["off_recipe=perhaps"], "yes, no or both would fit"),
        (["arms=teacher,studnt"], "Arms, value 'studnt': There is no arm 'studnt'. Did you mean 'student'"),
        (["replace=green,blue"], "The prompt has no 'green' to replace."),
        (["replace=red"], "needs two texts"),
        (["rho=0", "rho=1"], "Noise modulation is on two axes"),
        (["rho=0", "teacher_steps=1", "seeds=1", "arms=student"], "4 axes were given; one, two or three would fit."),
        (["rho=0..1 step 0.02", "teacher_steps=1..9"], "51 × 9 = 459 cells; at most 400 fit"),
        (["rho"], "'rho' is no axis; setting=values"),
        ([{"setting": "rho", "values": [{"a": 1}]}], "Noise modulation, value"),
        (["pair=tiny/nobody"], "No cell of this grid can be drawn: There is no model 'tiny/nobody'."),
    ],
)
def test_what_does_not_fit_is_one_sentence(studio: Jobs, axes: list[Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        studio.submit("grid", {"draw": DRAW, "axes": axes})
    assert sentence in str(caught.value)
    assert not list(studio.paths.runs.iterdir())


def test_too_many_pictures_and_too_many_arms_are_refused(studio: Jobs) -> None:
    with pytest.raises(ValueError, match="3,200 pictures were asked for; at most 2,000 fit"):
        studio.submit("grid", {"draw": {**DRAW, "seeds": "64"}, "axes": ["rho=0..0.9 step 0.1", "teacher_steps=1..5"]})
    with pytest.raises(ValueError, match="A cell draws one arm and 2 were given"):
        studio.submit("grid", {"draw": {**DRAW, "arms": ["teacher", "student"]}, "axes": ["rho=0"]})


def test_a_whole_field_goes_before_its_parts_and_the_prompt_before_what_is_replaced(studio: Jobs) -> None:
    request = GridRequest.model_validate({"draw": DRAW, "axes": ["replace=house,boat", "prompt=a house|a cat"]})
    found = {cell.at: cell.request.prompt if cell.request else cell.why for cell in cells(request, {})}
    assert found == {
        (0, 0): "a house",
        (1, 0): "a boat",
        (0, 1): "The prompt has no 'house' to replace.",
        (1, 1): "The prompt has no 'house' to replace.",
    }


def test_the_file_of_a_grid_may_hold_ranges(studio: Jobs, tmp_path: Path) -> None:
    from studio.jobs.spec_file import read_spec_file

    file = tmp_path / "grid.yaml"
    file.write_text(
        f"kind: grid\ndraw: {{prompt: a cat, pair: {PAIR}}}\naxes:\n  - {{setting: rho, values: [0..1 step 0.5, 2]}}\n"
    )
    kind, config = read_spec_file(file)
    request = studio.validate(kind, config)
    assert isinstance(request, GridRequest) and request.axes[0].values == (0, 0.5, 1, 2)
    assert request.draw.arms == ("student",) and not request.draw.previews


def test_the_preset_is_a_grid(studio: Jobs) -> None:
    from studio.jobs.paths import PRESETS
    from studio.jobs.spec_file import read_spec_file

    for file in (PRESETS / "jobs" / "grid").glob("*.yaml"):
        request = studio.validate(*read_spec_file(file))
        assert isinstance(request, GridRequest) and len(request.axes) == 3
