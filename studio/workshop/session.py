"""One prompt drawn by several arms on the same seeds: models opened, adapters and hints put on their steps, one stream of steps.

What is made of the steps is its user's business: a comparison measures and keeps every arm, a control run every strength.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from functools import partial

from torch import Tensor

from studio.core.domain import Oracle, Said, beside
from studio.core.explain import explain
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.recipe import Recipe
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.domains.media.image import pixels, png_bytes
from studio.families.opened import Opened
from studio.jobs.run import Run, versions
from studio.library.adapter_uses import AdapterUse, dressed, unused, words_of
from studio.library.adapters import load_adapters
from studio.library.controlnets import load_controlnets
from studio.library.draw_request import CompareRequest, plans_for
from studio.library.hint_uses import hinted
from studio.library.sizes import differ, drawn_shape, sample_shape
from studio.sampling.hinted import with_pictures
from studio.sampling.loop import Conds, Record, sample_many
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_plans
from studio.workshop.additions import Drawing, add
from studio.workshop.cut_words import cut_words
from studio.workshop.draw import batch_size
from studio.workshop.hint_pictures import hint_picture
from studio.workshop.loaded_adapters import Wardrobe, level_of
from studio.workshop.placed_models import PlacedModels
from studio.workshop.projection import projected
from studio.workshop.tiny_decoders import TinyDecoders
from studio.workshop.tools import Tools


class Session:
    """Used as `with session:`, which takes adapters off at the end. In it `open`, `wear`, `hint`, `add`, then `drawn`."""

    def __init__(self, request: CompareRequest, run: Run[Tools], notices: list[str] | None = None):
        """notices: of sessions before in the same run; nothing is said twice."""
        self.request, self.job = request, run
        self.pair = run.tools.registry.usable(request.pair)
        self.plans: list[Plan] = plans_for(request, run.tools.registry)
        self.seeds = list(request.seeds)
        self.notices = [] if notices is None else notices
        self.domain = domain_of(self.pair.student.domain)
        self.versions = versions()
        self.total = sum(plan.nfe for plan in self.plans) * len(self.seeds)  # network evaluations
        self.done = self.computed = 0  # evaluations behind us; those of them that were not shared
        self.begun = 0.0
        self.models: dict[str, OpenModel] = {}
        self.wardrobe = Wardrobe(load_adapters(run.home), run)
        self.pictures: dict[str, Tensor] = {}  # that ControlNets follow, by their id: [1, 3, H, W] in [0, 1]
        self.placed = PlacedModels(run, self.notice)
        self.tiny = TinyDecoders()
        self.words = words_of(request.adapters, self.wardrobe.adapters)
        self.said = self.domain.read(request.prompt, self.words, request.given)
        self.away = self.domain.read(request.negative, self.words, request.given) if request.negative else Said("")
        self.given = beside([self.said])
        self.medium = medium_of(self.domain)
        self.begins: dict[str, Tensor] = {}  # latents by the names under which plans begin with them
        self.shape = drawn_shape(request.size, self.pair)  # of a latent sample, where it is not the models' own

    def __enter__(self) -> Session:
        self.wardrobe.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        with self.placed:
            self.wardrobe.__exit__(*error)

    @property
    def text(self) -> str:
        """The prompt as the text encoders should see it."""
        return self.said.text

    def notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)
            self.job.notice(text)

    def ask(self, prompt: str) -> None:
        """Another text than the request's, for what is drawn from now on. ValueError in one sentence where it does not fit."""
        self.said = self.domain.read(prompt, self.words, self.request.given)
        self.given = beside([self.said])

    # -- before ----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open every model of the plans, and say what a person should know of prompt and student."""
        self._say_notices()
        ids = dict.fromkeys(model for plan in self.plans for model in plan.models)
        entries = [self.job.tools.registry.get(model_id) for model_id in ids]
        self.models = self.placed.open(entries, hinted=bool(self.request.hints))
        self.tiny.open(self.request.tiny_decoder, entries, self.job.tools.models, short=self.placed.moving)
        if self.tiny.sentence:
            self.notice(self.tiny.sentence)
        shapes = {tuple(model.shape) for model in self.models.values()}
        if len(shapes) > 1 and self.shape is None:
            raise ValueError(f"{' and '.join(ids)} have latents of different shapes and cannot share their steps.")
        self._say_teacher()

    def open_oracle(self) -> Oracle | None:
        """What reads these pictures; None where it cannot be opened, which is said. Only where they are `readable`."""
        try:
            return self.job.tools.models.oracle(self.pair.student)
        except (FileNotFoundError, ValueError, KeyError) as error:
            self.notice(f"No oracle reads these samples, because it cannot be opened: {explain(error)}")
            return None

    @property
    def readable(self) -> bool:
        """Whether there should be an oracle for these pictures."""
        return self.pair.student.has_oracle

    def wear(self) -> None:
        """Put the adapters on their steps; only now, as noise levels are known to open models alone."""
        self.plans = self.worn(self.plans, self.request.adapters)
        for sentence in unused(self.request.adapters, self.plans):
            self.notice(sentence)
        self.put_on(self.request.adapters)

    def worn(self, plans: Sequence[Plan], uses: Sequence[AdapterUse]) -> list[Plan]:
        """Plans whose steps have these adapters on."""
        return dressed(plans, uses, self.job.tools.registry, self.wardrobe.adapters, partial(level_of, self.models))

    def put_on(self, uses: Sequence[AdapterUse]) -> None:
        """Load what plans name; one that brings words into every model, so that each knows them."""
        bring = [use.id for use in uses if self.wardrobe.adapters.get(use.id).words]
        self.wardrobe.open(self.plans, self.models, more=bring)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Of a decoded sample."""
        model = next(iter(self.models.values()))
        return sample_shape(self.shape or model.shape, model.shape, model.sample_shape)

    def hint(self) -> None:
        """Let the ControlNets' pictures be seen where they are on; each is kept beside the run's own pictures."""
        uses, known = self.request.hints, load_controlnets(self.wardrobe.paths)
        self.plans = hinted(self.plans, uses, self.job.tools.registry)
        self.wardrobe.open_controls(self.plans, self.models, known, self._base)
        shape = self.sample_shape
        for use in uses:
            picture = hint_picture(use, known.get(use.id).hint, self.domain, self.said.stated, shape, self.wardrobe.paths)
            self.pictures[use.id] = picture
            about = {"kind": "hint", "run": self.job.spec.id, "hint": use.model_dump(mode="json")}
            name = f"artifacts/hints/{use.id.replace('/', '-')}.png"
            self.job.event("hint", id=use.id, path=self.job.artifact(name, png_bytes(pixels(picture)[0], about)))

    def _base(self, model_id: str) -> OpenModel:
        """The model that a ControlNet was made for."""
        return self.models.get(model_id) or self.job.tools.models.model(self.job.tools.registry.get(model_id))

    def add(self) -> None:
        """Do what capabilities add, on plans that wear their adapters and follow their hints."""
        drawing = Drawing(self.plans, [self.said], self.models, self.domain, self.job, self.wardrobe, shape=self.shape)
        add(self.request.additions, drawing)
        if self.request.size and drawing.shape != self.shape:
            raise ValueError(f"What is added asks for another size than {self.request.size}; one of the two would fit.")
        self.plans, (self.said,), self.begins, self.shape = list(drawing.plans), drawing.said, drawing.begins, drawing.shape
        self.given, self.total = beside(drawing.said), sum(plan.nfe for plan in self.plans) * len(self.seeds)

    def _say_notices(self) -> None:
        if self.said.notice:
            self.notice(self.said.notice)
        if self.away.notice:
            self.notice(f"In the negative prompt: {self.away.notice}")
        if self.request.negative and (idle := [plan.name for plan in self.plans if not plan.guided]):
            of = "anything, as no step" if len(idle) == len(self.plans) else f"{', '.join(idle)}, where no step"
            self.notice(f"The negative prompt does not change {of} is guided.")
        student, teacher = self.pair.student, self.pair.teacher
        if self.shape is not None and differ(self.pair) and not self.request.size:
            said = f"{student.title} draws {student.size} pixels and {teacher.title} {teacher.size}"
            self.notice(f"{said}; all arms draw in the student's size.")
        if self.shape is not None and self.readable:
            self.notice("What is measured was taught on samples of the models' own size, and these are of another.")
        recipe = Recipe.model_validate(self.pair.student.recipe)
        if sentence := recipe.off_recipe(self.request.student_steps or len(recipe.timesteps)):
            self.notice(sentence)

    def _say_teacher(self) -> None:
        """Say when the student was distilled from other weights than the teacher has now."""
        teacher, recipe = self.models.get(self.pair.teacher.id), Recipe.model_validate(self.pair.student.recipe)
        if teacher is not None and recipe.teacher_hash and teacher.hash != recipe.teacher_hash:
            then = f"{self.pair.id} was distilled from other weights ({recipe.teacher_hash}) than {teacher.id} has now"
            self.notice(f"{then} ({teacher.hash}).")

    # -- while drawing ---------------------------------------------------------------------------------------------

    def drawn(self) -> Generator[tuple[str, Record]]:
        """Every step of every plan; a person's wish to end is looked for between two."""
        for what, text in (("prompt", self.said.text), ("negative prompt", self.away.text)):
            for sentence in cut_words(what, text, self.models):
                self.notice(sentence)
        kept = self.job.tools.models.prompts
        cond: Conds = encode_plans(self.plans, self.models, [self.said], kept, negative=self.away.text)
        if self.pictures:
            cond = with_pictures(cond, self.pictures)
        shape = self.shape or next(iter(self.models.values())).shape
        self.begun = time.monotonic()
        how: Json = {
            "project": projected(self.domain, [self.said]),
            "batch_size": batch_size(shape, self.models.values()),
            "begins": self.begins,
        }
        stream = sample_many(self.plans, self.models, cond, self.seeds, shape, **how)
        try:
            for arm, record in stream:
                yield arm, record
                self.job.check()
        finally:
            stream.close()  # type: ignore[attr-defined]

    def decoded(self, model: str, latents: Tensor) -> Tensor:
        """Samples of what a model drew or believed."""
        tiny = self.tiny.finished(model, latents)
        return self.models[model].decode(latents, self.given) if tiny is None else tiny

    def kept(self, plan: Plan, samples: Tensor, kind: str, request: Json, folder: str = "") -> Iterator[Json]:
        """Every sample of a plan as it is kept: {"seed", "path" of its still}, and "files" where its medium has more.

        kind, request: of the run, for what a picture says of itself. folder: in the run's artifacts; the plan's name by itself.
        """
        for i, (seed, still) in enumerate(zip(self.seeds, self.medium.still(samples), strict=True)):
            name = f"artifacts/{folder or plan.name}/{seed}"
            path = self.job.artifact(f"{name}.png", png_bytes(still, self.about(plan, seed, kind, request)))
            files = [self.job.artifact(f"{name}{end}", data) for end, data in self.medium.files(samples, i).items()]
            yield {"seed": seed, "path": path, **({"files": files} if files else {})}

    def count(self, plan: Plan, record: Record) -> None:
        """A step was made."""
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

    def eta(self) -> float | None:
        """Seconds left, once something was computed."""
        if not self.computed:
            return None
        return round((time.monotonic() - self.begun) / self.computed * (self.total - self.done), 1)

    def about(self, plan: Plan, seed: int, kind: str, request: Json) -> Json:
        """What a picture says of itself: enough to make it again. request: of the run."""
        return {"kind": kind, "run": self.job.spec.id, "request": request, "arm": plan.name,
                "plan": plan.model_dump(mode="json"), "nfe": plan.nfe, "seed": seed, "models": self.used(),
                "adapters": self.wardrobe.used(), "versions": self.versions,
                **self.tiny.of_picture(plan.segments[-1].model)}  # fmt: skip

    def used(self) -> dict[str, dict[str, str]]:
        """The models that were opened: {"hash", "title"} by id, with "dtype" where that is not float32."""
        titles = {name: self.job.tools.registry.get(name).title for name in self.models}
        said = {name: {"dtype": kind} for name, kind in self.precisions().items() if kind != "float32"}
        return {name: {"hash": model.hash, "title": titles[name], **said.get(name, {})} for name, model in self.models.items()}

    def precisions(self) -> dict[str, str]:
        """What the networks compute in, by model."""
        return {name: model.precision for name, model in self.models.items() if isinstance(model, Opened)}
