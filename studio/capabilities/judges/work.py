"""Executing a training of a judge: its models draw, the oracle answers, and the judge learns the answers. In a worker."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch

from studio.capabilities.judges.request import JudgesRequest
from studio.core.files import Json
from studio.core.rng import generator
from studio.domains import domain_of
from studio.library.judges import FILE
from studio.library.measured_arms import Column
from studio.methods.judges.decomposed import Decomposed, DecomposedConfig
from studio.methods.judges.network import JudgeNetwork, together
from studio.sampling.plan import Plan, teacher_plan
from studio.workshop.arms_measured import arms, share
from studio.workshop.material.answered import AnsweredPictures, Drawn
from studio.workshop.training.job import TrainingJob

HELD_OUT = 515_151  # added to the seed of pictures that are measured
SIDES = (32, 64)  # pixels that pictures are shrunk to: small ones, and all others
ROUGH = 4  # steps of a teacher without guidance, so that there are pictures that went wrong
ASKED = 4  # prompts of every picture that is measured


class Judging(TrainingJob[JudgesRequest]):
    """One run of the kind `judges`."""

    THING, EVENT, ROW, ROWS = "judge", "judge", "judged", "judged"
    AIM = Column("the share of answers that are the oracle's", ("agrees",))

    @cached_property
    def plans(self) -> list[Plan]:
        """The model and its students as they are sampled, and the model in few steps without guidance."""
        entries = self.job.tools.registry.entries.values()
        students = [e for e in entries if e.teacher == self.entry.id and e.available and e.recipe is not None]
        rough = teacher_plan(self.entry.id, self.entry.timesteps(ROUGH), self.entry.sampling.rule, 1.0)
        found = [*(arm.plan for arm in arms(self.entry, students)), rough]
        return list({plan.model_dump_json(): plan for plan in found}.values())

    def pictures(self, n: int, seed: int) -> AnsweredPictures:
        tools = self.job.tools
        names = dict.fromkeys(name for plan in self.plans for name in plan.models)
        models = {name: tools.models.model(tools.registry.get(name)) for name in names}
        drawn = Drawn(self.plans, models, tools.models.oracle(self.entry), n, self.request.spoilt)
        side = SIDES[0] if self.entry.size <= SIDES[0] else SIDES[1]
        return AnsweredPictures(domain_of(self.entry.domain), drawn, side, self.material, seed=seed, say=self.preparing)

    def build(self) -> Decomposed:
        config = DecomposedConfig.model_validate(self.request.settings)
        return Decomposed(config, self.streams, self.pictures(self.request.n_pictures, self.request.seed))

    @cached_property
    def held_out(self) -> AnsweredPictures:
        return self.pictures(self.request.measure_seeds, self.request.seed + HELD_OUT)

    @torch.no_grad()
    def figures(self, step: int) -> Json:
        """Of pictures that were not taught: the share of answers that are the oracle's, all and by kind of question, and of
        explanations; undecomposed, whether most of a prompt is right."""
        data, judge = self.held_out, self.taught("judge", JudgeNetwork)
        asked = data.answered(ASKED * self.request.measure_seeds, generator(self.request.seed, "measured", self.device))
        method = self.trainer.method
        assert isinstance(method, Decomposed)
        there = asked.question >= 0
        bags = method.bags[asked.question.clamp_min(0)]
        row: Json = {"step": step, "arm": self.entry.id, "title": self.entry.title}
        if not self.request.decomposed:
            logit, _ = judge(asked.pictures, together(bags * there[..., None])[:, None])
            mean = (asked.score * there).sum(1) / there.sum(1).clamp_min(1)
            return row | {"agrees": share((logit[:, 0] > 0) == (mean > 0.5))}
        logit, seen = judge(asked.pictures, bags)
        same, named = (logit > 0) == (asked.score > 0.5), seen.argmax(2) == asked.reason
        kinds = [data.kinds[i] for i in asked.question[there].tolist()]
        of = {kind: share(same[there][torch.tensor([k == kind for k in kinds])]) for kind in sorted(set(kinds))}
        return row | {"agrees": share(same[there]), "named": share(named[there]), "kinds": of}

    def headline(self, row: Json) -> dict[str, float]:
        return {f"measure/{name}": row[name]["value"] or 0.0 for name in ("agrees", "named") if name in row}

    def write(self, target: Path) -> None:
        """Its weights in half precision, and a card that says whose pictures and answers it was taught on."""
        judge, request = self.taught("judge", JudgeNetwork), self.request
        target.mkdir(parents=True)
        judge.save(target / FILE)
        models = {name: model.hash for name, model in self.pictures(request.n_pictures, request.seed).drawn.models.items()}
        card = {
            "title": request.called, "decomposed": request.decomposed, **self.origin(), "created": self.created,
            "pictures": request.n_pictures, "spoilt": request.spoilt, "drawn_by": models, "answered_by": "the domain's oracle",
            "oracle": self.job.tools.models.oracle(self.entry).key, "side": judge.shape.side, "words": len(judge.shape.words),
            "parameters": sum(p.numel() for p in judge.parameters()), "measured": self.rows[-1:],
        }  # fmt: skip
        about = {"card": card, "domain": self.entry.domain, "size": self.entry.size, "run": self.job.spec.id}
        self.write_card(target, about)
