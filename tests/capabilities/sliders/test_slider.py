"""Sliders as jobs: requests, runs to the end and off and on again, what is listed, and a method from elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from studio.capabilities.sliders import measure, task
from studio.capabilities.sliders.measure import STRENGTHS, SliderMeasurement
from studio.capabilities.sliders.request import SliderRequest, form
from studio.core.method import Card
from studio.domains import domain_of
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.jobs.spec_file import read_spec_file
from studio.library import method_cards
from studio.library.adapters import load_adapters
from studio.library.models import load_registry
from studio.workshop.training.describe import refresh
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.support.fixtures import PAIR, TOY, list_models

PRESET_FILES = [
    path for path in sorted((PRESETS / "jobs" / "sliders").glob("*.yaml")) if path.stem.startswith(("nano", "pocket"))
]


def request(**fields: Any) -> dict[str, Any]:
    small = {"pairs": {"batch": 2}, "text": {"batch": 2, "grid": 2}, "direction": {"batch": 2, "samples": 32, "sample_steps": 2}}
    method = fields.get("method", "pairs")
    moves = {} if method == "direction" else {"attribute": "size"}
    return {"name": "mover", "base": "tiny/teacher", "steps": 4, "n_scenes": 4, "measure_seeds": 2,
            "settings": small.get(method, {}), **moves, **fields}  # fmt: skip


@pytest.fixture(scope="session")
def pair(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny pair again, with text encoders that read prompts as long as those of Pocket World."""
    from studio.core.recipe import Recipe
    from studio.domains.pocket.pretrain.assemble import MAX_TOKENS
    from studio.families import open_model
    from tests.support import tiny_models

    root = tmp_path_factory.mktemp("pair")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_models, "LENGTH", MAX_TOKENS)
        for seed, name in enumerate(("teacher", "student")):
            tiny_models.sd_pipeline(root / f"{name}-parts", seed=seed, prediction="v_prediction").save_pretrained(root / name)
    teacher = open_model(root / "teacher")
    Recipe.load(weights / "student").model_copy(update={"teacher_hash": teacher.hash}).save(root / "student")
    shutil.copytree(weights / "oracle", root / "oracle")
    return root


@pytest.fixture
def hall(jobs: Jobs, pair: Path, objectives_file: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """Jobs with that pair and a catalogue of methods; pictures of two steps, for one prompt."""
    monkeypatch.setattr(measure, "TEACHER_STEPS", 2)
    monkeypatch.setattr(task, "N_PROMPTS", 1)
    monkeypatch.setenv("STUDIO_OBJECTIVES", TOY)
    list_models(jobs, pair)
    shutil.copy(objectives_file, jobs.paths.cache / "objectives.json")
    return jobs


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../x"}, "The name '../x' does not fit"),
    ({"base": "tiny/teachr"}, "Did you mean 'tiny/teacher'?"),
    ({"method": "pears"}, "There is no method of sliders 'pears'. Did you mean 'pairs'?"),
    ({"attribute": "sise"}, "There is no attribute 'sise'. Did you mean 'size'?"),
    ({"attribute": ""}, "needs something to move; an attribute, like size, would fit."),
    ({"attribute": "../size"}, "There is no attribute"),
    ({"settings": {"rank": 0}}, "rank is 0; at least 1 fits."),
    ({"settings": {"alpha": float("nan")}}, "alpha is nan; a finite number fits."),
    ({"settings": {"layers": "all"}}, "layers"),
    ({"settings": {"batch": 2, "eta": 2.0}}, "The method pairs has no setting 'eta'."),
    ({"settings": {"direction": 99}, "method": "direction"}, "direction is 99; at most 64 fits."),
    ({"trainer": {"checkpoint_evry": 3}}, "Did you mean 'checkpoint_every'?"),
    ({"steps": 0}, "steps is 0; at least 1 fits."),
    ({"measure_seeds": 10**6}, "at most 256 fits."),
    ({"steps": 10_000, "sample_every": 1}, "sample_every is 1, which makes more than 1,000 in 10,000 steps; 10 fits."),
    ({"negative": "small", "positive": "large"}, "Pairs take an attribute and no words, and 'small' was given"),
    ({"prompts": ["a house"]}, "Pairs bring their own captions"),
    ({"method": "text", "positive": "at night"}, "Only 'at night' was given; words of both ends would fit."),
    ({"method": "text", "attribute": None, "negative": "by day", "positive": "in the daytime"}, "say the same of a picture"),
    ({"method": "text", "attribute": None, "negative": "by day", "positive": "in moonlightt"}, "is not a word this model knows"),
    ({"method": "text", "attribute": "horizon"}, "No words say horizon in captions"),
    ({"method": "text", "prompts": ["a dog"]}, "is not a word this model knows"),
    ({"method": "text", "prompts": ["a small house"]}, "'a small house' states the size, which the slider moves"),
    ({"method": "text", "preserve": ["huge"]}, "'huge' states the size, which the slider moves"),
    ({"method": "text", "prompts": ["a house " * 100]}, "up to 200 fit."),
    ({"method": "direction", "attribute": "size"}, "A direction finds by itself what it moves"),
    ({"slidr": 1}, "slidr"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_a_misfit_is_one_sentence(hall: Jobs, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as refused:
        hall.submit("slider", request(**fields))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_the_attribute_that_has_no_words_is_asked_for_once_words_are_given(hall: Jobs) -> None:
    given = request(method="text", attribute=None, negative="under a clear sky", positive="with clouds", preserve=["red", "blue"])
    info = hall.get(hall.submit("slider", given))
    assert info.title == "mover: under a clear sky to with clouds by text on tiny/teacher, 4 steps"
    assert info.lane == "batch"
    assert (form("at  night"), form("tiny"), form("a {} car"), form("")) == ("{} at night", "tiny {}", "a {} car", "")


def test_the_catalogue_describes_methods_and_attributes(hall: Jobs) -> None:
    found = method_cards.objectives(hall.paths)
    assert found is not None
    sliders = found["sliders"]
    assert set(sliders["methods"]) == {"pairs", "text", "direction"}
    assert sliders["unavailable"] == {}
    assert {"rank", "alpha", "layers", "batch"} <= set(sliders["methods"]["pairs"]["schema"]["properties"])


@pytest.mark.parametrize("path", PRESET_FILES, ids=[path.stem for path in PRESET_FILES])
def test_a_preset_can_be_submitted(hall: Jobs, path: Path) -> None:
    kind, config = read_spec_file(path)
    assert (kind, config["name"]) == ("slider", path.stem)
    assert config["base"].split("/")[0] == path.stem.split("-")[0]
    spec = hall.spec(hall.submit(kind, config))
    assert SliderRequest.model_validate(spec.config).steps == config["steps"]


def test_every_attribute_has_a_preset_for_every_size(hall: Jobs) -> None:
    used = {(c["base"].split("/")[0], c.get("attribute")) for _, c in map(read_spec_file, PRESET_FILES)}
    assert {(size, name) for size in ("nano", "pocket") for name in domain_of("pocket").attributes} <= used


def test_a_run_trains_shows_measures_and_lists_its_slider(hall: Jobs) -> None:
    run_id = hall.submit("slider", request(title="Small to large", sample_every=2))
    assert here(hall, run_id) == ("done", "")
    strips = of_kind(hall, run_id, "strip")
    assert [(s["step"], s["count"], s["strengths"], s["sampling_steps"]) for s in strips] == [
        (step, 5, [-2, -1, 0, 1, 2], 2) for step in (0, 2, 4)]  # fmt: skip
    assert all(hall.artifact(run_id, s["strip"]).stat().st_size > 100 for s in strips)
    responses = of_kind(hall, run_id, "response")
    assert {r["model"] for r in responses if r["calibrated"]} == {"tiny/teacher", PAIR}
    assert [p["strength"] for p in responses[0]["points"]] == [-1, -0.5, 0, 0.5, 1]

    entry = load_adapters(hall.paths).get("mine/mover")
    assert (entry.available, entry.title, entry.base, entry.ranks) == (True, "Small to large", "tiny/teacher", (4,))
    card = entry.card
    assert (card["kind"], card["attribute"], card["unit"]) == ("slider", "size", "of the picture's side")
    assert set(card["measured"]["models"]) == {"tiny/teacher", PAIR}
    measured = card["measured"]["models"][PAIR]
    assert {"slope", "spearman", "points", "accuracy_change", "moved", "even"} <= set(measured)
    assert measured["scale"] == card["calibration"] == entry.calibration > 0
    assert card["note"] == card["measured"]["calibration"]["sentence"]
    result = hall.result(run_id)
    assert result is not None
    assert (result["adapter"], entry.run) == ("mine/mover", run_id)

    registry = load_registry(hall.paths)
    assert [entry.fits(registry.get(name)) for name in ("tiny/teacher", PAIR, "nano/teacher")] == [True, True, False]
    assert "is for models of 16 pixels, and nano/teacher draws" in entry.misfit(registry.get("nano/teacher"))
    with pytest.raises(ValueError, match="There is an adapter mine/mover already"):
        hall.submit("slider", request())
    json.dumps(entry.plain())


def scripted(monkeypatch: pytest.MonkeyPatch, cost: Any) -> None:
    """SliderMeasurement.measure without pictures: the mean amount is the scale, of a span of 2.

    cost: (model, scale) -> accuracy change.
    """

    def measure(
        self: SliderMeasurement, model: Any, entry: Any, adapter: Any, step: int, scale: float, strengths: Any = STRENGTHS
    ) -> Any:
        seen = {"accuracy": 0.9, "in_distribution": 1.0}
        points = [{"strength": s, "amount": s * scale, "low": s * scale, "high": s * scale, **seen} for s in strengths]
        slope = {"value": scale, "low": scale, "high": scale, "n": 96, "note": ""}
        return {"n": 96, "points": points, "slope": slope, "spearman": 1.0, "even": [-1.0, 1.0], "sampling_steps": 2, "moved": {},
                "accuracy_change": cost(entry.id, scale)}  # fmt: skip

    monkeypatch.setattr(SliderMeasurement, "measure", measure)
    monkeypatch.setattr(task, "_span", lambda *_: 2.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bearable", "scale", "said"),
    [
        (9.0, 0.5, ""),
        (0.3, 0.25, f"At 2 times that {PAIR} shows what prompts state besides in 10 points fewer of the pictures."),
        (0.2, 0.125, f"At 2 times that {PAIR} shows"),
        (0.0, 0.125, f"At strength 1, too, {PAIR} shows"),
    ],
)
def test_a_unit_that_costs_a_model_too_much_is_halved(
    hall: Jobs, monkeypatch: pytest.MonkeyPatch, bearable: float, scale: float, said: str
) -> None:
    scripted(monkeypatch, lambda model, at: -0.1 if model == PAIR and at > bearable else 0.0)
    run_id = hall.submit("slider", request(sample_every=0))
    assert here(hall, run_id) == ("done", "")
    entry = load_adapters(hall.paths).get("mine/mover")
    found = entry.card["measured"]["calibration"]
    assert (entry.calibration, found["share"], found["reached"]) == (scale, scale, True)
    assert found["sentence"].startswith(
        f"Strength 1 is scale {scale:.3g}: from −1 to 1 the mean on tiny/teacher moves by {2 * scale:.3g}"
    )
    assert said in found["sentence"] and ("times" in found["sentence"]) == (scale < 0.5)
    assert {row["scale"] for row in entry.card["measured"]["models"].values()} == {scale}
    result = hall.result(run_id)
    assert result is not None and bool(result["notices"]) == (scale < 0.5)


@pytest.mark.parametrize("change", [-0.04, -0.0104 * 2, 0.02])
def test_what_is_within_the_noise_of_a_few_pictures_halves_nothing(
    hall: Jobs, monkeypatch: pytest.MonkeyPatch, change: float
) -> None:
    scripted(monkeypatch, lambda model, at: change)
    assert here(hall, hall.submit("slider", request(sample_every=0)))[0] == "done"
    assert load_adapters(hall.paths).get("mine/mover").calibration == 0.5


def test_the_file_holds_what_was_trained(hall: Jobs, pair: Path) -> None:
    from studio.families import adapter_files, open_model

    run_id = hall.submit("slider", request(sample_every=0, measure_every=0))
    assert here(hall, run_id) == ("done", "")
    assert not of_kind(hall, run_id, "strip") and not of_kind(hall, run_id, "response")
    model = open_model(pair / "teacher")
    edit, report = adapter_files.read(load_adapters(hall.paths).get("mine/mover").file, adapter_files.targets(model.modules))
    averaged = checkpoint(hall, run_id)["ema"]["adapter"]["module"]
    assert report.unmatched == 0 and len(averaged) == 2 * report.matched
    for path, layer in edit.pairs.items():
        key = path.removeprefix("unet.").replace(".", "/")
        assert torch.equal(layer.up, averaged[f"up.{key}"].half())  # as files hold it
        assert torch.equal(layer.down, averaged[f"down.{key}"].half())
    assert (edit.card.calibration, edit.card.base_hash) == (1.0, model.hash)
    assert edit.card.note == "Nothing was measured, so strength 1 is scale 1."


@pytest.mark.slow
def test_a_run_that_is_stopped_and_resumed_ends_as_one_that_was_not(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in the middle of training, then again between two models that are measured at the end."""
    straight = hall.submit("slider", request(name="straight", sample_every=2))
    assert here(hall, straight) == ("done", "")
    run_id = hall.submit("slider", request(name="broken-off", sample_every=2))
    real, asked = SliderMeasurement.measure, SliderMeasurement.draw

    def stop_at_the_strip(self: SliderMeasurement, *args: Any) -> Tensor:
        if of_kind(hall, run_id, "strip"):
            hall.stop(run_id)
        return asked(self, *args)

    monkeypatch.setattr(SliderMeasurement, "draw", stop_at_the_strip)
    state, note = here(hall, run_id)
    assert (state, note) == ("stopped", "Stopped at step 2 of 4; a checkpoint is saved.")
    monkeypatch.setattr(SliderMeasurement, "draw", asked)
    measured: list[str] = []

    def stop_at_the_student(self: SliderMeasurement, model: Any, entry: Any, *args: Any) -> dict[str, Any]:
        measured.append(entry.id)
        if len(measured) == 1:
            hall.stop(run_id)
        return real(self, model, entry, *args)

    monkeypatch.setattr(SliderMeasurement, "measure", stop_at_the_student)
    hall.resume(run_id)
    state, note = here(hall, run_id)
    assert (state, note) == ("stopped", "Trained to the end, step 4; measuring goes on when it is resumed.")
    assert measured == ["tiny/teacher"]
    assert not load_adapters(hall.paths).entries.get("mine/broken-off")
    hall.resume(run_id)
    assert here(hall, run_id) == ("done", "")
    assert_equal(checkpoint(hall, run_id), checkpoint(hall, straight))
    results = [hall.result(i) for i in (run_id, straight)]
    assert results[0] is not None and results[1] is not None
    assert results[0]["responses"] == results[1]["responses"]
    assert len({s["step"] for s in of_kind(hall, run_id, "strip")}) == len(of_kind(hall, run_id, "strip")) == 3


def test_two_prompts_of_ones_own_on_a_student(hall: Jobs) -> None:
    fields = request(method="text", attribute=None, negative="by day", positive="at night", base=PAIR, sample_every=0,
                     preserve=["red"], settings={"batch": 2})  # fmt: skip
    run_id = hall.submit("slider", fields)
    assert here(hall, run_id) == ("done", "")
    card = load_adapters(hall.paths).get("mine/mover").card
    assert (card["base"], card["attribute"]) == (PAIR, "by day to at night")
    assert card["base_recipe"] == "4 steps, lcm, guidance 1"
    assert (card["settings"]["grid"], card["settings"]["guidance"]) == (4, 1.0), "noisy states as its recipe samples them"
    assert set(card["measured"]["models"]) == {PAIR, "tiny/teacher"}
    assert not {"time", "stars"} & set(card["measured"]["models"][PAIR]["moved"]), "what it moves on purpose is no damage"


def test_a_direction_is_measured_along_itself_and_says_which_factors_moved(hall: Jobs) -> None:
    run_id = hall.submit("slider", request(method="direction", sample_every=0))
    assert here(hall, run_id) == ("done", "")
    entry = load_adapters(hall.paths).get("mine/mover")
    assert entry.card["kind"] == "direction"
    row = entry.card["measured"]["models"]["tiny/teacher"]
    assert entry.card["attribute"] == f"direction 1: {', '.join(list(row['moved'])[:3])}"
    assert entry.card["unit"] == "standard deviations of the base's own spread"
    assert row["unit"] == entry.card["unit"]


def test_a_method_from_elsewhere_is_checked_and_trained(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that registers itself is all there is to write."""
    from studio.methods.sliders import SLIDERS
    from studio.methods.sliders.slider import Slider, SliderConfig

    SLIDERS.all()
    monkeypatch.setattr(SLIDERS, "_members", dict(SLIDERS._members))

    class LeanConfig(SliderConfig):
        push: float = 0.1

    @SLIDERS.add("lean")
    class Lean(Slider[LeanConfig]):
        card = Card(title="Lean", paper="none", status="made up", good_for="a test")
        Config = LeanConfig

        def batch(self) -> Any:
            return self.contrast.samples(self.config.batch, self.streams["data"])

        def iteration(self, batch: Any, step: int) -> Iterator[tuple[str, Tensor]]:
            x0, level, cond = batch
            x, t, _ = self.noised(x0, cond)
            wanted = self.output(x, t, cond).detach() + self.config.push * level.view(-1, 1, 1, 1)
            yield "adapter", ((self.output(x, t, cond, level) - wanted) ** 2).mean()

    (hall.paths.cache / "objectives.json").unlink()
    refresh(hall.paths)
    with pytest.raises(ValueError, match="The method lean has no setting 'pus'. Did you mean 'push'?"):
        hall.submit("slider", request(method="lean", settings={"pus": 1}))
    run_id = hall.submit("slider", request(method="lean", settings={"batch": 2, "push": 0.2}, sample_every=0, measure_every=0))
    assert here(hall, run_id) == ("done", "")
    card = load_adapters(hall.paths).get("mine/mover").card
    assert (card["method"], card["settings"]["method"], card["settings"]["push"]) == ("Lean", "lean", 0.2)
