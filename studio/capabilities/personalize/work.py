"""Executing a personalization: an adapter and a word on one model, measured on it, on its family and on a hybrid. In a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from studio.capabilities.personalize.measure import SubjectMeasurement, Worn
from studio.capabilities.personalize.request import PersonalizeRequest
from studio.capabilities.personalize.second_reader import second_eyes
from studio.capabilities.personalize.teacher import TaughtTeacher
from studio.core.domain import Oracle, Said
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.medium import Masks
from studio.core.method import Method
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.library.measured_arms import Column
from studio.library.models import ModelEntry
from studio.library.subjects import Subject, subject
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.personal import Learned
from studio.workshop.arms_measured import Arm
from studio.workshop.draw import samples
from studio.workshop.held_out import reference
from studio.workshop.judge import Judge, open_judge
from studio.workshop.material.captions import Say
from studio.workshop.material.kept import encoded_once
from studio.workshop.material.untouched import UntouchedModel
from studio.workshop.material.untouched_student import UntouchedStudent
from studio.workshop.material.words import LINES, Pictured
from studio.workshop.projection import noise_of
from studio.workshop.prompts_measured import plain_prompts
from studio.workshop.training.strips import Strip
from studio.workshop.training.with_and_without import OnFamily

SHOWN_SEEDS = (0, 1)  # of each prompt of a strip
KEPT_SEED = 515_151  # scenes behind the prompts that must stay


class Personalizing(OnFamily[PersonalizeRequest]):
    """One run of the kind `personalize`."""

    THING, EVENT, ROW, ROWS = "subject", "adapter", "personal", "rows"
    AIM: ClassVar[Column | None] = Column("the share of pictures that show the subject", ("hit",))
    bench: SubjectMeasurement | None = None
    diverged = False
    of_teacher: str | None = None  # id of an adapter of the teacher's own

    def build(self) -> Method:
        request = self.request
        self.domain, self.subject = domain_of(self.entry.domain), self.wanted()
        make: Callable[..., Method] = PERSONALIZE.get(request.chosen(self.entry))
        self.reader = self.model.new_word(self.subject.word, request.rows)
        given = self.domain.read("").given
        lines = [[Said(line.format(self.subject.word), given=given) for line in each] for each in self._captions()]
        self.reader.check([said.text for each in lines for said in each])
        self.teacher = TaughtTeacher(self.job, self.request, self.entry, self.subject)
        shots = self.shots(lines)
        self.untouched = self._untouched()
        config = PERSONALIZE.get(request.chosen(self.entry)).Config.model_validate(request.settings)
        start, network = self.reader.start(self._known_noun), self.model.trainable_under_adapter()
        return make(config, self.streams, network, shots, self.untouched, self.reader, start)

    def _captions(self) -> list[list[str]]:
        """Of every picture, as many each: its own, or neutral ones of a thing of which nobody said what else is in them, where
        any words go."""
        about, neutral = self.subject, list(LINES) if self.subject.kind == "thing" and not self.domain.vocabulary else []
        found = [
            neutral if neutral and file.name in about.missing else [line]
            for file, line in zip(about.pictures, about.lines(), strict=True)
        ]
        most = max(len(each) for each in found)
        return [each * (most // len(each)) for each in found]

    def wanted(self) -> Subject:
        """What is learned."""
        return subject(self.job.home, self.request.subject)

    def shots(self, lines: Sequence[Sequence[Said]]) -> Pictured:
        """The pictures, each under its line."""
        return Pictured(self._encoded, lines, noise_of(self.domain, self.model.shape), self.device, self._inside)

    @property
    def _known_noun(self) -> str:
        """The class where captions of the world have a word for it; "" is the mean of all words."""
        noun, known = self.subject.noun, self.domain.vocabulary
        return noun if not known or noun in known else ""

    def _encoded(self) -> Tensor:
        """Latents [N, *shape] of the pictures, encoded once."""
        about, side = self.subject, self.model.sample_shape[-1]
        path = self.material / f"subject-{about.digest}.safetensors"
        return encoded_once(path, self.model, about.batches(side), len(about.pictures), self._staged("pictures"))

    def _inside(self) -> Tensor | None:
        """The share of every place of the latents that the pictures' masks mark; None without masks."""
        covers, medium = self.subject.covers(self.model.sample_shape[-1]), medium_of(self.domain)
        return medium.inside(covers, self.model.shape) if covers is not None and isinstance(medium, Masks) else None

    def _untouched(self) -> UntouchedModel:
        """Half of the prompts are of the class, as the subject's captions say it, and half of anything else."""
        n, given = self.request.n_kept // 2, self.domain.read("").given
        lines = self.subject.lines()
        of_class = [Said(lines[i % len(lines)].format(self.subject.noun), given=given) for i in range(n)]
        worded = [Said(lines[i % len(lines)].format(self.subject.word), given=given) for i in range(n)]
        plan, said = self.alone[0].plan, [*of_class, *self._anything(n)]
        how = (self.model, self.domain, plan, said, worded, self.material, self.preparing, self.between)
        if self.entry.role == "teacher":
            return UntouchedModel(*how)
        return UntouchedStudent(*how, self.teacher.at_hand, self._anything(2 * n), self._staged)

    def _staged(self, stage: str) -> Say:
        return partial(self.preparing, stage=stage)

    def _anything(self, n: int) -> list[Said]:
        """n prompts that no subject chose."""
        if self.domain.has_world:
            hands, rng = self.domain.hands(), np.random.default_rng(KEPT_SEED)
            return [Said(hands.caption(item, rng), given=hands.given(item)) for item in hands.items(n, KEPT_SEED)]
        shown = plain_prompts(self.domain)
        return [shown[i % len(shown)] for i in range(n)]

    def prepare(self) -> None:
        if self.request.settings.get("outside", 1) < 1 and self._inside() is None:
            self.notice(f"No picture of {self.subject.id} has a mask that can be used, so all of each counts.")
        models = self.job.tools.models
        oracle = models.oracle(self.entry) if self.entry.oracle_here and self.domain.has_world else None
        of_class = self.model.decode(self.untouched.ends.float(), {}).cpu()
        world = None if oracle is None else self._world(oracle)
        judge = Judge() if oracle is not None else open_judge(models)
        second, why = (None, "")
        if oracle is not None and medium_of(self.domain).pictures:
            second, why = second_eyes(models)
        if why:
            self.notice(why)
        how = (self._through, self.request.measure_seeds, world, self.between, second)
        self.bench = SubjectMeasurement(self.domain, self.subject, oracle, judge, of_class, *how)
        self.job.keep("reader.json", self.bench.read_by)

    def _through(self, images: Tensor) -> Tensor:
        return torch.cat([self.model.decode(self.model.to_latents(part), {}).cpu() for part in images.split(32)])

    def _world(self, oracle: Oracle) -> Tensor:
        keep = self.job.tools.models.keep
        return reference(oracle, self.domain, lambda name, make, size: keep(name, (id(oracle),), make, size))

    @property
    def learned(self) -> Learned:
        return self.taught("personal", Learned)

    def worn(self, learned: Learned | None = None) -> Worn:
        """As it is now; the word in half precision, as the file will hold it."""
        learned = self.learned if learned is None else learned
        with torch.no_grad():
            rows = [part.detach().half().float().cpu() for part in learned.word()]
        return Worn(learned.adapter, self.reader.tokens(rows))

    # -- on the way ------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        if self.trainer.method.log.get("diverged") and not self.diverged:
            self.diverged = True
            self.notice(
                f"At step {self.trainer.step:,} the model explains the pictures worse than before it was taught: it runs away "
                "from the losers. A smaller weight of the loser would fit."
            )

    def strip(self, step: int) -> Strip:
        """Rows: the subject, its class without the word, another prompt; beside each the untouched model on the same seed."""
        said = {"columns": ["untouched", "with the subject"], "rows": ["subject", "class", "another prompt"]}
        bare = self._bare
        drawn = bare if step == 0 else self._drawn(self.worn())
        return Strip([bare, drawn], self.alone[0].plan.steps, [line.text for line in self._shown], SHOWN_SEEDS, said)

    @cached_property
    def _shown(self) -> list[Said]:
        assert self.bench is not None
        return [self.bench.with_word[0], self.bench.of_class[0], self.bench.other_prompts[0]]

    @cached_property
    def _bare(self) -> Tensor:
        """What the untouched model draws; of the subject's prompt it draws the class."""
        return self._drawn(None)

    def _drawn(self, worn: Worn | None) -> Tensor:
        arm, models = self.alone
        shown = self._shown if worn is not None else [self._shown[1], *self._shown[1:]]
        said, seeds = [line for line in shown for _ in SHOWN_SEEDS], list(SHOWN_SEEDS) * len(shown)
        words = [worn.tokens] if worn is not None else []
        if worn is None:
            return samples(arm.plan, models, self.domain, said, seeds, lambda _: self.between())
        with worn.on(self.model):
            return samples(arm.plan, models, self.domain, said, seeds, lambda _: self.between(), words=words)

    # -- measured --------------------------------------------------------------------------------------------------

    def arms(self, students: list[ModelEntry]) -> list[Arm]:
        """And the teacher with what it was taught itself, at the end."""
        return [*super().arms(students), *(self.teacher.arms(self.trainer.method) if students else ())]

    def compared(self, arm: Arm, models: dict[str, OpenModel]) -> Json:
        assert self.bench is not None
        own = self.teacher.learned_of(arm, self.trainer.method)
        return self.bench.measure(arm, models, self.worn(self.taught(own, Learned) if own else None))

    def harmless(self, row: Json) -> bool:
        """Other prompts are not surely worse than before."""
        kept = row["damage"]["kept"]
        return kept is None or kept["high"] is None or kept["high"] >= 1

    def headline(self, row: Json) -> dict[str, float]:
        found = {"hit": row["hit"], "leak": row["leak"], "moved": row["moved"], "others": row["damage"]["kept"]}
        return {f"measure/{name}": float(one["value"]) for name, one in found.items() if one and one["value"] is not None}

    # -- after -----------------------------------------------------------------------------------------------------

    def write(self, target: Path) -> None:
        request, about = self.request, self.subject
        settings = {"subject": about.id, "pictures": len(about.pictures), "rows": request.rows, **self.origin()["settings"]}
        measured = {"rows": self.final(), "reader": self.bench.read_by if self.bench is not None else None}
        card = self.edit_card(kind="subject", attribute=about.title, settings=settings, measured=measured)
        self.write_edit(self.worn().edit(card), target, words=[about.word])

    def save(self) -> str:
        listed = super().save()
        for name, title in list(self.teacher.taught(self.trainer.method).items())[:1]:
            measured = {"rows": [row for row in self.rows if row["arm"] == self.teacher.arm_name(name)]}
            card = self.edit_card(
                kind="subject", attribute=self.subject.title, settings=self.origin()["settings"], measured=measured
            )
            self.of_teacher = self.teacher.keep(self.worn(self.taught(name, Learned)), card)
            self.job.state("running", f"The teacher's adapter, {title}, is listed as {self.of_teacher}.")
        return listed

    def found(self) -> Json:
        return {"word": self.subject.word, "subject": self.subject.id, "method": self.request.chosen(self.entry),
                "reader": self.bench.read_by if self.bench is not None else None, "diverged": self.diverged,
                **({"teacher_adapter": self.of_teacher} if self.of_teacher else {}), **super().found()}  # fmt: skip
