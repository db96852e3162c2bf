"""Smaller students of transformers: which blocks stay, that they begin as their teacher's, and folders that diffusers opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, SD3Transformer2DModel

from studio.core.domain import told
from studio.core.footprint import Smaller
from studio.core.rng import INITIAL, noise
from studio.families import check_smaller, describe, footprint, open_model
from studio.families.transformer.smaller import make_smaller, smaller_config
from tests.families.test_transformers import PROMPTS, SEEDS, TOLERANCE, drawn, saved
from tests.families.test_transformers_adapters import grid
from tests.families.test_transformers_taught import Captions, drawn_in_one_step
from tests.support.edits import equal, outputs
from tests.support.tiny_transformers import PIPELINES

FEWER = Smaller("layers")


@pytest.mark.parametrize("name", ["sd3", "schnell", "pixart"])
def test_a_smaller_student_is_taught_and_opened(name: str, tmp_path: Path) -> None:
    from studio.core.method import Streams
    from studio.core.trainer import Trainer, TrainerConfig
    from studio.methods.distill import METHODS

    more = {"num_layers": 3, **({"num_single_layers": 4} if name == "schnell" else {})}
    _, model = saved(PIPELINES[name](tmp_path, **more), tmp_path / "model")
    bare = outputs(model)
    check_smaller(model.folder, FEWER, "m")
    denoiser = model.trainable(smaller=FEWER)
    network: Any = denoiser.network
    had, has = network.get_submodule("transformer"), network.student().get_submodule("transformer")
    assert [len(part.transformer_blocks) for part in (had, has)] == [3, 2]
    for new, old in enumerate((0, 2)):
        theirs = dict(had.transformer_blocks[old].named_parameters())
        assert all(torch.equal(weight, theirs[at]) for at, weight in has.transformer_blocks[new].named_parameters())
    if name == "schnell":
        theirs = dict(had.single_transformer_blocks[1].named_parameters())
        assert all(torch.equal(w, theirs[at]) for at, w in has.single_transformer_blocks[0].named_parameters())
    assert footprint(model.folder, smaller=FEWER).parameters == sum(p.numel() for p in has.parameters())
    cls = METHODS.get("lcm")
    method = cls(cls.Config(batch=2, grid=4, timesteps=grid(model, 2)), Streams(1), denoiser, Captions(model))
    trainer = Trainer(method, TrainerConfig(steps=2, warmup=0, precision="fp32"))
    assert list(trainer.run()) and trainer.skipped == 0 and equal(outputs(model), bare)
    model.save_student(tmp_path / "student", trainer.ema["student"].module, method, "mine/teacher", {"what": "a student"})
    assert describe(tmp_path / "student").reason == ""
    assert [file for file in (tmp_path / "student").rglob("*.json") if str(tmp_path) in file.read_text()] == []
    student: Any = open_model(tmp_path / "student", "s")
    pipe: Any = DiffusionPipeline.from_pretrained(tmp_path / "student")
    pipe.set_progress_bar_config(disable=True)
    x, cond = noise(SEEDS, INITIAL, model.shape), student.encode(told(PROMPTS))
    with torch.no_grad():
        asked = student.denoiser.network(x, torch.tensor([500.0, 500.0]), cond)
        assert torch.allclose(asked, method.student.network(x, torch.tensor([500.0, 500.0]), cond), atol=0.05)
    assert float((drawn_in_one_step(student) - drawn(pipe, x, 1, 1.0)).abs().max()) < TOLERANCE


def test_blocks_that_attend_twice_are_counted_anew() -> None:
    network = SD3Transformer2DModel(
        sample_size=8, in_channels=4, out_channels=4, num_layers=4, attention_head_dim=8, num_attention_heads=4,
        joint_attention_dim=32, caption_projection_dim=32, pooled_projection_dim=28, pos_embed_max_size=8,
        dual_attention_layers=(0, 1, 3), qk_norm="rms_norm",
    )  # fmt: skip
    small = make_smaller(network, FEWER)
    assert list(small.config["dual_attention_layers"]) == [0, 1] and small.config["num_layers"] == 2
    theirs = dict(network.transformer_blocks[3].named_parameters())
    assert all(torch.equal(weight, theirs[at]) for at, weight in small.transformer_blocks[1].named_parameters())


def test_what_cannot_be_cut_is_one_sentence(tmp_path: Path) -> None:
    config = {"num_layers": 1}
    with pytest.raises(ValueError, match="m has one block, so there is no second one to leave out; the form full would fit"):
        smaller_config(config, FEWER, "m")
    folder = tmp_path / "model"
    saved(PIPELINES["sd3-without-t5"](tmp_path), folder)
    assert json.loads((folder / "transformer" / "config.json").read_text())["num_layers"] == 2
    for form in (Smaller("middle"), Smaller("middle and layers"), Smaller("nothing", 0.5)):
        with pytest.raises(ValueError, match="m is a transformer and has no .*; leaving layers out at a width of 1 would fit"):
            check_smaller(folder, form, "m")
