"""Edits on a live model: any number, in any order, and gone without a trace."""

from __future__ import annotations

import itertools
import json

import pytest
import torch

from studio.core.domain import told
from studio.core.edit import Edit
from studio.families import open_model
from studio.families.adapter_files import targets
from studio.families.merged import save_merged
from studio.families.stable.halves import computed_once
from studio.families.vocabulary import Vocabulary
from tests.support import tiny_models
from tests.support.edits import CARD, equal, farthest, outputs, random_edit


@pytest.fixture(params=["sd", "sdxl"])
def model(request, tmp_path):
    pipe = tiny_models.sd_pipeline(tmp_path) if request.param == "sd" else tiny_models.sdxl_pipeline(tmp_path)
    pipe.save_pretrained(tmp_path / "model")
    return open_model(tmp_path / "model")


def tree(model) -> list:
    """Everything that could have changed: modules, hooks, parameters, their layout and bits, words. To be asked after a
    first pass, as transformers hangs hooks of its own into encoders that are asked for hidden states."""
    parts = [(name, m) for name, part in model.modules.items() for name, m in part.named_modules(prefix=name)]
    weights = [p for part in model.modules.values() for p in (*part.parameters(), *part.buffers())]
    return [[(n, type(m), len(m._forward_hooks)) for n, m in parts],
            [(id(w), w.stride(), w.dtype, w.requires_grad, w.detach().clone()) for w in weights],
            [id(t) for t in model.parts.tokenizers], [t.get_vocab() for t in model.parts.tokenizers]]  # fmt: skip


def same(before: list, after: list) -> bool:
    values = all(a[:-1] == b[:-1] and torch.equal(a[-1], b[-1]) for a, b in zip(before[1], after[1], strict=True))
    return values and before[0] == after[0] and before[2:] == after[2:]


def some_edits(model) -> list[Edit]:
    modules = targets(model.modules)
    return [random_edit(modules, seed=seed, rank=1 + seed, alpha=2.0 + seed, keep=lambda p, seed=seed: seed != 1 or "attn" in p)
            for seed in range(3)]  # fmt: skip


def test_the_order_never_matters_and_removal_leaves_nothing(model):
    bare, before, key = outputs(model), tree(model), model.text_key
    edits = some_edits(model)
    for i, edit in enumerate(edits):
        model.load_edit(f"e{i}", edit)
    assert model.adapter_names == ("e0", "e1", "e2")
    assert equal(outputs(model), bare)
    assert model.text_key == key
    wanted, seen = [("e0", 0.7), ("e1", -1.3), ("e2", 0.4)], []
    for order in itertools.permutations(wanted):
        model.use_adapters(order)
        seen.append((outputs(model), model.text_key))
    assert all(equal(out, seen[0][0]) and at == seen[0][1] for out, at in seen)
    assert farthest(seen[0][0], bare) > 0.05
    assert seen[0][1] != key
    model.use_adapters([])
    assert equal(outputs(model), bare)
    model.use_adapters(wanted)
    for name in model.adapter_names:
        model.unload_adapter(name)
    assert model.adapter_names == ()
    assert same(before, tree(model))
    assert equal(outputs(model), bare)
    assert model.text_key == key


def test_names_of_adapters_do_not_matter_either(model):
    first, second, _ = some_edits(model)
    for name, edit in (("a", first), ("b", second), ("z", first), ("c", second)):
        model.load_edit(name, edit)
    model.use_adapters([("a", 0.5), ("b", 1.0)])
    one = outputs(model)
    model.use_adapters([("z", 0.5), ("c", 1.0)])
    assert equal(outputs(model), one)


def test_strength_counts_in_multiples_and_zero_is_off(model):
    edit = random_edit(targets({"unet": model.parts.unet}), keep=lambda path: path == "unet.conv_out")
    bare = outputs(model)
    model.load_edit("a", edit)
    found = {}
    for strength in (-1.0, 0.0, 1.0, 2.0):
        model.use_adapters([("a", strength)])
        found[strength] = outputs(model)["out"]
    assert torch.equal(found[0.0], bare["out"])
    change = found[1.0] - bare["out"]
    assert torch.allclose(found[2.0] - bare["out"], 2 * change, atol=1e-5)
    assert torch.allclose(found[-1.0] - bare["out"], -change, atol=1e-5)
    with model.using([("a", 1.0)]):
        assert torch.equal(outputs(model)["out"], found[1.0])
    assert torch.equal(outputs(model)["out"], found[2.0])


def test_halves_that_are_computed_once_see_the_edit_once(model):
    if len(model.parts.encoders) > 1:
        pytest.skip("SDXL's halves differ from the first block on, so they are never shared")
    model.load_edit("a", some_edits(model)[0])
    model.use_adapters([("a", 1.0)])
    x = torch.randn(1, *model.shape).repeat(2, 1, 1, 1)
    states, t = model.encode(told(["a red boat", "x"]))["states"], torch.tensor([500.0, 500.0])
    with torch.no_grad():
        plain = model.parts.unet(x, t, encoder_hidden_states=states).sample
        with computed_once(model.parts.unet):
            shared = model.parts.unet(x, t, encoder_hidden_states=states).sample
    assert torch.allclose(plain, shared, atol=1e-5)


def test_gradients_pass_after_pictures_were_drawn(model):
    model.load_edit("a", some_edits(model)[0])
    model.use_adapters([("a", 1.0)])
    model.parts.unet.to(torch.float64)  # so that the pair is converted, and kept, while no gradients are recorded
    with torch.inference_mode():
        model.denoiser.network(torch.zeros(1, *model.shape), torch.tensor([5.0]), model.encode(told(["a"])))
    x = torch.zeros(1, *model.shape, requires_grad=True)
    model.denoiser.network(x, torch.tensor([5.0]), model.encode(told(["a"]))).sum().backward()
    assert x.grad is not None
    assert float(x.grad.abs().sum()) > 0


def test_half_precision_networks_take_edits_in_their_own_precision(model):
    half = open_model(model.folder, dtype=torch.bfloat16)
    bare = outputs(half)
    half.load_edit("a", some_edits(half)[0])
    half.use_adapters([("a", 1.0)])
    assert farthest({"out": outputs(half)["out"]}, {"out": bare["out"]}) > 0.05
    half.use_adapters([])
    assert equal(outputs(half), bare)


def test_what_does_not_fit_is_refused_and_leaves_nothing(model):
    before = tree(model)
    edit = some_edits(model)[0]
    with pytest.raises(ValueError, match="is not in this model"):
        model.load_edit("a", Edit({"unet.nowhere": edit.pairs["unet.conv_in"]}, CARD))
    with pytest.raises(ValueError, match="a part this model has not; unet, text_encoder"):
        model.load_edit("a", Edit({"transformer.x": edit.pairs["unet.conv_in"]}, CARD))
    with pytest.raises(ValueError, match="made for another architecture"):
        model.load_edit("a", Edit({"unet.conv_out": edit.pairs["unet.conv_in"]}, CARD))
    with pytest.raises(ValueError, match="a linear layer or a convolution would fit"):
        model.load_edit("a", Edit({"unet.conv_norm_out": edit.pairs["unet.conv_in"]}, CARD))
    with pytest.raises(ValueError, match="16. would fit"):
        model.load_edit("a", Edit(edit.pairs, CARD, {"<toy>": torch.ones(2, 5)}))
    assert model.adapter_names == ()
    with pytest.raises(ValueError, match="not loaded in model; none is"):
        model.use_adapters([("a", 1.0)])
    model.load_edit("a", edit)
    with pytest.raises(ValueError, match="already loaded"):
        model.load_edit("a", edit)
    with pytest.raises(ValueError, match="a strength of nan"):
        model.use_adapters([("a", float("nan"))])
    model.unload_adapter("a")
    with pytest.raises(ValueError, match="not loaded in model; none is"):
        model.unload_adapter("a")
    assert same(before, tree(model))


def new_words(model) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(2)
    widths = {"": 16, "@2": 24} if len(model.parts.encoders) > 1 else {"": 16}
    return {f"{w}{mark}": torch.randn(n, d, generator=g) for w, n in (("<toy>", 3), ("<hat>", 1)) for mark, d in widths.items()}


def test_new_words_are_understood_and_forgotten_bit_for_bit(model):
    bare, before, key = outputs(model), tree(model), model.text_key
    texts = ["a <toy>", "a <hat> <toy> b"]
    said = told(texts)
    unknown = model.encode(said)
    model.load_tokens("t", new_words(model))
    assert model._vocabulary.words == ("<hat>", "<toy>")
    assert model.text_key != key
    known = model.encode(said)
    assert farthest({"states": known["states"]}, {"states": unknown["states"]}) > 0.1
    assert equal(outputs(model), bare)  # other prompts are encoded as they were
    ids = model.parts.tokenizers[0](model._vocabulary.spelled(texts, 0)).input_ids
    assert [len([i for i in row if i >= 54]) for row in ids] == [3, 4]  # the model's own tokens are 0 to 53
    with pytest.raises(ValueError, match="known to this model already"):
        model.load_tokens("again", {"<toy>": torch.ones(1, 16)})
    model.unload_tokens("t")
    assert same(before, tree(model))
    assert model.text_key == key
    assert equal(model.encode(said), unknown)


def test_new_words_are_those_of_the_diffusers_pipeline(model):
    from diffusers import DiffusionPipeline

    pipe, rows = DiffusionPipeline.from_pretrained(model.folder), new_words(model)
    for word, tensor in rows.items():
        second = {"text_encoder": pipe.text_encoder_2, "tokenizer": pipe.tokenizer_2} if word.endswith("@2") else {}
        pipe.load_textual_inversion({word.removesuffix("@2"): tensor}, **second)
    model.load_tokens("t", rows)
    with torch.no_grad():
        theirs = pipe.encode_prompt(
            ["a <toy>", "a <hat> b"], device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
        )
    ours = model.encode(told(["a <toy>", "a <hat> b"]))
    assert torch.allclose(ours["states"], theirs[0], atol=1e-5)
    if "pooled" in ours:
        assert torch.allclose(ours["pooled"], theirs[2], atol=1e-5)


def test_the_end_of_the_text_is_found_with_new_words_in_old_checkpoints(tmp_path):
    """SDXL's second encoder names 2 as the end of the text and takes the highest id for it, which a new word would be."""
    pipe = tiny_models.sdxl_pipeline(tmp_path)
    encoder, tokenizer = pipe.text_encoder_2, pipe.tokenizer_2
    encoder.text_model.eos_token_id = 2
    ids = tokenizer(["ab", "c"], padding="max_length", max_length=12, return_tensors="pt").input_ids
    before = encoder(ids).text_embeds
    words = Vocabulary([pipe.tokenizer, tokenizer], [pipe.text_encoder, encoder])
    words.add("w", {"<hat>@2": torch.randn(1, 24)})
    assert torch.equal(encoder(ids).text_embeds, before)
    new = words.tokenizers[1](["a <hat> b", "c"], padding="max_length", max_length=12, return_tensors="pt").input_ids
    hidden = encoder.text_model(new).last_hidden_state
    assert torch.equal(encoder.text_model(new).pooler_output[0], hidden[0, new[0].tolist().index(tokenizer.eos_token_id)])
    words.remove("w")
    assert encoder.text_model.eos_token_id == 2


def test_a_merged_model_opens_without_this_project(model, tmp_path):
    from diffusers import DiffusionPipeline

    (model.folder / "card.json").write_text(json.dumps({"what": "a tiny teacher", "measured": {"accuracy": 1}}))
    bare, before, words = outputs(model), tree(model), new_words(model)
    first, second, _ = some_edits(model)
    first = Edit(first.pairs, CARD, words)
    model.load_edit("a", first)
    model.load_edit("b", second)
    model.use_adapters([("a", 0.6), ("b", -0.5)])
    wanted, known = outputs(model), model.encode(told(["a <toy>"]))
    folder = save_merged(model, [(first, 0.6), (second, -0.5)], tmp_path / "saved")
    assert equal(outputs(model), wanted)
    assert equal(model.encode(told(["a <toy>"])), known)
    model.unload_adapter("a")
    model.unload_adapter("b")
    assert same(before, tree(model))
    assert equal(outputs(model), bare)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    opened = open_model(folder)
    assert farthest(outputs(opened), wanted) < 1e-4
    pipe = DiffusionPipeline.from_pretrained(folder)
    with torch.no_grad():
        states = pipe.encode_prompt(["a <toy>"], device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False)[0]
    assert torch.allclose(states, known["states"], atol=1e-4)
    card = json.loads((folder / "card.json").read_text())
    assert [m["strength"] for m in card["merged"]] == [0.6, -0.5]
    assert "measured" not in card
    with pytest.raises(ValueError, match="is there already"):
        save_merged(model, [(first, 1.0)], folder)
    with pytest.raises(ValueError, match="no edit was given"):
        save_merged(model, [], tmp_path / "other")


@pytest.mark.parametrize("changed", ["unet", "text_encoder"])
def test_a_merged_model_draws_in_plain_diffusers_whatever_precision_it_was_open_and_stored_in(tmp_path, changed):
    from diffusers import DiffusionPipeline

    tiny_models.sd_pipeline(tmp_path).to(torch.float16).save_pretrained(tmp_path / "model")
    half = open_model(tmp_path / "model", dtype=torch.bfloat16)
    edit = random_edit(targets(half.modules), seed=0, rank=2, alpha=2.0, keep=lambda path: path.startswith(f"{changed}."))
    pipe = DiffusionPipeline.from_pretrained(save_merged(half, [(edit, 0.5)], tmp_path / "saved"))
    pipe.set_progress_bar_config(disable=True)
    assert pipe("a house", num_inference_steps=2, output_type="np").images.shape == (1, 16, 16, 3)


def test_what_a_model_wears_is_not_copied_for_teaching(model):
    model.load_edit("worn", some_edits(model)[0])
    model.use_adapters([("worn", 1.0)])
    taught = model.trainable_under_adapter().network
    assert not any(part._forward_hooks for part in taught.modules())
    assert any(part._forward_hooks for part in model.modules["unet"].modules())  # and goes on being worn
