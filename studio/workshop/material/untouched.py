"""What a model does before it is changed, as material: states its sampling passes through, and pictures where it ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Domain, Said
from studio.core.family import OpenModel
from studio.core.rng import randint
from studio.core.weights import load_weights, save_weights
from studio.families.encoded_lines import EncodedLineReader
from studio.sampling.loop import sample
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_plans
from studio.workshop.material.captions import Say
from studio.workshop.projection import projected

BATCH = 16  # drawn together
FIRST_SEED = 31_000  # of what is drawn here


class UntouchedModel:
    """plan: of one model. said: prompts without the word; of_class: how many of them, from the first on, are of the subject's
    class; worded: those again with the word. folder: where what is drawn is kept. Drawn on first need."""

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
    ):
        self.model, self.domain, self.plan, self.said, self.worded = model, domain, plan, list(said), list(worded)
        self.folder, self.say, self.between = folder, say, between
        self.timesteps = tuple(t for segment in plan.segments for t in segment.timesteps)
        self.distilled = model.recipe is not None
        self.lines = EncodedLineReader(model).read(self.said)  # of models with two text encoders as well
        self._drawn: dict[str, Tensor] | None = None

    def visited(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        x, t, index = self.passed(n, g)
        return x, t, self.lines.take(index)

    def passed(self, n: int, g: torch.Generator, among: Sequence[int] | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(x_t [n, *shape], t [n], which prompt each is of [n]). among: these prompts alone."""
        states = self._kept["states"]  # [steps, N, *shape]
        chosen = torch.arange(states.shape[1]) if among is None else torch.tensor(list(among))
        step, index = randint(len(states), (n,), g), randint(len(chosen), (n,), g)
        index = chosen.to(index.device)[index]
        times = torch.tensor(self.timesteps, dtype=torch.float64, device=states.device)
        return states[step, index].float(), times[step], index

    def made(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond, list[Said]]:
        ends, index = self._kept["ends"], randint(len(self.worded), (n,), g)
        return ends[index].float(), self.lines.take(index), [self.worded[i] for i in index.tolist()]

    @property
    def ends(self) -> Tensor:
        """Latents [len(worded), *shape] of the pictures of the class."""
        return self._kept["ends"][: len(self.worded)]

    @property
    def digest(self) -> str:
        """12 hexadecimal digits over all that decides what is drawn."""
        asked = [self.plan.model_dump(mode="json"), [[line.text, line.given] for line in self.said], self.model.hash]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]

    @property
    def _kept(self) -> dict[str, Tensor]:
        if self._drawn is None:
            path = self.folder / f"untouched-{self.digest}.safetensors"
            if not path.exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                save_weights(path, self._draw())
            self._drawn = {name: part.to(self.model.device) for name, part in load_weights(path)[0].items()}
        return self._drawn

    def _draw(self) -> dict[str, Tensor]:
        states: list[list[Tensor]] = [[] for _ in self.timesteps]
        ends: list[Tensor] = []
        (name,) = self.plan.models
        for i in range(0, len(self.said), BATCH):
            said = self.said[i : i + BATCH]
            conds = encode_plans([self.plan], {name: self.model}, said)
            seeds = range(FIRST_SEED + i, FIRST_SEED + i + len(said))
            onto = projected(self.domain, said)
            for record in sample(self.plan, {name: self.model}, conds, list(seeds), self.model.shape, project=onto):
                states[record.index].append(record.x.detach().clone().cpu())
                if record.index == len(self.timesteps) - 1:
                    ends.append(record.after.detach().clone().cpu())
                self.between()
            self.say(min(i + BATCH, len(self.said)), len(self.said))
        return {"states": torch.stack([torch.cat(one) for one in states]), "ends": torch.cat(ends)}
