"""A student before it is taught, among its relatives: how it is sampled, its teacher, and stages that are trained once."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

from torch import nn

from studio.core.domain import Domain, Said
from studio.core.family import OpenModel
from studio.core.levels import Weights
from studio.core.method import Method
from studio.core.trainer import Trainer, TrainerConfig
from studio.core.weights import load_weights, save_weights
from studio.families.encoded_lines import EncodedLineReader
from studio.methods.personalize.relatives import Chain, Relative, Whose
from studio.sampling.plan import Plan
from studio.sampling.steps import compiled
from studio.workshop.material.captions import Say
from studio.workshop.material.untouched import UntouchedModel


@dataclass(frozen=True)
class TeacherAtHand:
    """folder: where its material is kept. plan: how it is sampled. rows: of the word."""

    model: OpenModel
    folder: Path
    plan: Plan
    word: str
    rows: int


class UntouchedStudent(UntouchedModel):
    """at_hand: asked when a method wants the teacher. generic: prompts that no subject chose. staged: `say` of a stage, by the
    setting that says how many updates it has."""

    def __init__(
        self,
        model: OpenModel,
        domain: Domain,
        plan: Plan,
        said: Sequence[Said],
        worded: Sequence[Said],
        folder: Path,
        say: Say,
        between: Callable[[], None],
        at_hand: Callable[[], TeacherAtHand],
        generic: Sequence[Said],
        staged: Callable[[str], Say] | None = None,
    ):
        super().__init__(model, domain, plan, said, worded, folder, say, between)
        self._at_hand, self.generic, self.staged = at_hand, list(generic), staged

    @cached_property
    def at_hand(self) -> TeacherAtHand:
        return self._at_hand()

    @cached_property
    def chain(self) -> Chain:
        begun, steps = compiled(self.plan, {self.plan.models[0]: self.model})
        return Chain(self.timesteps, begun, tuple(cast(Weights, step.weights) for step in steps))

    @cached_property
    def _relative(self) -> Relative:
        hand, model = self.at_hand, self.at_hand.model
        untouched = UntouchedModel(model, self.domain, hand.plan, self.said, self.worded, hand.folder, self.say, self.between)
        read = model.new_word(hand.word, hand.rows)
        read.check([said.text for said in self.worded])
        return Relative(model.trainable_under_adapter(), untouched, read, untouched.lines.null)

    def teacher(self) -> Relative:
        return self._relative

    def anything(self, whose: Whose) -> UntouchedModel:
        model, plan, folder = self.model, self.plan, self.folder
        if whose == "teacher":
            model, plan, folder = self.at_hand.model, self.at_hand.plan, self.at_hand.folder
        drawn = UntouchedModel(model, self.domain, plan, self.generic, self.generic, folder, self.say, self.between)
        if whose == "teacher":
            drawn.lines = EncodedLineReader(self.model).read(self.generic)
        return drawn

    def taught_once(self, method: Method, whose: Whose, steps: int, name: str) -> nn.Module:
        asked = [type(method).__name__, method.config.model_dump(mode="json"), steps, name, self.anything(whose).digest]
        stem = f"{name}-{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]}"
        path, on_the_way = self.folder / f"{stem}.safetensors", self.folder / stem
        if not path.exists():
            say = self.say if self.staged is None else self.staged(f"{name}_steps")
            trainer = Trainer(method, TrainerConfig(steps=steps, decay_from=0.5), on_the_way, str(self.model.device))
            trainer.resume()
            for progress in trainer.run():
                try:
                    say(progress.step, steps)
                    self.between()
                except BaseException:  # asked to leave between two updates; one that broke off is never kept
                    trainer.save()
                    raise
            taught = method.emas.get(name, method.trained[name].module)
            save_weights(path, taught.state_dict())
            shutil.rmtree(on_the_way, ignore_errors=True)
        found = method.trained[name].module
        found.load_state_dict(load_weights(path)[0])
        return found
