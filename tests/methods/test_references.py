"""References: pairs that share what is wanted and nothing else, a network that hears them, and one that is as it was without."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.denoiser import Denoiser
from studio.core.edit import Edit, EditCard, Merged, combined
from studio.core.method import Streams
from studio.core.references import NONE, TAUGHT, Reader, References, crossings, hearing, of_reader, references_key, shown
from studio.core.rng import generator, randn
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains import domain_of
from studio.families import open_model
from studio.jobs.paths import ROOT
from studio.methods.references.attributes import Attributes, AttributesConfig, Learned
from studio.workshop.material.references import SharedAttributes
from tests.support import tiny_models
from tests.support.edits import equal, farthest, outputs

WORLD = domain_of("pocket")
ATTRIBUTES = ("color", "place", "time", "position")
SHAPES: dict[str, Callable[..., Any]] = {"sd15": tiny_models.sd_pipeline, "sdxl": tiny_models.sdxl_pipeline}


@pytest.fixture(scope="module")
def nano() -> Any:
    return open_model(ROOT / "assets" / "nano" / "teacher", "nano/teacher")


@pytest.fixture(scope="module")
def data(nano: Any, tmp_path_factory: pytest.TempPathFactory) -> SharedAttributes:
    return SharedAttributes(nano, WORLD, ATTRIBUTES, tmp_path_factory.mktemp("material"), n_items=64)


@pytest.fixture(scope="module", params=SHAPES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp(request.param)
    SHAPES[request.param](root / "parts").save_pretrained(root / "teacher")
    return open_model(root / "teacher", "tiny")


def method(model: Any, data: Any, **settings: Any) -> Attributes:
    config = AttributesConfig.model_validate({"batch": 4, "tokens": 2, "width": 16, "name_first": 0, **settings})
    return Attributes(config, Streams(0), model.trainable_under_adapter(), data)


def edit_for(model: Any) -> Edit:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        reader = Reader(model.shape, crossings(model.modules["unet"]), len(ATTRIBUTES), 2, 16)
    card = EditCard(title="Looks", kind="references", attributes=ATTRIBUTES)
    return Edit({}, card, references=of_reader(reader, ATTRIBUTES))


def shared(data: SharedAttributes, n: int) -> tuple[Any, ...]:
    """(targets, attributes, references as items), by the latents that were given."""
    x0, cond, pictures, asked, values = data.referred(n, generator(1, "data"))
    rows = {latent.numpy().tobytes(): i for i, latent in enumerate(data.made.latents.float())}
    which = [rows[one.numpy().tobytes()] for one in x0]
    others = [[rows[one.numpy().tobytes()] for one in row] for row in pictures]
    return which, others, asked, values, cond


# -- material --------------------------------------------------------------------------------------------------------------


def test_references_share_what_is_wanted_and_agree_otherwise_by_chance(data: SharedAttributes) -> None:
    which, others, asked, values, _ = shared(data, 400)
    made = data.made
    agreed: list[bool] = []
    for target, row, names, theirs in zip(which, others, asked.tolist(), values.tolist(), strict=True):
        assert names[0] != NONE
        for other, attribute, value in zip(row, names, theirs, strict=True):
            if attribute != NONE:
                assert other != target and made.values[other, attribute] == made.values[target, attribute] == value
                unasked = {0, 1, 2} - {attribute}  # of uniform factors
                agreed += [bool(made.values[other, a] == made.values[target, a]) for a in unasked]
    assert 0.15 < sum(agreed) / len(agreed) < 0.4  # 1/8, 1/4 and 1/3


def test_no_caption_states_what_is_wanted_of_a_picture(data: SharedAttributes) -> None:
    made = data.made
    for row, stated in enumerate(made.stated):
        assert not stated[row % len(ATTRIBUTES)]
        said = WORLD.read(made.lines.said[row].text).stated
        assert {name for name in ATTRIBUTES if name in said} == {n for n, there in zip(ATTRIBUTES, stated, strict=True) if there}
    asked = data.referred(300, generator(2, "data"))[3]
    assert {int((row != NONE).sum()) for row in asked} == {1, 2, 3}


# -- teaching --------------------------------------------------------------------------------------------------------------


def test_an_update_changes_what_reads_references_alone(nano: Any, data: SharedAttributes) -> None:
    before = outputs(nano)
    taught = method(nano, data)
    frozen = [p.detach().clone() for p in taught.network.parameters()]
    ours = [p.detach().clone() for p in taught.learned.parameters()]
    for _ in Trainer(taught, TrainerConfig(steps=2, warmup=0)).run():
        pass
    assert all(torch.equal(a, b) for a, b in zip(frozen, taught.network.parameters(), strict=True))
    assert all(not torch.equal(a, b) for a, b in zip(ours, taught.learned.parameters(), strict=True))
    assert equal(outputs(nano), before)


def test_values_are_named_better_once_they_are_taught(nano: Any, data: SharedAttributes) -> None:
    taught = method(nano, data, lr=5e-3, batch=16, name_first=30, drop_references=0.0)
    log = [dict(p.log) for p in Trainer(taught, TrainerConfig(steps=40, warmup=0)).run()]
    assert log[0]["misnamed"] == pytest.approx(math.log(8))  # the most values that an attribute has: nothing is known at first
    assert sum(one["misnamed"] for one in log[-5:]) / 5 < 0.75 * torch.tensor([8, 4, 3, 3]).log().mean()
    assert ["mse" in one for one in (log[29], log[30])] == [False, True]


# -- hearing ---------------------------------------------------------------------------------------------------------------


def heard(denoiser: Denoiser, model: Any, reader: Reader, tokens: torch.Tensor) -> torch.Tensor:
    cond = {**outputs(model), references_key(TAUGHT): tokens}
    cond.pop("out")
    x = randn((2, *model.shape), generator(4, "x"))
    with torch.no_grad(), hearing(denoiser.network.adapted, reader), shown(cond):  # type: ignore[union-attr]
        return denoiser.network(x, torch.tensor([500.0, 500.0]), cond)


def test_no_reference_is_no_change_and_the_order_of_references_is_none_either(nano: Any) -> None:
    references = edit_for(nano).references
    assert references is not None
    reader, denoiser = references.reader(nano.shape), nano.trainable_under_adapter()
    pictures, wanted = randn((2, 2, *nano.shape), generator(5, "p")), torch.tensor([[0, 1], [2, 3]])
    tokens, none = reader(pictures, wanted), reader(pictures, torch.full((2, 2), NONE))
    assert not none.any()
    bare = heard(denoiser, nano, reader, none)
    there = heard(denoiser, nano, reader, tokens)
    turned = heard(denoiser, nano, reader, reader(pictures.flip(1), wanted.flip(1)))
    one = heard(denoiser, nano, reader, reader(pictures, torch.tensor([[0, NONE], [2, NONE]])))
    cond = {k: v for k, v in outputs(nano).items() if k != "out"}
    with torch.no_grad():
        plain = denoiser.network(randn((2, *nano.shape), generator(4, "x")), torch.tensor([500.0, 500.0]), cond)
    assert torch.equal(bare, plain)
    assert (there - plain).abs().max() > 0.01
    torch.testing.assert_close(there, turned, atol=1e-5, rtol=1e-4)
    assert (one - there).abs().max() > 1e-3


def test_references_are_written_read_worn_and_taken_off_bit_for_bit(model: Any, tmp_path: Path) -> None:
    before, edit = outputs(model), edit_for(model)
    assert edit.references is not None
    pictures = randn((1, 2, *model.shape), generator(6, "p"))
    with torch.no_grad():
        tokens = edit.references.reader(model.shape)(pictures, torch.tensor([[0, 3]])).expand(2, -1, -1)
    model.adapter_files.write(edit.half(), tmp_path / "looks.safetensors")
    report = model.load_adapter("looks", tmp_path / "looks.safetensors")
    assert (report.matched, report.unmatched) == (len(edit.references.places), 0)
    assert equal(outputs(model), before)
    key = model.text_key
    model.refer("looks", pictures, [["color", "position"]])
    assert model.text_key != key
    read = outputs(model)
    torch.testing.assert_close(read.pop(references_key("looks")), tokens, atol=2e-2, rtol=2e-2)
    assert equal(read, before)  # it is not on
    model.use_adapters([("looks", 1.0)])
    worn = outputs(model)
    assert farthest({"out": worn["out"]}, before) > 1e-3
    null = model.null({name: value for name, value in worn.items() if name != "out"})
    assert not null[references_key("looks")].any()
    model.use_adapters([("looks", 0.0)])
    assert torch.equal(outputs(model)["out"], before["out"])
    model.use_adapters([("looks", 1.0)])
    model.forget_references("looks")
    assert equal(outputs(model), before)
    model.unload_adapter("looks")
    assert equal(outputs(model), before) and model.text_key == key


def test_what_is_taught_is_what_is_worn(nano: Any, data: SharedAttributes) -> None:
    taught = method(nano, data)
    for _ in Trainer(taught, TrainerConfig(steps=2, warmup=0)).run():
        pass
    learned = taught.emas["reader"]
    assert isinstance(learned, Learned)
    pictures = randn((1, 1, *nano.shape), generator(7, "p"))
    with torch.no_grad():
        tokens = learned.reader(pictures, torch.tensor([[1]])).expand(2, -1, -1)
    want = heard(taught.denoiser, nano, learned.reader, tokens)
    card = EditCard(title="Looks", kind="references", attributes=ATTRIBUTES)
    nano.load_edit("looks", Edit({}, card, references=of_reader(learned.reader, ATTRIBUTES)))
    nano.refer("looks", pictures, [["place"]])
    nano.use_adapters([("looks", 1.0)])
    cond = {name: value for name, value in outputs(nano).items() if name != "out"}
    with torch.no_grad():
        found = nano.denoiser.network(randn((2, *nano.shape), generator(4, "x")), torch.tensor([500.0, 500.0]), cond)
    nano.unload_adapter("looks")
    torch.testing.assert_close(found, want, atol=1e-4, rtol=1e-3)


# -- what does not fit -------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_said_in_a_sentence(model: Any, nano: Any, tmp_path: Path) -> None:
    edit = edit_for(model)
    model.load_edit("looks", edit)
    pictures = randn((1, 1, *model.shape), generator(6, "p"))
    with pytest.raises(
        ValueError, match="No attribute is called 'colour'; color, place, time, position fit. Did you mean 'color'"
    ):
        model.refer("looks", pictures, [["colour"]])
    model.unload_adapter("looks")
    with pytest.raises(ValueError, match="reads reference pictures, which weights alone cannot hold"):
        combined([(edit, 1.0)], edit.card)
    with pytest.raises(ValueError, match="reads reference pictures, which weights alone cannot hold"):
        Merged(model.modules, [(edit, 1.0)])
    with pytest.raises(ValueError, match="have no place for that; diffusers would fit"):
        model.adapter_files.write(edit, tmp_path / "looks.safetensors", "kohya")
    model.adapter_files.write(edit, tmp_path / "looks.safetensors")
    with pytest.raises(ValueError, match="was made for another architecture"):
        nano.load_adapter("looks", tmp_path / "looks.safetensors")
    with pytest.raises(ValueError, match="is damaged: it has no queries for 3 attributes"):
        References(ATTRIBUTES[:3], edit.references.tensors)  # type: ignore[union-attr]


def test_a_lora_reads_no_references(nano: Any) -> None:
    nano.load_adapter("size", ROOT / "assets" / "nano" / "adapters" / "size" / "adapter.safetensors")
    try:
        with pytest.raises(ValueError, match="size reads no reference pictures"):
            nano.refer("size", randn((1, 1, *nano.shape), generator(6, "p")), [["color"]])
    finally:
        nano.unload_adapter("size")
