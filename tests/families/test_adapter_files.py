"""Adapter files: what is written is what is read, with its true alpha, by this project and by plain diffusers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from studio.core.domain import told
from studio.core.edit import Edit
from studio.families import open_model
from studio.families.adapter_files import LAYOUTS, read, targets, write
from studio.families.adapter_files.targets import ldm_names
from studio.jobs.paths import ROOT
from tests.support import tiny_models
from tests.support.edits import CARD, farthest, outputs, random_edit

NANO = ROOT / "assets" / "nano" / "teacher"

PLAIN = """
import sys, torch
from diffusers import StableDiffusionPipeline
folder, out = sys.argv[1:3]
given = torch.load(out + "/given.pt")
answers = {}
for file in ("diffusers", "kohya"):
    pipe = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipe.load_lora_weights(out, weight_name=file + ".safetensors")
    states = pipe.encode_prompt(["a red house", "a tree"], "cpu", 1, False)[0]
    with torch.no_grad():
        y = pipe.unet(given["x"], torch.tensor([500.0, 500.0]), encoder_hidden_states=states).sample
    answers[file] = {"states": states, "out": y}
pipe.load_textual_inversion(out + "/diffusers.tokens.safetensors")
answers["word"] = pipe.encode_prompt(["a <toy>"], "cpu", 1, False)[0].detach()
torch.save(answers, out + "/answers.pt")
assert not any(name.split(".")[0] == "studio" for name in sys.modules), "this project was imported"
"""


@pytest.fixture(scope="module", params=["sd", "sdxl"])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    pipe = tiny_models.sd_pipeline(folder) if request.param == "sd" else tiny_models.sdxl_pipeline(folder)
    pipe.save_pretrained(folder / "model")
    return open_model(folder / "model")


def place(folder: Path, layout: str) -> Path:
    return folder / "peft" if layout == "peft" else folder / f"{layout}.safetensors"


def with_edit(model, edit: Edit) -> dict[str, torch.Tensor]:
    model.load_edit("tried", edit)
    model.use_adapters([("tried", 1.0)])
    try:
        return outputs(model)
    finally:
        model.unload_adapter("tried")


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_is_what_is_read(model, layout, mixed, tmp_path):
    modules = targets(model.modules)
    edit = random_edit(modules, mixed=mixed)
    assert edit.card.prompts
    path = place(tmp_path, layout)
    files = write(edit, path, layout, private=True)
    assert not [p for p in tmp_path.rglob("*") if p.name.startswith(".")]
    again, report = read(path, modules)
    assert files[0].is_file()
    assert (report.matched, report.unmatched, report.notices) == (len(edit.pairs), 0, ())
    assert again.card == CARD
    assert set(again.pairs) == set(edit.pairs)
    if not (mixed and layout == "kohya"):  # where alphas differ, kohya files carry them in B
        assert again.hash == edit.hash
    bare, before, after = outputs(model), with_edit(model, edit), with_edit(model, again)
    assert farthest(before, after) < 1e-5
    assert farthest(bare, before) > 0.05


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("layout", ["diffusers", "kohya"])
def test_the_diffusers_pipeline_applies_the_same_change(model, layout, mixed, tmp_path):
    from diffusers import DiffusionPipeline

    edit = random_edit(targets(model.modules), mixed=mixed)
    write(edit, tmp_path / "a.safetensors", layout)
    pipe = DiffusionPipeline.from_pretrained(model.folder)
    pipe.load_lora_weights(tmp_path, weight_name="a.safetensors")
    x = torch.randn(2, *model.shape, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        encoded = pipe.encode_prompt(
            ["a red boat", "x"], device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        ours = with_edit(model, edit)
        more = {}
        if "pooled" in ours:
            more = {"added_cond_kwargs": {"text_embeds": encoded[2], "time_ids": ours["time_ids"]}}
        out = pipe.unet(x, torch.tensor([500.0, 500.0]), encoder_hidden_states=encoded[0], **more).sample
    assert torch.allclose(encoded[0], ours["states"], atol=1e-5)
    assert torch.allclose(out, ours["out"], atol=1e-5)


@pytest.mark.slow
def test_plain_diffusers_in_a_process_of_its_own_agrees_on_the_built_in_teacher(tmp_path):
    model = open_model(NANO)
    tokens = {"<toy>": torch.randn(2, 64, generator=torch.Generator().manual_seed(3))}
    edit = random_edit(targets(model.modules), alpha=5.0, rank=4, tokens=tokens)
    write(edit, tmp_path / "diffusers.safetensors", "diffusers")
    write(edit, tmp_path / "kohya.safetensors", "kohya", bundle=False)
    model.load_edit("a", edit)
    model.use_adapters([("a", 1.0)])
    x = torch.randn(2, *model.shape, generator=torch.Generator().manual_seed(5))
    cond = model.encode(told(["a red house", "a tree"]))
    with torch.no_grad():
        out = model.denoiser.network(x, torch.tensor([500.0, 500.0]), cond)
    torch.save({"x": x}, tmp_path / "given.pt")
    (tmp_path / "plain.py").write_text(PLAIN)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "plain.py", str(NANO), str(tmp_path)], cwd=tmp_path, env=environment, text=True,
                          capture_output=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answers = torch.load(tmp_path / "answers.pt")
    for file in ("diffusers", "kohya"):
        assert torch.allclose(answers[file]["states"], cond["states"], atol=1e-5)
        assert torch.allclose(answers[file]["out"], out, atol=1e-5)
    assert torch.allclose(answers["word"], model.encode(told(["a <toy>"]))["states"], atol=1e-5)


def test_plain_peft_opens_the_folder(model, tmp_path):
    from diffusers import UNet2DConditionModel
    from peft import PeftModel

    edit = random_edit(targets({"unet": model.parts.unet}), mixed=True)
    write(edit, tmp_path / "peft", "peft")
    unet = UNet2DConditionModel.from_pretrained(model.folder / "unet")
    changed = PeftModel.from_pretrained(unet, str(tmp_path / "peft"))
    ours, x = with_edit(model, edit), torch.randn(2, *model.shape, generator=torch.Generator().manual_seed(5))
    more = {}
    if "pooled" in ours:
        more = {"added_cond_kwargs": {"text_embeds": ours["pooled"], "time_ids": ours["time_ids"]}}
    with torch.no_grad():
        out = changed(x, torch.tensor([500.0, 500.0]), encoder_hidden_states=ours["states"], **more).sample
    assert torch.allclose(out, ours["out"], atol=1e-5)


def kohya_ldm(edit: Edit, modules) -> dict[str, torch.Tensor]:
    """The UNet's pairs under kohya's names for SDXL."""
    names = ldm_names(modules["unet"])
    out = {}
    for path, pair in edit.pairs.items():
        name = "lora_unet_" + names[path.removeprefix("unet.")].replace(".", "_")
        out |= {
            f"{name}.lora_down.weight": pair.down,
            f"{name}.lora_up.weight": pair.up,
            f"{name}.alpha": torch.tensor(pair.alpha),
        }
    return out


def test_block_numbers_of_the_original_code_are_those_of_diffusers_converter(tmp_path):
    from diffusers import StableDiffusionXLPipeline
    from diffusers.utils import convert_unet_state_dict_to_peft

    model = tiny_models.sdxl_pipeline(tmp_path)
    modules = targets({"unet": model.unet})
    # diffusers takes the upsampler of a block without attention for an attention
    edit = random_edit(modules, keep=lambda path: "upsamplers" not in path)
    save_file(kohya_ldm(edit, modules), tmp_path / "ldm.safetensors")
    ours, report = read(tmp_path / "ldm.safetensors", modules)
    assert (report.layout, report.matched, report.unmatched) == ("kohya", len(edit.pairs), 0)
    assert ours.hash == edit.hash
    state, alphas = StableDiffusionXLPipeline.lora_state_dict(
        str(tmp_path), weight_name="ldm.safetensors", unet_config=model.unet.config
    )
    theirs = convert_unet_state_dict_to_peft(state)
    assert set(alphas.values()) == {3.0}
    for path, pair in ours.pairs.items():
        assert torch.equal(theirs[f"{path}.lora_A.weight"], pair.down)
        assert torch.equal(theirs[f"{path}.lora_B.weight"], pair.up)


def test_input_block_ten_is_not_taken_for_block_one():
    layers = {f"down_blocks.{b}.resnets.{i}.conv1": (8, 8, 3, 3) for b in range(4) for i in range(2)}
    names = ldm_names({**layers, "up_blocks.0.upsamplers.0.conv": (8, 8, 3, 3), "up_blocks.1.attentions.0.proj_in": (8, 8)})
    assert names["down_blocks.0.resnets.0.conv1"] == "input_blocks.1.0.in_layers.2"
    assert names["down_blocks.3.resnets.0.conv1"] == "input_blocks.10.0.in_layers.2"
    assert names["up_blocks.0.upsamplers.0.conv"] == "output_blocks.2.1.conv"
    assert names["up_blocks.1.attentions.0.proj_in"] == "output_blocks.3.1.proj_in"


def renamed(edit: Edit, style: str, modules) -> dict[str, torch.Tensor]:
    """The edit as other tools have written it over the years."""
    endings = {"old": (".lora.down", ".lora.up"), "comfy": (".lora_down", ".lora_up"), "processor": ("_lora.down", "_lora.up")}
    down, up = (f"{ending}.weight" for ending in endings.get(style, (".lora_A", ".lora_B")))
    ldm, out = ldm_names(modules["unet"]), {}
    for path, pair in edit.pairs.items():
        part, _, inside = path.partition(".")
        if style == "comfy":
            name = f"diffusion_model.{ldm[inside]}"
            out[f"{name}.alpha"] = torch.tensor(pair.alpha)
        elif style == "bare":
            name = f"base_model.model.{inside}"
        elif style == "processor":
            stem, _, last = inside.replace(".to_out.0", ".to_out").rpartition(".")
            name = f"{part}.{stem}.processor.{last}"
        elif part == "unet":
            name = path
        else:
            name, down, up = path, ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"
        out |= {f"{name}{down}": pair.down, f"{name}{up}": pair.up}
    return out


@pytest.mark.parametrize("style", ["old", "comfy", "processor", "bare"])
def test_names_of_other_tools_are_read(model, style, tmp_path):
    modules = targets(model.modules)

    def keep(path: str) -> bool:
        if style == "processor":
            return ".attn" in path
        return path.startswith("unet.") or style == "old"

    alpha = 3.0 if style == "comfy" else 2.0  # the others say nothing of alpha: it is the rank
    edit = random_edit(modules, alpha=alpha, keep=keep)
    save_file(renamed(edit, style, modules), tmp_path / "theirs.safetensors")
    again, report = read(tmp_path / "theirs.safetensors", modules)
    assert report.unmatched == 0
    assert again.hash == edit.hash


def test_a_file_that_diffusers_own_saver_wrote_keeps_its_alpha(model, tmp_path):
    from diffusers import DiffusionPipeline
    from diffusers.training_utils import _collate_lora_metadata
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipe = DiffusionPipeline.from_pretrained(model.folder)
    pipe.unet.add_adapter(LoraConfig(r=2, lora_alpha=7, target_modules=["to_q", "conv1"], alpha_pattern={"conv1": 5}))
    pipe.save_lora_weights(tmp_path, get_peft_model_state_dict(pipe.unet), **_collate_lora_metadata({"unet": pipe.unet}))
    edit, report = read(tmp_path, targets(model.modules))
    assert report.matched == len(edit.pairs) > 4
    assert {pair.alpha for path, pair in edit.pairs.items() if path.endswith("to_q")} == {7.0}
    assert {pair.alpha for path, pair in edit.pairs.items() if path.endswith("conv1")} == {5.0}


def test_rank_stabilised_peft_folders_keep_their_strength(model, tmp_path):
    modules = targets({"unet": model.parts.unet})
    write(random_edit(modules, rank=4, alpha=6.0), tmp_path / "p", "peft")
    config = json.loads((tmp_path / "p" / "adapter_config.json").read_text())
    (tmp_path / "p" / "adapter_config.json").write_text(json.dumps({**config, "use_rslora": True}))
    edit, _ = read(tmp_path / "p", modules)
    assert {pair.multiplier for pair in edit.pairs.values()} == {6.0 / 4**0.5}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_private_data_nothing_of_it_is_anywhere(model, layout, tmp_path):
    edit = random_edit(targets({"unet": model.parts.unet}))
    for private in (False, True):
        folder = tmp_path / str(private)
        files = write(edit, place(folder, layout), layout, private=private)
        everything = b"".join(p.read_bytes() for p in files)
        for secret in (b"secret garden", b"Ada", b"/home/ada", b"2026-03-04", b"0.002"):
            assert (secret in everything) == private, secret
        with safe_open(str(files[0]), framework="pt") as f:
            header = f.metadata()
        assert all(isinstance(value, str) for value in header.values())
        assert header["modelspec.sai_model_spec"] == "1.0.1"
        assert header["ss_network_dim"] == "2"
        assert header["ss_network_alpha"] == "3"
        assert header["ss_seed"] == "7"
        assert header["ss_sd_model_name"] == "tiny/base"
        assert json.loads(header["distillation_studio"])["calibration"] == 1.5


def test_the_hash_in_the_header_is_of_what_follows_it(model, tmp_path):
    import hashlib

    (file,) = write(random_edit(targets({"unet": model.parts.unet})), tmp_path / "a.safetensors", "kohya")
    data = file.read_bytes()
    with safe_open(str(file), framework="pt") as f:
        said = f.metadata()["modelspec.hash_sha256"]
    assert said == "0x" + hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()


def test_a_foreign_header_makes_a_card_and_is_not_trusted(model, tmp_path):
    modules = targets({"unet": model.parts.unet})
    (file,) = write(random_edit(modules), tmp_path / "a.safetensors", "kohya")
    tensors = load_file(file)
    theirs = {"ss_output_name": "My\nStyle\x00" + "x" * 9000, "ss_sd_model_name": "sd_xl_base.safetensors", "ss_seed": "42",
              "ss_steps": "1e999", "ss_network_module": "networks.lora", "ss_training_comment": "z" * 99999}  # fmt: skip
    save_file(tensors, tmp_path / "b.safetensors", theirs)
    card = read(tmp_path / "b.safetensors", modules)[0].card
    assert card.title.startswith("My Style")
    assert len(card.title) <= 200
    assert len(card.note) <= 2000
    assert (card.base, card.seed, card.steps, card.method) == ("sd_xl_base.safetensors", 42, 0, "networks.lora")
    wrong = (
        {"title": 3},
        {"title": "t", "unknown": 1},
        {"title": "t", "calibration": 10**400},
        {"title": "t", "note": "n" * 300000},
    )
    for bad in ("{", "[" * 100000, '{"title":"t","calibration":NaN}', *map(json.dumps, wrong)):
        save_file(tensors, tmp_path / "c.safetensors", {"distillation_studio": bad, "modelspec.title": "fallback"})
        edit, report = read(tmp_path / "c.safetensors", modules)
        assert edit.card.title == "fallback"
        assert "card is damaged" in report.notices[0]


def test_words_travel_with_the_adapter(model, tmp_path):
    modules = targets(model.modules)
    g = torch.Generator().manual_seed(1)
    tokens = {"<toy>": torch.randn(2, 16, generator=g), "<cat>": torch.randn(1, 16, generator=g)}
    if "text_encoder_2" in modules:
        tokens |= {"<toy>@2": torch.randn(2, 24, generator=g), "<cat>@2": torch.randn(1, 24, generator=g)}
    edit = random_edit(modules, tokens=tokens, keep=lambda path: "attn2" in path)
    for layout in LAYOUTS:
        path = place(tmp_path, layout)
        files = write(edit, path, layout)
        assert len([p for p in files if "tokens" in p.name]) == (0 if layout == "kohya" else 2)
        again, report = read(path, modules)
        assert again.hash == edit.hash
        assert report.words == ("<cat>", "<toy>")
        assert report.notices == ()
    (tmp_path / "diffusers.tokens-2.safetensors").unlink()
    assert "'<toy>' is in a file of its own" in read(tmp_path / "diffusers.safetensors", modules)[1].notices[0]
    only = Edit({}, CARD, tokens)
    for layout in LAYOUTS:
        path = place(tmp_path / "only", layout)
        write(only, path, layout)
        assert read(path, modules)[0].hash == only.hash


def test_embeddings_of_other_tools_are_read(model, tmp_path):
    modules = targets(model.modules)
    save_file({"<hat>": torch.ones(16)}, tmp_path / "learned_embeds.safetensors")
    assert read(tmp_path / "learned_embeds.safetensors", modules)[0].tokens["<hat>"].shape == (1, 16)
    save_file({"emb_params": torch.ones(3, 16)}, tmp_path / "my hat.safetensors")
    assert read(tmp_path / "my hat.safetensors", modules)[0].tokens["my_hat"].shape == (3, 16)
    save_file({"<hat>": torch.ones(2, 768)}, tmp_path / "wide.safetensors")
    with pytest.raises(ValueError, match="rows of shape .2, 768.*this model's are 16"):
        read(tmp_path / "wide.safetensors", modules)


def test_a_file_that_fits_in_part_says_what_was_left_out(model, tmp_path):
    modules = targets(model.modules)
    write(random_edit(modules), tmp_path / "a.safetensors", "diffusers")
    few = {"unet": {path: shape for path, shape in modules["unet"].items() if "attn1" in path}}
    edit, report = read(tmp_path / "a.safetensors", few)
    assert report.matched == len(edit.pairs) == len(few["unet"])
    assert report.unmatched == len(random_edit(modules).pairs) - report.matched
    assert len(report.names) == 3
    assert "were left out" in report.sentence
    assert "layers are not in this model" in report.notices[0]
