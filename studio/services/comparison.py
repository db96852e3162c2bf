"""Executing a comparison: open, encode once, draw all arms from one stream, save, measure. Runs in a worker."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from studio.core.files import plain
from studio.core.recipe import Recipe
from studio.domains.pocket import captions, scene
from studio.metrics import report
from studio.sampling.hinted import with_pictures
from studio.sampling.loop import sample_many
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_plans
from studio.sampling.record import Record
from studio.services.adapters import load_adapters
from studio.services.controlnets import load_controlnets
from studio.services.explain import explain
from studio.services.frames import SIDE, Frames, pixels
from studio.services.hint_uses import HintUse, hinted, uploads
from studio.services.images import png_bytes
from studio.services.kinds.compare import CompareRequest, label, plans_for
from studio.services.moments import Moment
from studio.services.paths import Paths
from studio.services.remedies import REMEDIES
from studio.services.run import Run, versions
from studio.services.traces import Recorder, scheduled
from studio.services.uses import AdapterUse, dressed, unused, words_of
from studio.services.wardrobe import Wardrobe, level_of

if TYPE_CHECKING:
    from studio.domains.pocket.oracle import Readings
    from studio.families.stable import Model

ALL_PREVIEWS = 8  # up to so many steps every step is previewed, beyond it every third and the last
BATCH_LATENTS = 64 * 16 * 16  # latent positions per network call (images × height × width)
REFERENCE = 512  # renders of the world under the same prompt, for FD-oracle, precision and recall
VALUE_FACTORS = {"x": "position"}  # continuous reading -> the factor that states it, where the names differ


class Comparison:
    """One run of the kind `compare`. Arms are finished one after another, in the order they were asked for."""

    def __init__(self, request: CompareRequest, run: Run):
        self.request, self.job = request, run
        self.pair = run.registry.usable(request.pair)
        self.plans: list[Plan] = plans_for(request, run.registry)
        self.seeds = list(request.seeds)
        self.notices: list[str] = []
        self.readings: dict[str, Readings] = {}
        self.pocket = self.pair.student.domain == "pocket"
        self.versions = versions()
        self.total = sum(plan.nfe for plan in self.plans) * len(self.seeds)  # network evaluations
        self.done = self.computed = 0  # evaluations behind us; those of them that were not shared
        self.begun = 0.0
        self.rows: list[dict[str, Any]] = []
        self.recovery: list[dict[str, Any]] = []
        self.models: dict[str, Model] = {}
        self.oracle: Any = None
        self.frames = Frames(run)
        self.wardrobe = Wardrobe(load_adapters(Paths(run.folder.parents[1])), run)
        self.pictures: dict[str, Tensor] = {}  # that ControlNets follow, by their id: [1, 3, H, W] in [0, 1]
        self.words = words_of(request.adapters, self.wardrobe.adapters)
        self.parsed = captions.parse(request.prompt, self.words)

    def run(self) -> dict[str, Any]:
        with self.wardrobe:
            return self._run()

    def _run(self) -> dict[str, Any]:
        self._say_notices()
        self._open()
        self._dress()
        self._hint()
        self.job.state("running")
        recorder = Recorder(self.job.folder, {plan.name: plan for plan in self.plans}, self.seeds, self.text)
        plans = {plan.name: plan for plan in self.plans}
        for plan in self.plans:
            self.job.event("steps", arm=plan.name, steps=scheduled(plan, self.models))
        seconds = 0.0
        for arm, record in self._drawn():
            seconds = record.seconds + (seconds if record.index else 0.0)
            self._step(plans[arm], record, recorder.add(arm, record), seconds)
        self._conclude()
        return self._result()

    @property
    def text(self) -> str:
        """The prompt as the text encoders should see it."""
        return captions.canonical(self.request.prompt, self.words) if self.pocket else self.request.prompt

    def _drawn(self) -> Iterator[tuple[str, Record]]:
        """Every step of every plan; a person's wish to end is looked for between two."""
        cond: Any = encode_plans(self.plans, self.models, [self.text])
        if self.pictures:
            cond = with_pictures(cond, self.pictures)
        some = next(iter(self.models.values()))
        batch = max(1, BATCH_LATENTS // (some.latent_shape[-1] * some.latent_shape[-2]))
        self.begun = time.monotonic()
        stream = sample_many(self.plans, self.models, cond, self.seeds, some.latent_shape, batch_size=batch)
        try:
            for arm, record in stream:
                yield arm, record
                self.job.check()
        finally:
            stream.close()  # type: ignore[attr-defined]

    # -- before ----------------------------------------------------------------------------------------------------

    def _say_notices(self) -> None:
        if self.pocket and (unknown := self.parsed.notice()):
            self._notice(unknown)
        recipe = Recipe.model_validate(self.pair.student.recipe)
        if sentence := recipe.off_recipe(self.request.student_steps or len(recipe.timesteps)):
            self._notice(sentence)

    def _notice(self, text: str) -> None:
        self.notices.append(text)
        self.job.notice(text)

    def _open(self) -> None:
        ids = dict.fromkeys(model for plan in self.plans for model in plan.models)
        for model_id in ids:
            entry = self.job.registry.get(model_id)
            self.job.state("loading", f"Opening {entry.title}.")
            self.models[model_id] = self.job.models.model(entry)
            self.job.check()
        shapes = {tuple(model.latent_shape) for model in self.models.values()}
        if len(shapes) > 1:
            raise ValueError(f"{' and '.join(ids)} have latents of different shapes and cannot share their steps.")
        self._say_teacher()
        folder = self.pair.student.oracle
        if not self.pocket or folder is None:
            self._without_oracle()
            return
        try:
            self.oracle = self.frames.oracle = self.job.models.oracle(folder)
        except (FileNotFoundError, ValueError, KeyError) as error:
            self._notice(f"Nothing is measured, because the oracle cannot be opened: {explain(error)}")

    def _without_oracle(self) -> None:
        self._notice("There is no oracle for this kind of picture, so nothing is measured.")

    def _dress(self) -> None:
        """Put the adapters on their steps; only now, as noise levels are known to open models alone."""
        self.plans = self._worn(self.plans, self.request.adapters)
        for sentence in unused(self.request.adapters, self.plans):
            self._notice(sentence)
        self._fetch_adapters(self.request.adapters)

    def _worn(self, plans: Sequence[Plan], uses: Sequence[AdapterUse]) -> list[Plan]:
        return dressed(plans, uses, self.job.registry, self.wardrobe.adapters, partial(level_of, self.models))

    def _fetch_adapters(self, uses: Sequence[AdapterUse]) -> None:
        """Load what plans name; one that brings words into every model, so that each knows them."""
        bring = [use.id for use in uses if self.wardrobe.adapters.get(use.id).words]
        self.wardrobe.open(self.plans, self.models, more=bring)

    def _hint(self) -> None:
        """Let the ControlNets' pictures be seen where they are on; each is kept beside the run's own pictures."""
        uses, known = self.request.hints, load_controlnets(self.wardrobe.paths)
        self.plans = hinted(self.plans, uses, self.job.registry)
        self.wardrobe.open_controls(self.plans, self.models, known, lambda id_: self.job.models.model(self.job.registry.get(id_)))
        size = next(iter(self.models.values())).image_size
        for use in uses:
            picture = hint_picture(use, known.get(use.id).hint, self.parsed.stated, size, self.wardrobe.paths)
            self.pictures[use.id] = picture
            about = {"kind": "hint", "run": self.job.spec.id, "hint": use.model_dump(mode="json")}
            name = f"artifacts/hints/{use.id.replace('/', '-')}.png"
            self.job.event("hint", id=use.id, path=self.job.artifact(name, png_bytes(pixels(picture)[0], about)))

    def _say_teacher(self) -> None:
        """Say when the student was distilled from other weights than the teacher has now."""
        teacher, recipe = self.models.get(self.pair.teacher.id), Recipe.model_validate(self.pair.student.recipe)
        if teacher is not None and recipe.teacher_hash and teacher.hash != recipe.teacher_hash:
            then = f"{self.pair.id} was distilled from other weights ({recipe.teacher_hash}) than {teacher.id} has now"
            self._notice(f"{then} ({teacher.hash}).")

    # -- while drawing ---------------------------------------------------------------------------------------------

    def _step(self, plan: Plan, record: Record, moment: Moment, seconds: float) -> None:
        """Report one step of one arm; on the last one, save and measure the arm."""
        self._count(plan, record)
        images = None
        if record.last:
            begun = time.perf_counter()
            images = self.models[record.model].decode(record.after)
            seconds += time.perf_counter() - begun
        if self.request.previews and _previewed(record):
            self._preview(plan.name, record, moment, images)
        where = {"arm": plan.name, "step": record.index + 1, "steps": record.steps}
        self.job.progress(self.done, self.total, **where, eta_s=self._eta())
        if images is not None:
            self._finish(plan, images, seconds)

    def _count(self, plan: Plan, record: Record) -> None:
        evaluations = (record.nfe - self._before(plan, record)) * len(self.seeds)
        self.done += evaluations
        self.computed += 0 if record.shared else evaluations

    def _before(self, plan: Plan, record: Record) -> int:
        """Evaluations per image this plan had spent before this step."""
        left, spent = record.index, 0
        for segment in plan.segments:
            steps = len(segment.timesteps)
            spent += segment.nfe // steps * min(left, steps)
            left -= min(left, steps)
        return spent

    def _eta(self) -> float | None:
        if not self.computed:
            return None
        return round((time.monotonic() - self.begun) / self.computed * (self.total - self.done), 1)

    def _preview(self, arm: str, record: Record, moment: Moment, images: Tensor | None) -> None:
        """Show a step; one that an earlier arm shares was decoded then."""
        if not self.frames.has(moment):
            self.frames.add(moment, self.models[record.model].decode(record.x0) if images is None else images)
        self.job.event("preview", arm=arm, step=record.index + 1, steps=record.steps, t=moment.t, level=moment.level,
                       model=moment.model, strip=moment.strip, size=min(self.models[record.model].image_size, SIDE),
                       count=len(self.seeds))  # fmt: skip

    def _finish(self, plan: Plan, images: Tensor, seconds: float) -> None:
        """Save the arm's pictures, measure them, keep what is finished in `result.json`."""
        arm = plan.name
        saved = []
        for seed, picture in zip(self.seeds, pixels(images), strict=True):
            path = self.job.artifact(f"artifacts/{arm}/{seed}.png", png_bytes(picture, self._about(plan, seed)))
            self.job.event("image", arm=arm, seed=seed, path=path)
            saved.append({"seed": seed, "path": path})
        row = {"arm": arm, "label": label(arm), "plan": plan.model_dump(mode="json"), "nfe": plan.nfe,
               "seconds": round(seconds, 4), "seconds_per_image": round(seconds / len(self.seeds), 5),
               "images": saved, "measures": {}}  # fmt: skip
        self.rows.append(row)
        if self.oracle is not None:
            self.readings[arm] = self.oracle.read(images)
            row["measures"] = plain(self._measure({arm: self.readings[arm]})[arm])
        self.frames.save()
        keys = ("arm", "label", "nfe", "seconds_per_image", "measures")
        self.job.event("arm", **{key: row[key] for key in keys})
        self.job.result(self._result())

    def _about(self, plan: Plan, seed: int) -> dict[str, Any]:
        """What a picture says of itself: enough to make it again."""
        request = self.request.model_dump(mode="json")
        return {"kind": "compare", "run": self.job.spec.id, "request": request, "arm": plan.name,
                "plan": plan.model_dump(mode="json"), "nfe": plan.nfe, "seed": seed, "models": self._used(),
                "adapters": self.wardrobe.used(), "versions": self.versions}  # fmt: skip

    def _used(self) -> dict[str, dict[str, str]]:
        titles = {name: self.job.registry.get(name).title for name in self.models}
        return {name: {"hash": model.hash, "title": titles[name]} for name, model in self.models.items()}

    # -- measuring -------------------------------------------------------------------------------------------------

    def _measure(self, readings: Mapping[str, Readings]) -> dict[str, dict[str, Any]]:
        return report.measure(readings, self.parsed.stated, scene.FACTORS, self._reference(), world=self._world(),
                              value_factors=VALUE_FACTORS)  # fmt: skip

    def _world(self) -> dict[str, Any]:
        """Frequencies that differ under this prompt."""
        return {"stars": scene.frequencies("stars", time=self.parsed.stated.get("time"))}

    def _reference(self) -> Tensor | None:
        """Oracle features of renders under the same prompt; only where there are seeds enough to use them."""
        if len(self.seeds) < report.MIN_FOR_MANIFOLD:
            return None
        size, stated = self.pair.student.size, self.parsed.stated
        key = f"reference:{size}:{sorted(stated.items())}"
        oracle, size_bytes = self.oracle, 4 * REFERENCE * 512
        return self.job.models.keep(key, (id(oracle),), lambda: reference_features(oracle, stated, size), size_bytes)

    def _conclude(self) -> None:
        """Measure all arms together and compute the sentences."""
        if self.oracle is None:
            return
        for arm, measures in self._measure(self.readings).items():
            next(row for row in self.rows if row["arm"] == arm)["measures"] = plain(measures)
        self.recovery = plain(
            report.recoveries(
                self.readings, self.parsed.stated, scene.FACTORS, world=self._world(),
                costs={row["arm"]: row["nfe"] for row in self.rows}, labels={arm: label(arm) for arm in self.readings},
                arms=[arm for arm in self.readings if not _reference(arm)],
            )
        )  # fmt: skip

    def _result(self) -> dict[str, Any]:
        return {"request": self.request.model_dump(mode="json"), "models": self._used(), "adapters": self.wardrobe.used(),
                "hints": [use.model_dump(mode="json") for use in self.request.hints], "arms": self.rows,
                "recovery": self.recovery, "notices": self.notices, "versions": self.versions}  # fmt: skip


def reference_features(oracle: Any, stated: Mapping[str, str], size: int, n: int = REFERENCE) -> Tensor:
    """Oracle features [n, D] of `n` renders in which only what the prompt states is pinned."""
    from studio.domains.pocket.dataset import to_images
    from studio.domains.pocket.render import render_batch

    rng = np.random.default_rng(0)
    scenes = [scene.sample_scene(rng, **stated) for _ in range(n)]
    features: Tensor = oracle.read(to_images(render_batch(scenes, size))).features
    return features


def hint_picture(use: HintUse, kind: str, stated: Mapping[str, str], size: int, paths: Paths) -> Tensor:
    """What a ControlNet follows, [1, 3, size, size] in [0, 1]. ValueError where a picture cannot be read."""
    from studio.domains.pocket import hints

    if use.scene is not None:
        drawn = scene.sample_scene(np.random.default_rng(use.scene), **stated)
        return hints.of_scenes(kind, [drawn], size).float() / 255
    try:
        with Image.open(uploads(paths) / use.picture) as image:
            return hints.of_picture(kind or "layout", image, size)
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"{use.picture} is not a picture that can be read; a PNG or JPEG would fit.") from error


def _reference(arm: str) -> bool:
    """Arms that recover nothing: the student, and teachers whatever their guidance."""
    return arm in ("teacher", "teacher-unguided", "student") or (arm in REMEDIES and REMEDIES[arm].on == "teacher")


def _previewed(record: Record) -> bool:
    return record.steps <= ALL_PREVIEWS or record.last or record.index % 3 == 0
