"""Sliders: adapters with a strength for each sample, the material of attributes, and the methods that train on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from studio.core.lowrank import Adapter, applied
from studio.core.method import Streams
from studio.core.rng import generator
from studio.core.trainer import Trainer, TrainerConfig
from studio.core.unet import UNetNetwork
from studio.domains.pocket.attributes import ATTRIBUTES
from studio.domains.pocket.captions import parse
from studio.domains.pocket.face import PocketWorld
from studio.domains.pocket.oracle import load_oracle
from studio.domains.pocket.scene import FACTORS
from studio.families import open_model
from studio.families.stable.trainable import slider_denoiser, teacher_denoiser
from studio.jobs.paths import ROOT
from studio.methods.sliders import SLIDERS
from studio.workshop.material.attribute_pairs import AttributeContrast
from studio.workshop.material.phrases import placed

NANO = ROOT / "assets" / "nano"
SMALL = {"pairs": {"batch": 4}, "text": {"batch": 4, "grid": 4}, "direction": {"batch": 4, "samples": 32, "sample_steps": 2}}


@pytest.fixture(scope="module")
def model() -> Any:
    return open_model(NANO / "teacher", "nano/teacher")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("latents")


def contrast(model: Any, folder: Path, name: str = "time-of-day", **given: Any) -> AttributeContrast:
    return AttributeContrast(
        model, PocketWorld(), ATTRIBUTES[name], folder, oracle=load_oracle(NANO / "oracle"), n_items=12, **given
    )


@pytest.fixture(scope="module")
def taught(model: Any, folder: Path) -> AttributeContrast:
    return contrast(model, folder)


# -- adapters ------------------------------------------------------------------------------------------------------------


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Flatten(), nn.Linear(16, 5))


def test_an_adapter_is_nothing_at_first_one_strength_a_sample_and_leaves_no_trace() -> None:
    net, x = small_net(), torch.randn(3, 3, 4, 4)
    adapter = Adapter({"0": net[0], "2": net[2]}, rank=2, alpha=3.0, seed=1)
    before = net(x)
    with applied(net, adapter, 1.0):
        assert torch.equal(net(x), before)
    for weight in adapter.up.values():
        nn.init.normal_(weight, generator=torch.Generator().manual_seed(2))
    with applied(net, adapter, torch.tensor([0.0, 1.0, -2.0])):
        mixed = net(x)
    assert torch.equal(mixed[0], before[0])
    for row, strength in ((1, 1.0), (2, -2.0)):
        with applied(net, adapter, strength):
            assert torch.allclose(net(x)[row], mixed[row], atol=1e-6)
    assert torch.equal(net(x), before)
    with pytest.raises(ValueError, match="2 strengths were given for 3 samples"), applied(net, adapter, torch.ones(2)):
        net(x)
    assert torch.equal(net(x), before)


def test_an_adapter_becomes_an_edit_with_the_same_effect() -> None:
    from studio.core.edit import EditCard, Merged

    net, x = small_net(), torch.randn(3, 3, 4, 4)
    adapter = Adapter({"0": net[0], "2": net[2]}, rank=2, alpha=3.0)
    for weight in adapter.up.values():
        nn.init.normal_(weight, std=0.1)
    with applied(net, adapter, 0.5):
        wanted = net(x)
    with Merged({"unet": net}, [(adapter.edit(EditCard(title="t")), 0.5)]):
        assert torch.allclose(net(x), wanted, atol=1e-5)
    with pytest.raises(ValueError, match="rank 0"):
        Adapter({"0": net[0]}, rank=0)
    with pytest.raises(ValueError, match="no layer was chosen"):
        Adapter({}, rank=2)


def test_sets_of_layers_are_what_they_say(model: Any) -> None:
    found = {
        name: set(UNetNetwork(model.parts.unet).adaptable(name))
        for name in ("no cross-attention", "everything", "cross-attention")
    }  # type: ignore[arg-type]
    assert found["no cross-attention"] | found["cross-attention"] == found["everything"]
    assert not found["no cross-attention"] & found["cross-attention"]
    assert all(".attn2." in place for place in found["cross-attention"])
    assert not any(place.startswith(("conv_in", "conv_out", "time_embedding")) for place in found["everything"])


# -- attributes ----------------------------------------------------------------------------------------------------------


def true_readings(scenes: list[Any]) -> Any:
    labels = {f: torch.tensor([scene.labels()[f] for scene in scenes]) for f in FACTORS}
    values = {"size": torch.tensor([s.scale for s in scenes]), "horizon": torch.tensor([s.horizon_y for s in scenes])}
    return SimpleNamespace(labels=labels, values=values)


@pytest.mark.parametrize("name", list(ATTRIBUTES))
def test_an_attribute_rises_with_its_level_and_moves_nothing_else(name: str) -> None:
    a = ATTRIBUTES[name]
    rows = {level: [a.make(np.random.default_rng([3, i]), level) for i in range(40)] for level in (-1.0, 0.0, 1.0)}
    low, middle, high = (float(a.read(true_readings(rows[level])).mean()) for level in (-1.0, 0.0, 1.0))
    assert low < middle < high
    for one, other in zip(rows[-1.0], rows[1.0], strict=True):
        different = {f for f in FACTORS if getattr(one, f) != getattr(other, f)}
        assert different <= set(a.factors)


def test_prompts_of_a_slider_do_not_speak_of_its_attribute(taught: AttributeContrast) -> None:
    assert all(not {"time", "stars"} & set(parse(line.text).stated) for line in taught.lines)
    x0, level, cond = taught.samples(6, generator(0, "data"))
    assert x0.shape == (6, *taught.shape)
    assert level.tolist()[::2] == [-v for v in level.tolist()[1::2]]  # both ends of one scene, side by side
    assert torch.equal(cond["states"][0], cond["states"][1])


def test_words_of_a_slider_stand_where_captions_have_them(model: Any, folder: Path) -> None:
    named = contrast(model, folder, "size", prompts=("a red house", "an orange tree"), preserve=("pink",))
    assert [line.text for line in named.lines] == ["a pink red house", "a pink orange tree"]
    assert placed("small {}", "an orange tree") == "a small orange tree"
    assert placed("orange {}", "a tree") == "an orange tree"
    assert placed("{} at night", "a tree") == "a tree at night"
    assert placed("a photo of {} in winter", "a tree") == "a photo of a tree in winter"
    with pytest.raises(ValueError, match="No words say clutter"):
        contrast(model, folder, "clutter").words(2, generator(0, "data"))


# -- methods -------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=list(SLIDERS.all()))
def trainer(request: Any, model: Any, taught: AttributeContrast, tmp_path: Path) -> Iterator[Any]:
    cls = SLIDERS.get(request.param)

    def make(name: str) -> Trainer:
        config = cls.Config.model_validate(SMALL[request.param])
        return Trainer(cls(config, Streams(0), teacher_denoiser(model), taught), TrainerConfig(steps=4), tmp_path / name)

    return make


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in trainer.method.adapter.state_dict().items()}


@pytest.mark.slow
def test_an_update_changes_the_adapter_alone_and_a_resumed_run_is_the_same(trainer: Any) -> None:
    straight = trainer("straight")
    unet = {k: v.clone() for k, v in straight.method.network.state_dict().items()}
    first = weights(straight)
    list(straight.run())
    assert any(not torch.equal(value, first[key]) for key, value in weights(straight).items())
    assert all(torch.equal(value, unet[key]) for key, value in straight.method.network.state_dict().items())
    broken = trainer("broken")
    for progress in broken.run():
        if progress.step == 2:
            broken.save()
            break
    again = trainer("broken")
    again.resume()
    list(again.run())
    assert all(torch.equal(value, weights(straight)[key]) for key, value in weights(again).items())


def test_a_network_that_reads_more_conditions_trains_these_models_bit_for_bit_alike(
    model: Any, taught: AttributeContrast
) -> None:
    found = []
    for denoiser in (teacher_denoiser(model), slider_denoiser(model)):
        cls = SLIDERS.get("text")
        trainer = Trainer(
            cls(cls.Config.model_validate(SMALL["text"]), Streams(0), denoiser, taught), TrainerConfig(steps=2), None
        )
        list(trainer.run())
        found.append(weights(trainer))
    assert all(torch.equal(value, found[1][key]) for key, value in found[0].items())


def test_a_card_says_what_each_is_for() -> None:
    for cls in SLIDERS.all().values():
        assert cls.card.title and cls.card.paper and cls.card.good_for and cls.card.how
        assert cls.Config.model_validate(cls.Config().model_dump()) == cls.Config()


@pytest.mark.learning
def test_a_slider_of_pairs_learns_both_ends(model: Any, folder: Path) -> None:
    """On what it was shown, strength s beats no strength at level s; the wrong sign is worse than none."""
    cls = SLIDERS.get("pairs")
    taught = contrast(model, folder)
    method = cls(cls.Config.model_validate({"batch": 8, "drop": 0.0}), Streams(0), teacher_denoiser(model), taught)
    list(Trainer(method, TrainerConfig(steps=60, warmup=5), None).run())
    x0, level, cond = taught.samples(16, generator(5, "test"))
    x, t, target = method.noised(x0, cond)
    with torch.no_grad():
        errors = [float(((method.output(x, t, cond, sign * level) - target) ** 2).mean()) for sign in (1.0, 0.0, -1.0)]
    assert errors[0] < errors[1] < errors[2]


@pytest.mark.learning
def test_a_slider_of_words_turns_towards_their_difference(model: Any, taught: AttributeContrast) -> None:
    cls = SLIDERS.get("text")
    config = cls.Config.model_validate({"batch": 8, "grid": 4, "drop": 0.0})
    method = cls(config, Streams(0), teacher_denoiser(model), taught)
    list(Trainer(method, TrainerConfig(steps=30, warmup=5), None).run())
    neutral, low, high = taught.words(16, generator(5, "test"))
    x, t = method.states(neutral, torch.zeros(16))
    with torch.no_grad():
        base = method.output(x, t, neutral)
        asked = (method.output(x, t, high) - method.output(x, t, low)).flatten(1)
        for sign in (1.0, -1.0):
            moved = (method.output(x, t, neutral, torch.full((16,), sign)) - base).flatten(1)
            assert float(torch.cosine_similarity(sign * moved, asked).mean()) > 0.2


@pytest.mark.learning
def test_a_discovered_slider_moves_along_its_direction(model: Any, taught: AttributeContrast) -> None:
    cls = SLIDERS.get("direction")
    config = cls.Config.model_validate({"batch": 8, "samples": 64, "sample_steps": 4})
    method = cls(config, Streams(0), teacher_denoiser(model), taught)
    along = [progress.log["along"] for progress in Trainer(method, TrainerConfig(steps=40, warmup=5), None).run()]
    assert sum(along[-10:]) / 10 > 0.1 > abs(along[0])


def test_settings_that_do_not_fit_are_one_sentence(model: Any, taught: AttributeContrast) -> None:
    cls = SLIDERS.get("pairs")
    with pytest.raises(ValueError, match="t_min below t_max would"):
        cls(cls.Config(t_min=0.6, t_max=0.5), Streams(0), teacher_denoiser(model), taught)
    discover = SLIDERS.get("direction")
    config = discover.Config.model_validate({"direction": 64, "samples": 32, "sample_steps": 2, "batch": 16})
    with pytest.raises(ValueError, match="direction 64 does not fit"):
        discover(config, Streams(0), teacher_denoiser(model), taught).batch()
