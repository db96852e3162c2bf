"""Executing a slider: open the base, train one adapter, show and measure it on the way, calibrate and list it. In a worker.

While it trains, the strength is the adapter's own scale, at whose ends ±1 it is taught. At the end it is calibrated on the
base: strength 1 becomes the scale at which going from −1 to 1 moves the mean amount by half of the attribute's span (the
difference that the oracle reads between renders of its two ends; for a direction, between −2 and 2 standard deviations).
Where that makes the base or a model of its family show what prompts state less often, a unit of half as much is tried, and
half of that: strengths up to 1 are meant to leave alone what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from torch import Tensor

from studio.capabilities.sliders.card import of_a_slider
from studio.capabilities.sliders.measure import STRENGTHS, SliderMeasurement
from studio.capabilities.sliders.request import SliderRequest
from studio.capabilities.sliders.task import SliderTask, open_task
from studio.core.explain import explain
from studio.core.files import Json
from studio.core.lowrank import Adapter
from studio.core.method import Method
from studio.library import adapters
from studio.library.measured_arms import Column
from studio.library.models import ModelEntry
from studio.methods.distill import METHODS
from studio.methods.sliders import SLIDERS
from studio.metrics.calibration import calibrated
from studio.workshop.training.job import TrainingJob
from studio.workshop.training.strips import Strip

SHOWN = (-2.0, -1.0, 0.0, 1.0, 2.0)
SHOWN_PROMPTS, SHOWN_SEEDS = 2, (0,)
FURTHER = (2.0, 3.0)  # scales that are looked at when the trained ends move too little
SHARE = 0.5  # of the span, moved from strength −1 to 1
LOSS = 0.04  # of the pictures that show what their prompts state besides: a unit that costs a model more is halved …
LOST = 3  # … if it is so many pictures …
HALVINGS = 2  # … and not more often
UNCALIBRATED: Json = {"scale": 1.0, "reached": False, "sentence": "Kept on the way and not calibrated: strength 1 is scale 1."}


class Sliding(TrainingJob[SliderRequest]):
    """One run of the kind `slider`. calibration: {"scale", "reached", "sentence", …}, once it is known."""

    THING, EVENT, ROW, ROWS = "slider", "adapter", "response", "responses"
    AIM = Column("the slope a unit of strength", ("slope",), False)
    stage: SliderTask
    bench: SliderMeasurement
    calibration: Json = {}

    def build(self) -> Method:
        METHODS.all()  # modules of objectives from elsewhere may bring methods of sliders
        request, chosen = self.request, SLIDERS.get(self.request.method)
        make: Callable[..., Method] = chosen
        self.stage = open_task(self.entry, self.model, request, self.job, self.preparing, self.between)
        config = chosen.Config.model_validate({**self._usual(set(chosen.Config.model_fields)), **request.settings})
        method = make(config, self.streams, self.model.trainable_under_adapter(), self.stage.contrast)
        self.stage.take(method)
        return method

    def _usual(self, known: set[str]) -> Json:
        """Of the settings a method knows, those that a student's recipe decides: how noisy states are sampled."""
        if self.entry.role == "teacher":
            return {}
        recipe = self.entry.recipe or {}
        own = {"guidance": max(1.0, float(recipe.get("guidance", 1.0))), "grid": max(2, self.entry.steps),
               "sample_steps": max(2, self.entry.steps)}  # fmt: skip
        return {name: value for name, value in own.items() if name in known}

    def prepare(self) -> None:
        self.bench = SliderMeasurement(self.stage, self.between, self.request.measure_seeds)

    @property
    def adapter(self) -> Adapter:
        """As it is now."""
        return self.taught("adapter", Adapter)

    # -- on the way ------------------------------------------------------------------------------------------------

    def strip(self, step: int) -> Strip:
        """Every prompt and seed at strengths −2 to 2, side by side."""
        columns = [self._bare if s == 0 or step == 0 else self._drawn(s) for s in SHOWN]
        steps, said = self.bench.plan(self.entry, self.model).steps, {"strengths": list(SHOWN)}
        return Strip(columns, steps, self.stage.prompts[:SHOWN_PROMPTS], SHOWN_SEEDS, said)

    @cached_property
    def _bare(self) -> Tensor:
        """What a strip shows at strength 0."""
        return self._drawn(0.0)

    def _drawn(self, strength: float) -> Tensor:
        prompts = self.stage.prompts[:SHOWN_PROMPTS]
        rows, seeds = [p for p in prompts for _ in SHOWN_SEEDS], list(SHOWN_SEEDS) * len(prompts)
        return self.bench.draw(self.model, self.entry, self.adapter, strength, rows, seeds)

    def figures(self, step: int) -> Json | None:
        return None if self.stage.oracle is None else self._figures(self.entry, step, 1.0)

    def headline(self, row: Json) -> dict[str, float]:
        return {"measure/slope": row["slope"]["value"] or 0.0, "measure/spearman": row["spearman"] or 0.0}

    def _figures(
        self, entry: ModelEntry, step: int, scale: float, is_calibrated: bool = False, strengths: tuple[float, ...] = STRENGTHS
    ) -> Json:
        self.job.state("running", f"Measuring {entry.title} at strengths {strengths[0]:g} to {strengths[-1]:g}.")
        found = self.bench.measure(self.job.tools.models.whole(entry), entry, self.adapter, step, scale, strengths)
        return {"model": entry.id, "title": entry.title, "role": entry.role, "step": step, "scale": scale,
                "calibrated": is_calibrated, "unit": self.stage.unit, **found}  # fmt: skip

    # -- after -----------------------------------------------------------------------------------------------------

    def ending(self) -> float:
        return float(len(self._models()))

    def finish(self) -> None:
        if self.request.measures_at and self.stage.oracle is not None:
            self._calibrate()
        else:
            nothing = "Nothing was measured, so strength 1 is scale 1."
            if self.request.measures_at:
                nothing = f"Nobody reads what it moves on {self.entry.id}, so nothing was measured and strength 1 is scale 1."
            self.calibration = {"scale": 1.0, "reached": False, "sentence": nothing}
            self.notice(self.calibration["sentence"])
        self.heard()

    def _calibrate(self) -> None:
        """Find strength 1 and measure the base and its family there; with a smaller unit where it costs too much."""
        known = self.stage.measure is None  # how far the attribute's ends are apart
        self.calibration = self._unit(SHARE) if known else self._at_its_own_scale()
        cost = self._family()
        for halving in range(1, HALVINGS + 1 if known else 1):
            smaller = self._unit(SHARE / 2**halving) if cost else self.calibration
            if smaller["scale"] == self.calibration["scale"]:
                break
            smaller["sentence"] += f" At {self.calibration['scale'] / smaller['scale']:.2g} times that {cost}."
            self.calibration = smaller
            cost = self._family()
        else:
            if cost:
                self.calibration["sentence"] += f" At strength 1, too, {cost}."
        if cost or not self.calibration["reached"] or self.calibration["share"] != SHARE:
            self.notice(self.calibration["sentence"])

    def _family(self) -> str:
        """Measure the base and its family at strength 1. What it costs the one that suffers most, where that is too much."""
        for entry in self._models():
            self.heard()
            self._transfer(entry)
        costs = [(-row["accuracy_change"], row) for row in self._final() if row["accuracy_change"] is not None]
        loss, row = max(costs, key=lambda cost: cost[0], default=(0.0, {}))
        if loss <= LOSS or round(loss * row["n"]) < LOST:
            return ""
        return f"{row['model']} shows what prompts state besides in {100 * loss:.0f} points fewer of the pictures"

    def _final(self) -> list[Json]:
        """What was measured at strength 1 as it is now, a row a model."""
        return [row for row in self.rows if row["calibrated"] and row["scale"] == self.calibration.get("scale")]

    def _unit(self, share: float) -> Json:
        """The scale at which strengths −1 and 1 are so much of the span apart on the base."""
        step, base = self.trainer.step, self.entry.id
        wanted = share * abs(self.stage.span())
        scale, reached = calibrated(self._points(), wanted)
        for further in FURTHER:
            if not reached and scale == max(points[0] for points in self._points()):
                self.heard()
                self.keep_row(self._figures(self.entry, step, 1.0, strengths=(-further, *STRENGTHS, further)))
                scale, reached = calibrated(self._points(), wanted)
        unit = self.stage.unit
        if reached:
            sentence = f"Strength 1 is scale {scale:.3g}: from −1 to 1 the mean on {base} moves by {wanted:.3g}, {unit}."
        elif scale:
            rise = dict(self._points())[scale] - dict(self._points())[-scale]
            sentence = (
                f"Up to scale {scale:g}, where it rises steadily, the mean on {base} moves by {rise:.3g} from −1 to 1 "
                f"and not by {wanted:.3g}, {unit}; strength 1 is that scale."
            )
        else:
            scale, sentence = 1.0, f"The attribute does not rise with the strength on {base}; strength 1 stays scale 1."
        return {"scale": scale, "reached": reached, "wanted": wanted, "share": share, "sentence": sentence}

    def _at_its_own_scale(self) -> Json:
        """Where no renders of both ends say what half of the way between them is."""
        assert self.stage.measure is not None, "asked where there is one"
        sentence = f"Read by {self.stage.measure.name}, which does not know how far its ends are apart; strength 1 is scale 1."
        return {"scale": 1.0, "reached": False, "share": SHARE, "sentence": sentence}

    def _points(self) -> list[tuple[float, float]]:
        """(scale, mean amount) of all that was measured on the base at the end, before the calibration."""
        rows = [r for r in self.rows if (r["model"], r["step"], r["calibrated"]) == (self.entry.id, self.trainer.step, False)]
        return sorted({point["strength"]: point["amount"] for row in rows for point in row["points"]}.items())

    def _models(self) -> list[ModelEntry]:
        """The base, then its teacher and that teacher's students, those that can be opened."""
        family = self.entry.teacher or self.entry.id
        others = [e for e in self.job.tools.registry.entries.values() if family in (e.id, e.teacher) and e.id != self.entry.id]
        return [self.entry, *(entry for entry in others if entry.available)]

    def _transfer(self, entry: ModelEntry) -> None:
        """One model at calibrated strengths; what goes wrong with it is said, and the others go on."""
        scale = float(self.calibration["scale"])
        if any(row["model"] == entry.id for row in self._final()):
            return
        if adapters.architecture(entry.folder) != adapters.architecture(self.entry.folder):
            self.notice(f"{entry.id} has another architecture, so the slider does not fit it.")
            return
        try:
            self.keep_row(self._figures(entry, self.trainer.step, scale, True))
        except (OSError, ValueError, KeyError) as error:
            self.notice(f"The slider could not be measured on {entry.id}: {explain(error)}")

    def write(self, target: Path) -> None:
        settings = {"method": self.request.method, **self.origin()["settings"]}
        measured = {"models": {row["model"]: row for row in self._final()}, "calibration": self.calibration or UNCALIBRATED}
        about = of_a_slider(self.request, self.stage, self.entry, measured)
        self.write_edit(self.adapter.edit(self.edit_card(settings=settings, **about)), target, axis=self.stage.axis())

    def found(self) -> Json:
        return {**super().found(), "calibration": self.calibration}
