"""ControlNets from elsewhere: what is brought draws as diffusers' own pipelines draw with it, and what does not fit is said."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    FluxControlNetModel,
    LCMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionXLControlNetPipeline,
    T2IAdapter,
)
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner

from studio.cli.app import app
from studio.core.domain import told
from studio.core.rng import INITIAL, noise
from studio.families import open_model
from studio.jobs.jobs import Jobs
from studio.jobs.paths import ROOT
from studio.library.bringing_controlnets import bring, look_at, proposed
from studio.library.controlnets import load_controlnets, remove
from studio.library.hint_uses import uploads
from studio.library.models import load_registry
from studio.sampling import grids
from studio.sampling.hinted import with_hint, with_pictures
from studio.sampling.loop import finished, sample
from studio.sampling.plan import teacher_plan
from studio.sampling.prompts import encode_once
from studio.workshop.open_models import ModelCache
from tests.capabilities.control.test_control import execute
from tests.families.test_controlnets import CHANNELS, shaken
from tests.support import tiny_models
from tests.support.original_layout import layout_of, of_control, true_shapes, write, write_header

SEEDS, PROMPT, TOLERANCE = [4, 9], "a red boat", 1e-4
PIPELINES = {"sd1": StableDiffusionControlNetPipeline, "sdxl": StableDiffusionXLControlNetPipeline}


class Made:
    """A random model, a random ControlNet of its shape in every form that people have one in, and the configs of its base."""

    def __init__(self, folder: Path, layout: str):
        self.layout, self.folder = layout, folder
        self.pipe = tiny_models.sd_pipeline(folder) if layout == "sd1" else tiny_models.sdxl_pipeline(folder)
        self.pipe.save_pretrained(folder / "model")
        self.layouts = layout_of(folder / "model", folder / "layouts", layout)
        self.control = ControlNetModel.from_unet(self.pipe.unet, conditioning_embedding_out_channels=CHANNELS).eval()
        shaken(self.control, by=0.2)
        self.control.save_pretrained(folder / "my-canny")
        self.forms = {
            "folder": folder / "my-canny",
            "diffusers": write(folder / "canny-one.safetensors", self.control.state_dict()),
            "original": write(folder / "bare" / "canny.safetensors", of_control(self.control)),
            "prefixed": write(folder / "canny-two.safetensors", self.prefixed()),
        }

    def prefixed(self) -> dict[str, Tensor]:
        """As it is published beside a checkpoint, of which nothing is to be read."""
        named = {f"control_model.{name}": tensor for name, tensor in of_control(self.control).items()}
        return named | {"model.diffusion_model.out.2.bias": torch.full((4,), torch.nan)}


@pytest.fixture(scope="module", params=["sd1", "sdxl"])
def made(request: Any, tmp_path_factory: Any) -> Made:
    return Made(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def sd1(tmp_path_factory: Any) -> Made:
    return Made(tmp_path_factory.mktemp("sd1-alone"), "sd1")


def theirs(made: Made, scheduler: Any, hint: Tensor, scale: float, steps: int, guidance: float) -> Tensor:
    parts = {name: part for name, part in made.pipe.components.items() if name not in ("image_encoder",)}
    pipe = PIPELINES[made.layout](**{**parts, "scheduler": scheduler, "controlnet": made.control})
    pipe.set_progress_bar_config(disable=True)
    side = 16
    found = pipe(
        [PROMPT] * 2,
        image=hint,
        num_inference_steps=steps,
        guidance_scale=guidance,
        height=side,
        width=side,
        latents=noise(SEEDS, INITIAL, (4, 8, 8)),
        controlnet_conditioning_scale=scale,
        output_type="latent",
    )
    return found.images


@pytest.mark.parametrize("form", ["folder", "diffusers", "original", "prefixed"])
def test_it_draws_what_diffusers_draws(made: Made, form: str, jobs: Jobs) -> None:
    entry = bring(jobs.paths, made.forms[form], form, "canny", layouts=made.layouts)
    assert (entry.id, entry.hint, entry.available) == (f"mine/{form}", "canny", True)
    model = open_model(made.folder / "model", "m")
    model.load_control("c", entry.path)
    hint = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    drawn = {}
    for scale in (0.0, 0.5, 1.0):
        plan = with_hint(teacher_plan("m", grids.leading(4, offset=1), "ddim", 3.0), "c", scale)
        conds = with_pictures(encode_once({"m": model}, told([PROMPT])), {"c": hint})
        drawn[scale] = finished(sample(plan.model_copy(update={"final_t": 0.0}), {"m": model}, conds, SEEDS, model.shape))
        scheduler = DDIMScheduler.from_config(tiny_models.scheduler().config, timestep_spacing="leading")
        expected = theirs(made, scheduler, torch.cat([hint] * 2), scale, 4, 3.0)
        assert float((drawn[scale] - expected).abs().max()) < TOLERANCE, scale
    assert float((drawn[1.0] - drawn[0.0]).abs().max()) > 0.05, "the picture is followed"


@pytest.mark.parametrize("form", ["folder", "original"])
def test_a_student_draws_what_diffusers_draws_with_its_scheduler(
    made: Made, form: str, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    import diffusers.schedulers.scheduling_lcm as lcm

    entry = bring(jobs.paths, made.forms[form], form, layouts=made.layouts)
    model = open_model(made.folder / "model", "m")
    model.load_control("c", entry.path)
    hint = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    position = iter(range(4))
    monkeypatch.setattr(lcm, "randn_tensor", lambda shape, **_: noise(SEEDS, next(position), shape[1:]))
    plan = with_hint(teacher_plan("m", grids.lcm(4), "lcm", 1.0), "c", 0.5)
    conds = with_pictures(encode_once({"m": model}, told([PROMPT])), {"c": hint})
    ours = finished(sample(plan.model_copy(update={"final_t": -1.0}), {"m": model}, conds, SEEDS, model.shape))
    scheduler = LCMScheduler.from_config(tiny_models.scheduler().config, set_alpha_to_one=True)
    assert float((ours - theirs(made, scheduler, torch.cat([hint] * 2), 0.5, 4, 1.0)).abs().max()) < TOLERANCE


def listed(jobs: Jobs, made: Made) -> None:
    """A teacher and a student of the base, in pictures of which no world is known."""
    other = tiny_models.sd_pipeline(made.folder / "other", seed=5)
    other.save_pretrained(made.folder / "student")
    recipe = {
        "teacher": "tiny/teacher",
        "teacher_hash": "",
        "timesteps": [999, 749, 499, 249],
        "rule": "lcm",
        "prediction": "eps",
        "valid_steps": [4],
    }
    for name, more in (
        ("teacher", {"role": "teacher"}),
        ("student", {"role": "student", "teacher": "tiny/teacher", "recipe": recipe}),
    ):
        folder = str(made.folder / ("model" if name == "teacher" else name))
        about = {"id": f"tiny/{name}", "title": name, "domain": "plain", "size": 16, "folder": folder, **more}
        (jobs.paths.models / f"{name}.yaml").write_text(json.dumps(about))


def test_teacher_student_and_hybrid_follow_a_picture_as_it_is(sd1: Made, jobs: Jobs) -> None:
    listed(jobs, sd1)
    entry = bring(jobs.paths, sd1.forms["original"], hint="canny", layouts=sd1.layouts)
    registry = load_registry(jobs.paths)
    assert all(entry.fits(registry.get(f"tiny/{name}")) for name in ("teacher", "student"))
    uploads(jobs.paths).mkdir()
    pixels = np.random.default_rng(1).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(uploads(jobs.paths) / "edges.png")
    warm = ModelCache("cpu")
    draw = {
        "prompt": "a red boat",
        "pair": "tiny/student",
        "arms": ["teacher", "student", "hybrid-1"],
        "seeds": "0-1",
        "teacher_steps": 4,
    }
    hint = {"id": entry.id, "picture": "edges.png"}
    bare, on, off, one = (
        execute(jobs, warm, "compare", **draw, hints=hints)
        for hints in ([], [hint], [{**hint, "weight": 0}], [{**hint, "on": "teacher"}])
    )
    kept = np.asarray(Image.open(jobs.artifact(on["run"], f"artifacts/hints/{entry.id.replace('/', '-')}.png")))
    assert (kept == pixels).all(), "the picture as it is"

    def shown(result: Any, arm: str) -> np.ndarray:
        row = next(row for row in result["arms"] if row["arm"] == arm)
        return np.stack([np.asarray(Image.open(jobs.artifact(result["run"], image["path"]))) for image in row["images"]])

    for arm in draw["arms"]:
        assert (shown(on, arm) != shown(bare, arm)).any() and (shown(off, arm) == shown(bare, arm)).all()
    assert (shown(one, "student") == shown(bare, "student")).all() and (shown(one, "teacher") == shown(on, "teacher")).all()
    assert (shown(one, "hybrid-1") != shown(on, "hybrid-1")).any()
    with pytest.raises(ValueError, match="mine/canny reads canny, so no scene can be drawn for it; bring a picture"):
        jobs.submit("compare", {**draw, "hints": [{"id": entry.id, "scene": 3}]})


def refused(place: Path, made: Made) -> str:
    with pytest.raises(ValueError) as error:
        look_at(place, made.layouts)
    said = str(error.value)
    assert "\n" not in said and str(place.parent) not in said
    return said


def test_what_does_not_fit_is_one_sentence(sd1: Made, tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"PK\x03\x04")
    assert "is a pickle, which can run any program" in refused(tmp_path / "a.pth", sd1)
    shutil.copy(tmp_path / "a.pth", tmp_path / "b.safetensors")
    assert "is a pickle whatever its name" in refused(tmp_path / "b.safetensors", sd1)
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text('{"_class_name": "ControlNetModel"}')
    (tmp_path / "pickled" / "diffusion_pytorch_model.bin").write_bytes(b"PK\x03\x04")
    assert "diffusion_pytorch_model.bin is a pickle" in refused(tmp_path / "pickled", sd1)
    assert "'nothing' is not there" in refused(tmp_path / "nothing", sd1)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(sd1.forms["original"].read_bytes()[:-100])
    assert "is cut short" in refused(cut, sd1)
    weights = of_control(sd1.control)
    fewer = write(tmp_path / "fewer.safetensors", {n: t for n, t in weights.items() if n != "zero_convs.1.0.weight"})
    assert "it lacks 1 of" in refused(fewer, sd1) and "zero_convs.1.0.weight for one" in refused(fewer, sd1)
    more = write(tmp_path / "more.safetensors", {**weights, "zero_convs.77.0.weight": torch.zeros(1)})
    assert "has 1 weights that a ControlNet of its shape has not" in refused(more, sd1)
    wrong = write(tmp_path / "wrong.safetensors", {**weights, "input_blocks.1.0.in_layers.2.weight": torch.zeros(9, 16, 3, 3)})
    assert "has the shape [9, 16, 3, 3]" in refused(wrong, sd1)
    wide = ControlNetModel.from_unet(tiny_models.unet(24), conditioning_embedding_out_channels=CHANNELS)
    unknown = refused(write(tmp_path / "wide.safetensors", of_control(wide)), sd1)
    assert "it is for no base that is known here (in_channels 4, cross_attention_dim 24)" in unknown
    whole = write_header(tmp_path / "whole.safetensors", true_shapes("sd1"))
    assert "is a checkpoint without a ControlNet; among the models it would fit" in refused(whole, sd1)
    empty = write(tmp_path / "empty.safetensors", {})
    assert "is a file without weights" in refused(empty, sd1)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["input_hint_block.0.weight", "lora_controlnet"], "is a Control-LoRA"),
        (["task_embedding", "controlnet_cond_embedding.conv_in.weight"], "is a ControlNet-Union"),
        (["down_blocks.0.ctrl_to_base.0.weight", "controlnet_cond_embedding.conv_in.weight"], "is a ControlNet-XS"),
        (["transformer_blocks.0.x", "pos_embed_input.proj.weight"], "of Stable Diffusion 3; that family has no ControlNets here"),
        (["controlnet_blocks.0.weight", "double_blocks.0.img_attn.x"], "of Flux; that family has no ControlNets here"),
        (["lllite_unet_x.cond_emb.weight"], "is a ControlNet-LLLite"),
        (["body.0.block1.weight", "conv_in.weight"], "is a T2I adapter"),
        (["x.lora_up.weight"], "is a LoRA; among the adapters"),
        (["model.diffusion_model.out.2.bias"], "is a checkpoint without a ControlNet; among the models"),
        (["something"], "is no ControlNet that is known here"),
        (["difference", "input_hint_block.0.weight"], "is the difference between a ControlNet and its base"),
    ],
)
def test_what_is_no_controlnet_is_called_by_its_name(names: list[str], said: str, sd1: Made, tmp_path: Path) -> None:
    file = write(tmp_path / "one.safetensors", {name: torch.zeros(1) for name in names})
    assert said in refused(file, sd1)


def test_true_files_of_other_kinds_are_called_so(sd1: Made, tmp_path: Path) -> None:
    T2IAdapter(channels=(8, 8), num_res_blocks=1, downscale_factor=8).save_pretrained(tmp_path / "t2i")
    assert "is a T2I adapter" in refused(tmp_path / "t2i", sd1)
    assert "is a T2I adapter" in refused(next((tmp_path / "t2i").glob("*.safetensors")), sd1)
    flux = FluxControlNetModel(
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=1,
        joint_attention_dim=8,
        pooled_projection_dim=8,
        axes_dims_rope=[2, 2, 4],
    )
    flux.save_pretrained(tmp_path / "flux")
    assert "a ControlNet of Flux; that family has no ControlNets here" in refused(tmp_path / "flux", sd1)
    assert "a ControlNet of Flux" in refused(next((tmp_path / "flux").glob("*.safetensors")), sd1)
    union = tmp_path / "union"
    shutil.copytree(sd1.forms["folder"], union)
    config = json.loads((union / "config.json").read_text())
    for name, said in (
        ("ControlNetUnionModel", "is a ControlNet-Union"),
        ("ControlNetXSAdapter", "is a ControlNet-XS"),
        ("SD3ControlNetModel", "of Stable Diffusion 3"),
        ("QwenImageControlNetModel", "is a QwenImageControlNetModel"),
        (None, "names no class"),
    ):
        (union / "config.json").write_text(json.dumps({**config, "_class_name": name}))
        assert said in refused(union, sd1)
    (union / "config.json").write_text(json.dumps({**config, "cross_attention_dim": 17}))
    assert "and 17 would fit at place 2" in refused(union, sd1)
    (union / "config.json").write_text(json.dumps({**config, "global_pool_conditions": True}))
    assert "reads what a picture is like as a whole" in refused(union, sd1)
    (union / "config.json").unlink()
    assert "has no config.json" in refused(union, sd1)


def real(layout: str) -> dict[str, tuple[int, ...]]:
    """Shapes of a published ControlNet's weights: one made by diffusers from the base's own config, on the meta device."""
    from diffusers import UNet2DConditionModel

    from studio.families.stable.original.shipped import LAYOUTS

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(json.loads((LAYOUTS / layout / "unet" / "config.json").read_text()))
        control = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
        return {name: tuple(t.shape) for name, t in of_control(control).items()}


@pytest.mark.parametrize(
    ("layout", "base"), [("sd1", "Stable Diffusion 1.x"), ("sd2-v", "Stable Diffusion 2.x"), ("sdxl", "Stable Diffusion XL")]
)
def test_published_shapes_are_recognised_and_named_where_they_do_not_fit(
    layout: str, base: str, sd1: Made, jobs: Jobs, tmp_path: Path
) -> None:
    file = write_header(tmp_path / "control_v11_depth.safetensors", real(layout))
    seen = look_at(file)
    assert (seen.found.base, seen.hint, seen.name) == (base, "depth", "control_v11_depth")
    assert seen.found.config["conditioning_embedding_out_channels"] == [16, 32, 96, 256]
    listed(jobs, sd1)
    entry = bring(jobs.paths, file, "depth")
    said = entry.misfit(load_registry(jobs.paths).get("tiny/teacher"))
    assert said.startswith(f"mine/depth was made for another architecture than tiny/teacher has: it is for {base}, its ")


def test_a_small_one_without_attention_is_taken(sd1: Made, jobs: Jobs) -> None:
    """SDXL's small ControlNets have fewer transformer blocks than their base, or none."""
    small = ControlNetModel.from_config(
        {**sd1.control.config, "down_block_types": ["DownBlock2D"] * 2, "mid_block_type": "UNetMidBlock2D"}
    )
    shaken(small)
    listed(jobs, sd1)
    for name, weights in (("ours", small.state_dict()), ("theirs", of_control(small))):
        entry = bring(jobs.paths, write(sd1.folder / f"{name}.safetensors", weights), name, layouts=sd1.layouts)
        assert entry.misfit(load_registry(jobs.paths).get("tiny/teacher")) == ""
        model = open_model(sd1.folder / "model", "m")
        model.load_control("c", entry.path)
        state = model.denoiser.network.controls.networks["c"].state_dict()
        assert all(torch.equal(state[key], tensor) for key, tensor in small.state_dict().items())


def test_nan_is_found_when_it_is_opened(sd1: Made, jobs: Jobs, tmp_path: Path) -> None:
    broken = of_control(sd1.control)
    broken["middle_block_out.0.bias"] = torch.full_like(broken["middle_block_out.0.bias"], torch.nan)
    entry = bring(jobs.paths, write(tmp_path / "nan.safetensors", broken), layouts=sd1.layouts)
    with pytest.raises(ValueError, match="hold NaN or infinity, controlnet_mid_block.bias first"):
        open_model(sd1.folder / "model", "m").load_control("c", entry.path)


def test_it_is_linked_and_its_file_stays_when_it_goes(sd1: Made, jobs: Jobs, tmp_path: Path) -> None:
    file = tmp_path / "Canny Sketch.safetensors"
    shutil.copy(sd1.forms["original"], file)
    entry = bring(jobs.paths, file, layouts=sd1.layouts)
    assert (entry.id, entry.title, entry.hint) == ("mine/canny-sketch", "canny-sketch", ""), "nobody said what it reads"
    assert all(path.is_symlink() for path in entry.folder.glob("*.safetensors"))
    with pytest.raises(ValueError, match="There is a ControlNet mine/canny-sketch already"):
        bring(jobs.paths, file, layouts=sd1.layouts)
    with pytest.raises(ValueError, match="The name 'a b' does not fit"):
        bring(jobs.paths, file, "a b", layouts=sd1.layouts)
    with pytest.raises(ValueError, match="The hint .* does not fit"):
        bring(jobs.paths, file, "other", "<b>", layouts=sd1.layouts)
    moved = file.rename(tmp_path / "moved.safetensors")
    gone = load_controlnets(jobs.paths).get("mine/canny-sketch")
    assert gone.reason == "mine/canny-sketch is not on this machine any more: the file it was brought from has gone."
    moved.rename(file)
    remove(jobs.paths, "mine/canny-sketch")
    assert file.is_file() and "mine/canny-sketch" not in load_controlnets(jobs.paths).entries


def test_the_command_line_proposes_what_it_reads_and_lists_it(sd1: Made, jobs: Jobs, tmp_path: Path) -> None:
    file = write_header(tmp_path / "control_v11p_sd15_openpose_fp16.safetensors", real("sd1"))
    there = ["--data-dir", str(jobs.paths.root)]
    looked = CliRunner().invoke(app, ["controlnets", "add", str(file), "--look", *there])
    assert looked.exit_code == 0 and "Stable Diffusion 1.x" in looked.stdout and "pose" in looked.stdout
    assert not any(one.startswith("mine/") for one in load_controlnets(jobs.paths).entries)
    added = CliRunner().invoke(app, ["controlnets", "add", str(file), "--name", "pose", "--hint", "pose", *there])
    assert added.exit_code == 0 and "mine/pose" in added.stdout, added.output
    shown = json.loads(CliRunner().invoke(app, ["controlnets", "show", "mine/pose", "--json", *there]).stdout)
    assert (shown["hint"], shown["card"]["for"], shown["base"]) == ("pose", "Stable Diffusion 1.x", "")
    wrong = CliRunner().invoke(app, ["controlnets", "add", str(tmp_path / "gone.safetensors"), *there])
    assert wrong.exit_code == 1 and "'gone.safetensors' is not there" in str(wrong.exception)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("control_v11p_sd15_canny", "canny"),
        ("diffusers_xl_depth_mid", "depth"),
        ("t2i_OpenPose-v2", "pose"),
        ("mine", ""),
        ("controlnet-softedge-sdxl", "soft edges"),
        ("cannyon", ""),
    ],
)
def test_a_files_name_proposes(name: str, hint: str) -> None:
    assert proposed(name) == hint


def test_looking_needs_no_torch() -> None:
    code = "import sys, studio.library.bringing_controlnets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
