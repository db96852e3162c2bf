"""ControlNets: files with differences, folders of diffusers, and what is on in a live model."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from diffusers import ControlNetModel
from torch import nn

from studio.core.control_differences import Differences, copy_of, restored
from studio.core.domain import told
from studio.core.weights import load_weights
from studio.families import open_model
from studio.families.stable.controlnets import export, open_control, read_card, write
from studio.sampling.hinted import with_hint, with_pictures
from studio.sampling.loop import finished, sample, sample_many
from studio.sampling.plan import teacher_plan
from studio.sampling.prompts import encode_once
from tests.support import tiny_models

CHANNELS = (4, 8)  # a picture is twice as large as its latent
CARD = {"title": "Layout", "base": "tiny/base", "base_hash": "0123456789ab"}


def shaken(module: nn.Module, seed: int = 3, by: float = 0.05) -> None:
    """Every parameter moved at random, so that zero convolutions pass something on."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(by * torch.randn(p.shape, generator=g))


@pytest.fixture(scope="module", params=["sd", "sdxl"])
def folder(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    pipe = tiny_models.sd_pipeline(root) if request.param == "sd" else tiny_models.sdxl_pipeline(root)
    pipe.save_pretrained(root / "model")
    return root / "model"


@pytest.fixture(scope="module")
def control_folder(folder):
    """What people bring: a whole ControlNet as diffusers saves it."""
    control = ControlNetModel.from_unet(open_model(folder).parts.unet, conditioning_embedding_out_channels=CHANNELS)
    shaken(control)
    control.save_pretrained(folder.parent / "control")
    return folder.parent / "control"


@pytest.fixture
def model(folder):
    return open_model(folder)


def asked(model, n: int = 2, hint=None, seed: int = 5):
    """The network's answer to n noised samples with two prompts, and what it was asked."""
    cond = dict(model.encode(told(["a red boat", "x"])))
    g = torch.Generator().manual_seed(seed)
    x, t = torch.randn(2, *model.shape, generator=g), torch.tensor([500.0, 500.0])
    cond["hint:c"] = torch.rand(2, 3, 16, 16, generator=g) if hint is None else hint
    with torch.no_grad():
        return model.denoiser.network(x, t, cond), (x, t, cond)


def direct(model, control, x, t, cond, weight=1.0):
    """diffusers' own two calls."""
    extra = {"added_cond_kwargs": {"text_embeds": cond["pooled"], "time_ids": cond["time_ids"]}} if "pooled" in cond else {}
    with torch.no_grad():
        down, middle = control(x, t, cond["states"], cond["hint:c"], conditioning_scale=weight, return_dict=False, **extra)
        return model.parts.unet(x, t, cond["states"], down_block_additional_residuals=down, mid_block_additional_residual=middle,
                                return_dict=False, **extra)[0]  # fmt: skip


def test_a_folder_of_diffusers_gives_what_diffusers_gives(model, control_folder):
    bare, _ = asked(model)
    model.load_control("c", control_folder)
    assert model.control_names == ("c",)
    assert torch.equal(asked(model)[0], bare), "loaded is not on"
    theirs = ControlNetModel.from_pretrained(control_folder).eval()
    for weight in (1.0, -0.5):
        model.use_controls([("c", weight)])
        found, question = asked(model)
        assert float((found - direct(model, theirs, *question, weight)).abs().max()) < 1e-5
        assert float((found - bare).abs().max()) > 1e-2
    for off in ([("c", 0.0)], []):
        model.use_controls(off)
        assert torch.equal(asked(model)[0], bare)
    model.use_controls([("c", 1.0)])
    model.unload_control("c")
    assert torch.equal(asked(model)[0], bare)


def test_two_at_once_add_up_in_any_order(model, control_folder):
    model.load_control("c", control_folder)
    model.load_control("d", control_folder)
    hint = torch.rand(1, 3, 16, 16)
    answers = []
    for pairs in ([("c", 0.3), ("d", 0.4)], [("d", 0.4), ("c", 0.3)], [("c", 0.7)]):
        model.use_controls(pairs)
        x, t = torch.ones(1, *model.shape), torch.tensor([300.0])
        cond = {**model.encode(told(["x"])), "hint:c": hint, "hint:d": hint}
        with torch.no_grad():
            answers.append(model.denoiser.network(x, t, cond))
    assert torch.equal(answers[0], answers[1])
    assert torch.allclose(answers[0], answers[2], atol=1e-5)


@pytest.fixture
def differences(model):
    made = Differences(copy_of(model.parts.unet, CHANNELS), rank=2, seed=1)
    shaken(made)
    return made


def test_differences_survive_their_file_and_become_a_whole_network(model, differences, tmp_path):
    if "pooled" in model.encode(told(["x"])):
        pytest.skip("Differences are trained on models with one text encoder; SDXL's ControlNets come as folders.")
    file = tmp_path / "control.safetensors"
    write(file, differences.tensors(), CHANNELS, CARD)
    assert read_card(file) == CARD
    kept = load_weights(file)[0]
    assert all(torch.equal(kept[name], value.half()) for name, value in differences.tensors().items())
    x, t, states, hint = torch.randn(2, 4, 8, 8), torch.tensor([500.0, 20.0]), torch.randn(2, 5, 16), torch.rand(2, 3, 16, 16)
    whole = restored(model.parts.unet, differences.tensors(), CHANNELS)
    with torch.no_grad():
        trained, merged = differences(x, t, states, hint), whole(x, t, states, hint, return_dict=False)
    for a, b in zip((*trained[0], trained[1]), (*merged[0], merged[1]), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
        assert float(a.abs().max()) > 1e-3
    model.load_control("c", file)
    model.use_controls([("c", 1.0)])
    found, question = asked(model)
    export(model.denoiser.network.controls.networks["c"], tmp_path / "plain", half=False)
    plain = ControlNetModel.from_pretrained(tmp_path / "plain").eval()
    assert float((found - direct(model, plain, *question)).abs().max()) < 1e-5
    export(model.denoiser.network.controls.networks["c"], tmp_path / "half")
    assert str(model.folder.parent) not in (tmp_path / "half" / "config.json").read_text()
    other = open_model(model.folder)
    other.load_control("c", tmp_path / "half")
    other.use_controls([("c", 1.0)])
    assert torch.allclose(asked(other)[0], found, atol=1e-2)


def test_a_student_gets_the_network_of_its_base_unless_its_own_is_asked_for(folder, tmp_path):
    if "sdxl" in str(folder):
        pytest.skip("Differences are trained on models with one text encoder.")
    base, student = open_model(folder), open_model(folder)
    shaken(student.parts.unet, seed=9)
    made = Differences(copy_of(base.parts.unet, CHANNELS), rank=2, seed=1)
    shaken(made)
    write(tmp_path / "control.safetensors", made.tensors(), CHANNELS, CARD)
    base.load_control("c", tmp_path / "control.safetensors")
    student.load_control("c", tmp_path / "control.safetensors", base=base)
    student.load_control("own", tmp_path / "control.safetensors")
    weights = [
        dict(m.denoiser.network.controls.networks[n].named_parameters())
        for m, n in ((base, "c"), (student, "c"), (student, "own"))
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not torch.equal(weights[0]["conv_in.weight"], weights[2]["conv_in.weight"])


def test_a_guided_batch_is_two_plain_ones(model, control_folder):
    """What is computed once for both halves changes nothing, with the picture in both and with two pictures."""
    model.load_control("c", control_folder)
    model.use_controls([("c", 1.0)])
    given = model.encode(told(["a red boat"]))
    null = model.null(given)
    x, t = torch.randn(1, *model.shape), torch.tensor([400.0])
    one, two = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    for first, second in ((one, one), (one, two)):
        both = {name: torch.cat([null[name], given[name]]) for name in given}
        with torch.no_grad():
            guided = model.denoiser.network(torch.cat([x, x]), torch.cat([t, t]), {**both, "hint:c": torch.cat([first, second])})
            apart = [model.denoiser.network(x, t, {**cond, "hint:c": hint}) for cond, hint in ((null, first), (given, second))]
        assert torch.allclose(guided, torch.cat(apart), atol=1e-5)


def test_plans_with_and_without_a_hint_share_no_answers(model, control_folder):
    model.load_control("c", control_folder)
    plan = teacher_plan("m", (900.0, 500.0, 100.0), guidance=3.0)
    hinted = with_hint(plan, "c").model_copy(update={"name": "hinted"})
    weak = with_hint(plan, "c", 0.0).model_copy(update={"name": "weak"})
    assert "hints" not in plan.segments[0].model_dump()
    assert weak.segments == plan.segments
    assert type(hinted).model_validate_json(hinted.model_dump_json()) == hinted
    conds = with_pictures(encode_once({"m": model}, told(["a red boat"])), {"c": torch.rand(3, 3, 16, 16)})
    args = ({"m": model}, conds, [1, 2, 3], model.shape)
    ends = {name: record.after.clone() for name, record in sample_many([plan, hinted, weak], *args)}
    assert torch.equal(ends["weak"], ends["teacher"])
    assert not torch.allclose(ends["hinted"], ends["teacher"], atol=1e-2)
    assert torch.equal(finished(sample(hinted, *args)), ends["hinted"])
    assert torch.equal(finished(sample(plan, *args)), ends["teacher"]), "nothing stays on"
    assert torch.allclose(finished(sample(hinted, *args, batch_size=2)), ends["hinted"], atol=1e-4)
    with pytest.raises(ValueError, match="has no picture; give one among its conditions as 'hint:c'"):
        sample(hinted, {"m": model}, encode_once({"m": model}, told(["x"])), [1], model.shape)
    with pytest.raises(ValueError, match="takes no hints"):
        sample(hinted, {"m": model.denoiser}, conds, [1, 2, 3], model.shape)
    with pytest.raises(ValueError, match="'c' is on twice"):
        with_hint(hinted, "c")


def test_pictures_that_do_not_fit(model, control_folder):
    model.load_control("c", control_folder)
    model.use_controls([("c", 1.0)])
    for hint, said in (
        (
            torch.rand(2, 3, 32, 32),
            r"a picture of shape \[2, 3, 32, 32\] does not fit the ControlNet 'c'; 2 \(or one for all\) of",
        ),
        (torch.rand(2, 1, 16, 16), r"of \[3, 16, 16\] would"),
        (torch.rand(3, 3, 16, 16), "does not fit"),
        (torch.full((2, 3, 16, 16), torch.nan), "holds NaN or infinity"),
    ):
        with pytest.raises(ValueError, match=said):
            asked(model, hint=hint)
    with pytest.raises(ValueError, match="is not loaded; c is"):
        model.use_controls([("d", 1.0)])
    with pytest.raises(ValueError, match="a finite number would"):
        model.use_controls([("c", float("inf"))])
    with pytest.raises(ValueError, match="already loaded"):
        model.load_control("c", control_folder)


def refused(model, path, kind=ValueError) -> str:
    with pytest.raises(kind) as error:
        model.load_control("x", path)
    sentence = str(error.value)
    assert 20 < len(sentence) < 600
    assert "\n" not in sentence
    assert model.control_names == ()
    return sentence


def test_folders_that_do_not_fit(model, control_folder, tmp_path):
    assert "is not there" in refused(model, tmp_path / "nowhere", FileNotFoundError)
    other = tmp_path / "other"
    shutil.copytree(control_folder, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text("{")
    assert "is not JSON" in refused(model, other)
    (other / "config.json").write_text(json.dumps({**config, "_class_name": "ControlNetUnionModel"}))
    assert "holds a ControlNetUnionModel; a ControlNetModel would fit" in refused(model, other)
    (other / "config.json").write_text(json.dumps(config))
    weights = next(other.glob("*.safetensors"))
    weights.rename(other / "elsewhere")
    assert "has no .safetensors file" in refused(model, other, FileNotFoundError)
    weights.write_bytes(b"nothing")
    assert "cannot be read" in refused(model, other)
    wide = ControlNetModel.from_unet(tiny_models.unet(24), conditioning_embedding_out_channels=CHANNELS)
    wide.save_pretrained(tmp_path / "wide")
    assert "was made for another architecture: its cross_attention_dim is 24" in refused(model, tmp_path / "wide")
    broken = ControlNetModel.from_pretrained(control_folder)
    nn.init.constant_(broken.controlnet_mid_block.bias, torch.nan)
    broken.save_pretrained(tmp_path / "broken")
    assert "hold NaN or infinity, controlnet_mid_block.bias first" in refused(model, tmp_path / "broken")


def test_files_that_do_not_fit(model, differences, tmp_path):
    file = tmp_path / "control.safetensors"
    assert "is not there" in refused(model, file, FileNotFoundError)
    file.write_bytes(b"nothing at all")
    assert "cannot be read as safetensors" in refused(model, file)
    tensors = differences.tensors()
    with pytest.raises(ValueError, match="hold NaN or infinity"):
        write(file, {**tensors, "mid_block.x.down": torch.full((2, 2), torch.nan)}, CHANNELS, CARD)
    write(file, {k: v for k, v in tensors.items() if not k.startswith("controlnet_")}, CHANNELS, CARD)
    assert "it has 0 of the" in refused(model, file)
    place = next(name for name in tensors if name.endswith("attn1.to_q.up"))
    write(file, {k: v for k, v in tensors.items() if k != place}, CHANNELS, CARD)
    assert "half of its pair is missing" in refused(model, file)
    write(file, {**tensors, place: torch.ones(3, 2)}, CHANNELS, CARD)
    assert "and this model needs" in refused(model, file)


def test_a_hint_encoder_of_another_model_is_refused(tmp_path, model, differences):
    file = tmp_path / "control.safetensors"
    write(file, differences.tensors(), CHANNELS, CARD)
    with pytest.raises(ValueError, match="a ControlNet made for this architecture would fit"):
        open_control(file, tiny_models.unet(16, block_out_channels=(24, 32)))
