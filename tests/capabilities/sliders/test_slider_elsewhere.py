"""Sliders of models of no known world, SD- and SDXL-shaped: words of a person's own, folders of pictures, features."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from studio.capabilities.adapters.commands import app
from studio.capabilities.sliders import measure, task
from studio.capabilities.sliders.request import PLAIN_LINES
from studio.core.domain import told
from studio.families import open_model
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library.adapters import load_adapters
from studio.library.models import load_registry
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.support import tiny_models
from tests.support.fixtures import TOY, list_models

SMALL = {"text": {"batch": 2, "grid": 2}, "pairs": {"batch": 2},
         "direction": {"batch": 2, "samples": 32, "sample_steps": 2}}  # fmt: skip
SHAPES: dict[str, Any] = {"sd15/teacher": tiny_models.sd_pipeline, "sdxl/teacher": tiny_models.sdxl_pipeline}


def request(**fields: Any) -> dict[str, Any]:
    method = fields.get("method", "text")
    words = {"negative": "young", "positive": "old"} if method == "text" else {}
    return {"name": "mover", "base": "sd15/teacher", "method": method, "steps": 4, "sample_every": 0,
            "settings": SMALL.get(method, {}), **words, **fields}  # fmt: skip


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    for name, make in SHAPES.items():
        make(root / "parts" / name).save_pretrained(root / name)
    return root


@pytest.fixture
def hall(jobs: Jobs, shapes: Path, weights: Path, objectives_file: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """Jobs with one model of either shape and the tiny pair of Pocket World; pictures of two steps, for one prompt."""
    monkeypatch.setattr(measure, "TEACHER_STEPS", 2)
    monkeypatch.setattr(task, "N_PROMPTS", 1)
    monkeypatch.setenv("STUDIO_OBJECTIVES", TOY)
    monkeypatch.setenv("STUDIO_PERCEPTUAL", "none")
    list_models(jobs, weights)
    for name in SHAPES:
        entry = {"id": name, "title": name, "role": "teacher", "domain": "image", "size": 16, "folder": str(shapes / name)}
        (jobs.paths.models / f"{name.split('/')[0]}.yaml").write_text(json.dumps(entry))
    shutil.copy(objectives_file, jobs.paths.cache / "objectives.json")
    return jobs


def pictures(root: Path, levels: tuple[str, ...] = ("low", "high"), n: int = 3, size: tuple[int, int] = (40, 30)) -> Path:
    """n pictures at every level, brighter at higher ones; JPEG and PNG."""
    for k, level in enumerate(levels):
        (root / level).mkdir(parents=True)
        for i in range(n):
            noise = np.random.default_rng(i).integers(0, 90, (size[1], size[0], 3))
            Image.fromarray((noise + 150 * k // max(1, len(levels) - 1)).astype("uint8")).save(root / level / f"{i}.png")
    return root


def outputs(model: Any, scales: tuple[float, ...], file: Path) -> list[torch.Tensor]:
    """Of the bare network, then with the adapter at each scale."""
    model.load_adapter("tried", file)
    x = torch.randn(2, *model.shape, generator=torch.Generator().manual_seed(5))
    found = []
    for scale in (0.0, *scales):
        model.use_adapters([("tried", scale)] if scale else ())
        with torch.no_grad():
            found.append(model.denoiser.network(x, torch.tensor([500.0, 500.0]), model.encode(told(["a house", "a cat"]))))
    model.use_adapters(())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("base", SHAPES)
def test_words_train_on_either_shape_and_the_file_moves_both_ways(hall: Jobs, shapes: Path, base: str) -> None:
    from diffusers import DiffusionPipeline

    run_id = hall.submit("slider", request(base=base, preserve=["red", "blue"], sample_every=2, steps=8, title="Young to old"))
    assert here(hall, run_id) == ("done", "")
    strips = of_kind(hall, run_id, "strip")
    assert [(s["step"], s["count"], s["strengths"]) for s in strips] == [(n, 5, [-2, -1, 0, 1, 2]) for n in (0, 2, 4, 6, 8)]
    assert strips[0]["prompts"] == ["a red person"]
    entry = load_adapters(hall.paths).get("mine/mover")
    assert (entry.available, entry.domain, entry.base, entry.card["attribute"]) == (True, "image", base, "young to old")
    assert entry.calibration == 1.0 and not of_kind(hall, run_id, "response")
    assert entry.card["note"] == f"Nobody reads what it moves on {base}, so nothing was measured and strength 1 is scale 1."
    result = hall.result(run_id)
    assert result is not None and entry.card["note"] in result["notices"]
    registry = load_registry(hall.paths)
    assert {name: entry.fits(registry.get(name)) for name in (*SHAPES, "tiny/teacher")} == {
        **{name: name == base for name in SHAPES}, "tiny/teacher": False}  # fmt: skip

    model = open_model(shapes / base)
    bare, up, down = outputs(model, (1.0, -1.0), entry.file)
    assert (up - bare).abs().max() > 1e-4
    assert torch.cosine_similarity((up - bare).flatten(), (down - bare).flatten(), 0) < -0.5
    pipe = DiffusionPipeline.from_pretrained(shapes / base)
    pipe.load_lora_weights(entry.folder, weight_name=entry.file.name)
    x = torch.randn(2, *model.shape, generator=torch.Generator().manual_seed(5))
    cond = model.encode(told(["a house", "a cat"]))
    more = {}
    if "pooled" in cond:
        more = {"added_cond_kwargs": {"text_embeds": cond["pooled"], "time_ids": cond["time_ids"]}}
    with torch.no_grad():
        plain = pipe.unet(x, torch.tensor([500.0, 500.0]), encoder_hidden_states=cond["states"], **more).sample
    assert torch.allclose(plain, up, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("base", SHAPES)
def test_pictures_train_on_either_shape_and_are_encoded_once(hall: Jobs, base: str) -> None:
    folder = pictures(hall.paths.root / "uploads" / "days", ("-1", "-0.5", "1"))
    run_id = hall.submit("slider", request(base=base, method="pairs", pairs="days", prompts=["a street"]))
    assert hall.get(run_id).title == f"mover: pictures of days by pairs on {base}, 4 steps"
    assert here(hall, run_id) == ("done", "")
    (kept,) = hall.paths.cache.glob("material/*/pictures-*.safetensors")
    stamp = kept.stat().st_mtime_ns
    assert here(hall, hall.submit("slider", request(base=base, method="pairs", pairs=str(folder), name="again"))) == ("done", "")
    assert kept.stat().st_mtime_ns == stamp, "the same pictures, by another name of the folder"
    card = load_adapters(hall.paths).get("mine/again").card
    assert (card["attribute"], card["prompts"]) == ("pictures of days", [])


@pytest.mark.slow
def test_a_run_that_is_stopped_and_resumed_ends_as_one_that_was_not(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all of SDXL's conditions, and blocks that are computed twice, which changes nothing."""
    fields = {"base": "sdxl/teacher", "trainer": {"checkpoint_every": 1}}
    straight = hall.submit("slider", request(name="straight", **fields))
    assert here(hall, straight) == ("done", "")
    twice = hall.submit("slider", request(name="twice", base="sdxl/teacher", trainer={"checkpointing": True}))
    assert here(hall, twice) == ("done", "")
    assert_equal(checkpoint(hall, twice)["ema"], checkpoint(hall, straight)["ema"])
    run_id = hall.submit("slider", request(name="broken-off", **fields, sample_every=2))
    draw = measure.SliderMeasurement.draw

    def stop(self: Any, *args: Any) -> torch.Tensor:
        if of_kind(hall, run_id, "strip"):
            hall.stop(run_id)
        return draw(self, *args)

    monkeypatch.setattr(measure.SliderMeasurement, "draw", stop)
    assert here(hall, run_id) == ("stopped", "Stopped at step 2 of 4; a checkpoint is saved.")
    monkeypatch.setattr(measure.SliderMeasurement, "draw", draw)
    hall.resume(run_id)
    assert here(hall, run_id) == ("done", "")
    assert_equal(checkpoint(hall, run_id), checkpoint(hall, straight))


def test_pictures_on_pocket_world_are_measured_where_it_is_said_what_they_show(hall: Jobs) -> None:
    pictures(hall.paths.root / "uploads" / "sizes")
    fields: dict[str, Any] = {"base": "tiny/teacher", "method": "pairs", "pairs": "sizes", "measure_seeds": 2}
    with pytest.raises(ValueError, match="'a small house' states the size, which the slider moves"):
        hall.submit("slider", request(**fields, attribute="size", prompts=["a small house"]))
    run_id = hall.submit("slider", request(**fields, attribute="size"))
    assert here(hall, run_id) == ("done", "")
    assert {row["unit"] for row in of_kind(hall, run_id, "response")} == {"of the picture's side"}
    run_id = hall.submit("slider", request(**fields, name="unsaid", prompts=["a house"]))
    assert here(hall, run_id) == ("done", "")
    assert not of_kind(hall, run_id, "response")


def test_a_direction_needs_something_that_sees(hall: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.tiny_encoders import save_eye

    fields = request(method="direction", prompts=["a house", "a tree"])
    state, note = here(hall, hall.submit("slider", fields))
    assert state == "failed"
    assert "no perceptual encoder is installed, so there are no features to find directions in" in note and "\n" not in note
    monkeypatch.setenv("STUDIO_PERCEPTUAL", str(save_eye(tmp_path / "eye", "CLIPVisionModelWithProjection")))
    assert here(hall, hall.submit("slider", {**fields, "name": "seen"})) == ("done", "")
    card = load_adapters(hall.paths).get("mine/seen").card
    assert (card["kind"], card["unit"]) == ("direction", "standard deviations of the base's own spread")
    row = card["measured"]["models"]["sd15/teacher"]
    assert card["calibration"] == row["scale"] > 0 and row["accuracy_change"] is None and row["moved"] == {}
    told = CliRunner().invoke(app, ["show", "mine/seen", "--data-dir", str(hall.paths.root)])
    assert told.exception is None and "sd15/teacher" in told.output and "points at worst" not in told.output


def test_what_an_encoder_sees_has_a_gradient_and_is_what_it_reads(shapes: Path, tmp_path: Path) -> None:
    from studio.capabilities.sliders.features_of_samples import sight
    from studio.families.perceptual import open_reader
    from tests.support.tiny_encoders import save_eye

    model = open_model(shapes / "sdxl" / "teacher")
    reader = open_reader(save_eye(tmp_path / "eye", "Dinov2Model"), "eye")
    latents = torch.randn(3, *model.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    seen = sight(model, reader)(latents, {})
    assert torch.allclose(seen, reader.read(model.decode(latents.detach())), atol=1e-4)
    (gradient,) = torch.autograd.grad(seen[:, 0].sum(), latents)
    assert gradient.isfinite().all() and (gradient.flatten(1).abs().sum(1) > 0).all()


def test_words_are_measured_where_a_clip_reads_them(hall: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.tiny_encoders import save_clip

    monkeypatch.setenv("STUDIO_PERCEPTUAL", str(save_clip(tmp_path / "clip")))
    run_id = hall.submit("slider", request(base="sdxl/teacher", measure_seeds=2))
    assert here(hall, run_id) == ("done", "")
    card = load_adapters(hall.paths).get("mine/mover").card
    row = card["measured"]["models"]["sdxl/teacher"]
    assert [point["strength"] for point in row["points"]] == [-1, -0.5, 0, 0.5, 1]
    assert row["unit"] == "CLIP points (100 × cosine), one end minus the other" and row["slope"]["value"] is not None
    assert all(point["accuracy"] is None for point in row["points"]), "nobody reads it"
    assert card["calibration"] == 1.0 and card["note"].startswith("Read by CLIP text score (clip), which does not know")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"positive": "", "negative": ""}, "needs something to move"),
    ({"positive": ""}, "Only 'young' was given; words of both ends would fit."),
    ({"positive": "young"}, "Both ends say 'young'; two that differ would fit"),
    ({"attribute": "size"}, "Attributes like 'size' are of a known world, and sd15/teacher is of the domain image"),
    ({"preserve": [f"word{i}" for i in range(60)]}, "These prompts, each with every word to preserve, are 600; up to 512 fit."),
    ({"pairs": "days"}, "The folder 'days' was given, and text takes none; pairs take a folder."),
    ({"method": "pairs"}, "needs something to move"),
    ({"method": "pairs", "pairs": "days", "preserve": ["red"]}, "'red' was to be preserved; text does."),
    ({"method": "pairs", "pairs": "/etc"}, "'/etc' is no folder of pictures here"),
    ({"method": "pairs", "pairs": "/nowhere/at/all"}, "'/nowhere/at/all' is no folder of pictures here"),
    ({"method": "pairs", "pairs": "../runs"}, "'../runs' is no folder of pictures here"),
    ({"method": "pairs", "pairs": "out"}, "'out' is no folder of pictures here"),
    ({"method": "pairs", "pairs": "."}, "'.' is no folder of pictures here"),
    ({"method": "pairs", "pairs": "a\0b"}, "is no folder of pictures here"),
    ({"method": "pairs", "pairs": "~x/y"}, "is no folder of pictures here"),
    ({"method": "pairs", "pairs": "x" * 900}, "400"),
    ({"method": "pairs", "pairs": "x" * 399}, "There is no folder"),
    ({"method": "pairs", "pairs": "gone"}, "There is no folder 'gone'"),
    ({"method": "pairs", "pairs": "flat"}, "'flat' has no folders; levels below and above 0, like low and high, would fit."),
    ({"method": "pairs", "pairs": "half"}, "'half' has 0, 1; levels below and above 0"),
    ({"method": "pairs", "pairs": "odd"}, "'middle' in 'odd' is no level"),
    ({"method": "pairs", "pairs": "nan"}, "'nan' in 'nan' is no level"),
    ({"method": "pairs", "pairs": "same"}, "-1 and low in 'same' are the same level"),
    ({"method": "pairs", "pairs": "names"}, "high of 'names' has no '1.png', which another level has"),
    ({"method": "pairs", "pairs": "none"}, "The folders of 'none' hold no pictures"),
    ({"method": "pairs", "pairs": "sizes"}, "The pictures '0.png' of 'sizes' have 30 × 40 and 40 × 30 pixels"),
    ({"method": "pairs", "pairs": "text"}, "'0.png' in low is no picture that can be read"),
    ({"method": "pairs", "pairs": "tiny"}, "'0.png' has 40 × 4 pixels; sides from 16"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED, ids=[words[:30] for _, words in REFUSED])
def test_a_misfit_is_one_sentence(hall: Jobs, fields: dict[str, Any], words: str, tmp_path: Path) -> None:
    root = hall.paths.root / "uploads"
    root.mkdir()
    os.symlink(pictures(tmp_path / "private"), root / "out")
    made = {"days": ("low", "high"), "half": ("0", "1"), "odd": ("low", "high", "middle"), "nan": ("nan", "1"),
            "same": ("-1", "low", "high"), "names": ("low", "high"), "none": ("low", "high"), "sizes": ("low", "high"),
            "text": ("low", "high")}  # fmt: skip
    for name, levels in made.items():
        pictures(root / name, levels, n=0 if name == "none" else 2)
    pictures(root / "tiny", size=(40, 4))
    (root / "flat").mkdir()
    (root / "names" / "high" / "1.png").unlink()
    (root / "text" / "low" / "0.png").write_text("no picture")
    Image.new("RGB", (30, 40)).save(root / "sizes" / "low" / "0.png")
    with pytest.raises(ValueError) as refused:
        hall.submit("slider", request(**fields))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400
    assert str(hall.paths.root) not in str(refused.value)


def test_folders_that_the_studio_was_given_may_be_named(hall: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = pictures(tmp_path / "mine" / "days")
    fields = request(method="pairs", pairs=str(folder))
    with pytest.raises(ValueError, match="is no folder of pictures here"):
        hall.submit("slider", fields)
    monkeypatch.setenv("STUDIO_PICTURES", os.pathsep.join([str(tmp_path / "other"), str(tmp_path / "mine")]))
    assert hall.submit("slider", fields)


@pytest.mark.parametrize(
    ("change", "words"), [({"time_cond_proj_dim": 8}, "takes the guidance scale as an input"), ({"in_channels": 9}, "inpainting")]
)
def test_networks_with_other_inputs_are_refused(
    hall: Jobs, shapes: Path, tmp_path: Path, change: dict[str, int], words: str
) -> None:
    shutil.copytree(shapes / "sd15" / "teacher", tmp_path / "copy")
    config = tmp_path / "copy" / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    file = hall.paths.models / "sd15.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), "folder": str(tmp_path / "copy")}))
    with pytest.raises(ValueError, match=words):
        hall.submit("slider", request())


@pytest.mark.parametrize("name", ["sd15-age", "sdxl-smile"])
def test_a_preset_can_be_submitted_where_its_model_is_listed(hall: Jobs, name: str) -> None:
    kind, config = read_spec_file(PRESETS / "jobs" / "sliders" / f"{name}.yaml")
    run_id = hall.submit(kind, config)
    assert hall.get(run_id).title.startswith(f"{name}: ") and "{}" not in hall.get(run_id).title
    assert config["base"] == f"{name.split('-')[0]}/teacher"


def test_the_number_of_plain_prompts_is_that_of_their_list() -> None:
    from studio.workshop.material.prompt_pairs import LINES

    assert len(LINES) == PLAIN_LINES
