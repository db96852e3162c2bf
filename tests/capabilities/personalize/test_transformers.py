"""Personalizing a Flux- and an SD3-shaped base and a student of one, as jobs; what was learned is worn in Compare and Control."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio.families import open_model
from studio.jobs.jobs import Jobs
from studio.library.adapters import load_adapters
from studio.library.adding import Wish, add_model
from studio.library.models import load_registry
from studio.library.stock import open_jobs
from studio.library.subjects import keep
from studio.worker import run_job
from studio.workshop import arms_measured
from studio.workshop.open_models import ModelCache
from tests.library.test_transformer_students import RECIPE, lora
from tests.support.fixtures import states
from tests.support.tiny_transformers import PIPELINES


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setattr(arms_measured, "TEACHER_STEPS", 2)
    monkeypatch.setenv("STUDIO_PERCEPTUAL", "none")
    jobs = open_jobs(tmp_path / "data")
    shots = [(f"{i}.png", Image.new("RGB", (32, 32), (40 * i, 90, 10))) for i in range(1, 4)]
    about: Any = {
        "title": "Mug",
        "kind": "thing",
        "noun": "mug",
        "word": "<mug>",
        "domain": "image",
        "captions": {f"{i}.png": "a {}" for i in range(1, 4)},
    }
    keep(jobs.paths, "mug", shots, consent=True, **about)
    return jobs


def pictures(studio: Jobs, run: str) -> dict[str, list[bytes]]:
    result = studio.result(run)
    assert result is not None
    return {
        row["arm"]: [Image.open(studio.artifact(run, one["path"])).tobytes() for one in row["images"]] for row in result["arms"]
    }


def done(studio: Jobs, kind: str, warm: ModelCache, **asked: Any) -> Any:
    """The result of a run to its end; of comparisons the pictures."""
    run = studio.submit(kind, asked)
    run_job(studio.paths.run(run), models=warm, registry=load_registry(studio.paths))
    assert states(studio, run)[-1] == "done", (studio.paths.run(run) / "log.txt").read_text()
    return pictures(studio, run) if kind == "compare" else studio.result(run)


@pytest.mark.parametrize("kind", ["sd3", "dev"])
def test_a_subject_is_taught_and_worn(kind: str, studio: Jobs, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    PIPELINES[kind](tmp_path / "parts").save_pretrained(tmp_path / "base")
    save_file(lora(kind, "peft"), tmp_path / "fast-lora.safetensors")
    add_model(studio.paths, Wish(given=str(tmp_path / "base"), id="tiny/base", size=16))
    teacher_hash = open_model(tmp_path / "base", "tiny/base").hash
    fast = Wish(given=str(tmp_path / "fast-lora.safetensors"), id="tiny/fast", base="tiny/base",
                recipe={**RECIPE, "teacher_hash": teacher_hash}, scale=0.5)  # fmt: skip
    add_model(studio.paths, fast)
    warm = ModelCache("cpu")
    how = {"subject": "mine/mug", "steps": 2, "n_kept": 12, "measure_seeds": 4, "settings": {"batch": 2}}
    joint = 'cross-attention keys and values here, and in tiny/base text and image share one attention; .*"attention" would fit'
    words = {"forget": "cat", "becomes": "dog"}
    alone = "layers that read the text alone, and in tiny/base text and image share one attention; concept-ablation would fit"
    for asked, of, method, why in (
        ("personalize", how, "custom-diffusion", joint),
        ("unlearn", words, "esd", joint),
        ("unlearn", words, "uce", alone),
    ):
        with pytest.raises(ValueError, match=f"The method {method} changes {why}"):
            studio.submit(asked, {**of, "name": "none", "base": "tiny/base", "method": method})
    for base, method in (("tiny/base", "dreambooth-replay"), ("tiny/fast", "own-timesteps")):
        name = f"mug-{base.partition('/')[2]}"
        made = done(studio, "personalize", warm, name=name, base=base, method=method, **how)
        assert made["word"] == "<mug>"
        entry = load_adapters(studio.paths).get(f"mine/{name}")
        assert entry.available and entry.fits(load_registry(studio.paths).get("tiny/base"))
    draw = {"pair": "tiny/fast", "arms": ["teacher", "student", "hybrid-1"], "seeds": "0-1", "teacher_steps": 2}
    bare = done(studio, "compare", warm, prompt="a b", **draw)
    worn = done(studio, "compare", warm, prompt="a b", **draw, adapters=["mine/mug-base=1"])
    said = done(studio, "compare", warm, prompt="a <mug>", **draw, adapters=["mine/mug-base=1"])
    assert set(bare) == set(draw["arms"]) and all(bare[arm] != worn[arm] != said[arm] for arm in bare)
    board = done(studio, "control", warm, draw={"prompt": "a <mug>", **draw}, vary="mine/mug-fast", strengths=[0, 1])
    cells = {(cell["arm"], cell["strength"]): [one["path"] for one in cell["images"]] for cell in board["cells"]}
    assert all(cells[arm, 0.0] and cells[arm, 1.0] for arm in bare) and board["adapter"]["id"] == "mine/mug-fast"
