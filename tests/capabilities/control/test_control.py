"""The kind `control` on a tiny pair: every arm at every strength, nothing of the model left behind, one clear sentence each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from tests.capabilities.lab.test_transfer import add_adapter
from tests.support.fixtures import PAIR

DRAW = {"prompt": "a red house at night", "pair": PAIR, "arms": ["teacher", "student", "hybrid-1"], "seeds": "0-3",
        "teacher_steps": 4}  # fmt: skip


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


@pytest.fixture
def shelf(studio: Jobs, warm: ModelCache) -> Jobs:
    add_adapter(studio, warm, "big", "size", 1)
    add_adapter(studio, warm, "late", "time-of-day", 2)
    return studio


def execute(studio: Jobs, warm: ModelCache, kind: str = "control", **request: Any) -> dict[str, Any]:
    run_id = studio.submit(kind, request)
    state, note = run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    assert state == "done", note
    result = studio.result(run_id)
    assert result is not None
    return result | {"run": run_id}


def picture(studio: Jobs, result: dict[str, Any], arm: str, strength: float, seed: int = 0) -> np.ndarray:
    cell = next(c for c in result["cells"] if (c["arm"], c["strength"]) == (arm, strength))
    path = next(image["path"] for image in cell["images"] if image["seed"] == seed)
    return np.asarray(Image.open(studio.artifact(result["run"], path)))


def test_every_arm_at_every_strength_is_drawn_and_read(shelf: Jobs, warm: ModelCache) -> None:
    result = execute(shelf, warm, draw=DRAW, vary="mine/big", strengths=[2, -1, 0, 1])
    assert [(c["arm"], c["strength"]) for c in result["cells"]] == [
        (arm, s)
        for arm in DRAW["arms"]
        for s in (-1.0, 0.0, 1.0, 2.0)  # type: ignore[union-attr]
    ]
    assert all(len(c["images"]) == len(c["amounts"]) == 4 for c in result["cells"])
    assert result["attribute"]["title"] == "Size"
    for arm in ("teacher", "student", "hybrid-1"):
        found = result["measured"][arm]
        assert found["strengths"] == [-1.0, 0.0, 1.0, 2.0]
        amounts = next(c["amounts"] for c in result["cells"] if (c["arm"], c["strength"]) == (arm, 0.0))
        assert found["means"][1]["value"] == pytest.approx(sum(amounts) / 4, abs=1e-3)
    assert warm.model(load_registry(shelf.paths).get("tiny/teacher")).adapter_names == ()


def test_strength_zero_is_the_comparison_without_it_and_held_adapters_stay(shelf: Jobs, warm: ModelCache) -> None:
    bare = execute(shelf, warm, "compare", **DRAW)
    varied = execute(shelf, warm, draw=DRAW, vary="mine/big@rest", strengths=[0, 3])
    held = execute(shelf, warm, draw={**DRAW, "adapters": ["mine/late=2"]}, vary="mine/big", strengths=[0, 3])
    both = execute(shelf, warm, "compare", **{**DRAW, "adapters": ["mine/late=2", "mine/big=3"]})

    def compared(result: dict[str, Any], arm: str) -> np.ndarray:
        row = next(row for row in result["arms"] if row["arm"] == arm)
        return np.asarray(Image.open(shelf.artifact(result["run"], row["images"][0]["path"])))

    for arm in ("teacher", "student", "hybrid-1"):
        assert (picture(shelf, varied, arm, 0.0) == compared(bare, arm)).all()
        assert (picture(shelf, varied, arm, 3.0) != compared(bare, arm)).any()
        assert (picture(shelf, held, arm, 0.0) != compared(bare, arm)).any()
        assert (picture(shelf, held, arm, 3.0) == compared(both, arm)).all()


def test_what_cannot_be_measured_is_said(shelf: Jobs, warm: ModelCache) -> None:
    result = execute(shelf, warm, draw={**DRAW, "arms": ["student"]}, vary="mine/big", strengths=[0, 2])
    assert "A slope needs strength 0 and two more of at most 1." in result["notices"]
    stated = execute(shelf, warm, draw={**DRAW, "arms": ["student"]}, vary="mine/late", strengths=[-1, 0, 1])
    assert any(notice.startswith("The prompt itself states time") for notice in stated["notices"])


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"vary": "mine/none"}, "There is no adapter 'mine/none'"),
        ({"vary": "nano/size"}, "nano/size is for models of 32 pixels"),
        ({"vary": "mine/big", "strengths": []}, "Strengths  do not fit; 1 to 13"),
        ({"vary": "mine/big", "strengths": [0, 11]}, "of at most 10 would"),
        ({"vary": "mine/big", "draw": {**DRAW, "adapters": ["mine/big"]}}, "mine/big is both held and varied"),
        ({"vary": "mine/big", "draw": {**DRAW, "seeds": "64"}, "strengths": list(range(-6, 7))}, "2,496 pictures were asked for"),
    ],
)
def test_what_does_not_fit_is_one_sentence(shelf: Jobs, request_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        shelf.submit("control", {"draw": DRAW, **request_})


def test_a_merged_model_is_listed_and_draws_what_the_adapter_draws(shelf: Jobs, warm: ModelCache) -> None:
    done = execute(shelf, warm, "adapter", action="merge", model=PAIR, name="larger", adapters=["mine/big=3"])
    assert done["id"] == "mine/larger"
    entry = load_registry(shelf.paths).get("mine/larger")
    assert (entry.role, entry.teacher, entry.available) == ("student", "tiny/teacher", True)
    worn = execute(shelf, warm, "compare", **{**DRAW, "arms": ["student"], "adapters": ["mine/big=3"]})
    merged = execute(shelf, warm, "compare", **{**DRAW, "arms": ["student"], "pair": "mine/larger"})
    pixels = [
        np.asarray(Image.open(shelf.artifact(r["run"], r["arms"][0]["images"][0]["path"]))).astype(int) for r in (worn, merged)
    ]
    assert abs(pixels[0] - pixels[1]).max() <= 1
    teacher = execute(shelf, warm, "adapter", action="merge", model="tiny/teacher", name="larger", adapters=["mine/big=1"])
    assert teacher["id"] == "mine/larger-2"
    assert load_registry(shelf.paths).get("mine/larger-2").role == "teacher"


def test_files_go_out_and_come_back_through_jobs(shelf: Jobs, warm: ModelCache) -> None:
    from studio.library.hint_uses import uploads

    for layout in ("diffusers", "kohya", "peft"):
        out = execute(shelf, warm, "adapter", action="export", adapter="mine/big", layout=layout, strip=True)
        weights = next(f for f in out["files"] if f.endswith(".safetensors"))
        uploads(shelf.paths).mkdir(exist_ok=True)
        (uploads(shelf.paths) / f"{layout}.safetensors").write_bytes(shelf.artifact(out["run"], weights).read_bytes())
        if layout == "peft":
            continue  # a PEFT folder's scale is in its adapter_config.json, which a lone file has not
        back = execute(
            shelf, warm, "adapter", action="import", file=f"{layout}.safetensors", name=f"from-{layout}", model="tiny/teacher"
        )
        assert back["id"] == f"mine/from-{layout}"
        assert (uploads(shelf.paths) / f"{layout}.safetensors").exists()
    uses = [f"mine/{name}=1" for name in ("from-diffusers", "from-kohya")]
    first, second = (execute(shelf, warm, "compare", **{**DRAW, "arms": ["student"], "adapters": [use]}) for use in uses)
    images = [shelf.artifact(r["run"], r["arms"][0]["images"][0]["path"]) for r in (first, second)]
    assert (np.asarray(Image.open(images[0])) == np.asarray(Image.open(images[1]))).all()


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"action": "merge", "model": PAIR, "name": "x"}, "To merge, adapters must be given."),
        ({"action": "import", "name": "x", "model": PAIR, "file": "../../etc/passwd"}, "without a path"),
        ({"action": "burn"}, "import"),
    ],
)
def test_a_wish_that_is_not_whole_is_refused(shelf: Jobs, request_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        shelf.submit("adapter", request_)


def test_a_wrong_file_is_one_sentence(shelf: Jobs, warm: ModelCache) -> None:
    from studio.library.hint_uses import uploads

    uploads(shelf.paths).mkdir(exist_ok=True)
    (uploads(shelf.paths) / "bad.safetensors").write_bytes(b"not one")
    run_id = shelf.submit("adapter", {"action": "import", "file": "bad.safetensors", "name": "x", "model": PAIR})
    state, note = run_job(shelf.paths.run(run_id), models=warm, registry=load_registry(shelf.paths))
    assert state == "failed"
    assert note.count(".") <= 3 and "bad.safetensors" in note
    assert (uploads(shelf.paths) / "bad.safetensors").read_bytes() == b"not one"


def test_an_import_takes_away_the_copy_made_for_it_and_no_other_file(shelf: Jobs, warm: ModelCache, tmp_path: Path) -> None:
    from studio.library.adapters import copies, copy_in

    out = execute(shelf, warm, "adapter", action="export", adapter="mine/big", layout="diffusers")
    own = shelf.artifact(out["run"], next(f for f in out["files"] if f.endswith(".safetensors")))
    names = [copy_in(shelf.paths, own) for _ in range(2)]
    execute(shelf, warm, "adapter", action="import", file=names[0], name="copied", model="tiny/teacher")
    assert [path.name for path in copies(shelf.paths).iterdir()] == [names[1]]
    os.utime(copies(shelf.paths) / names[1], (0, 0))  # a copy whose import never began
    newest = copy_in(shelf.paths, own)
    assert [path.name for path in copies(shelf.paths).iterdir()] == [newest]
    assert own.is_file()
