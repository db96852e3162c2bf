"""Pairs of samples and prompts to be rewarded, as material for `methods.preference`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Domain, Said, as_written, beside
from studio.core.family import OpenModel
from studio.core.levels import Weights
from studio.core.precision import full_precision
from studio.core.rng import randint
from studio.core.weights import load_weights, save_weights
from studio.library.votes import VoteSet
from studio.methods.preference.preferring import Move, Scores, ranked
from studio.sampling.guidance import is_plain
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_plans
from studio.sampling.steps import compiled
from studio.workshop.draw import draw, samples
from studio.workshop.material.captions import Say
from studio.workshop.projection import noise_of, projected
from studio.workshop.rewarded import Worth

BATCH = 32  # drawn together
FIRST_SEED = 51_000  # of samples that pairs are made of
PROMPTS_SEED = 616_161  # items of the world behind the prompts that are taught


@dataclass(frozen=True)
class Pairs:
    """winners, losers: latents [N, *shape] of one prompt each; lines: its place among the prompts, int64 [N]."""

    winners: Tensor
    losers: Tensor
    lines: Tensor


class PreferredMaterial:
    """plan: how the model is sampled while it is taught, of that model alone. said: the prompts. worth: the reward, None where
    votes decide. make: the pairs, called on first need. own: its timesteps, () where it knows every time."""

    def __init__(
        self,
        model: OpenModel,
        domain: Domain,
        plan: Plan,
        said: Sequence[Said],
        worth: Worth | None,
        make: Callable[[], Pairs],
        own: tuple[float, ...],
    ):
        self.model, self.said, self.worth, self.make, self.own = model, list(said), worth, make, own
        self.moves, self.guidance = moves(plan, model)
        self.lines = model.line_reader().read(self.said)
        self.noise = noise_of(domain, model.shape)
        self._made: Pairs | None = None

    def pairs(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        made = self._made = self._made or self.make()
        index = randint(len(made.lines), (n,), g).to(made.lines.device)
        return made.winners[index].float(), made.losers[index].float(), self.lines.take(made.lines[index])

    def prompts(self, n: int, each: int, g: torch.Generator) -> tuple[Cond, Scores]:
        assert self.worth is not None, "the request has looked"
        index = randint(len(self.said), (n,), g).repeat_interleave(each)
        asked, worth = [self.said[i] for i in index.tolist()], self.worth
        return self.lines.take(index), lambda latents: scored(self.model, worth, latents, asked)

    def null(self, cond: Cond) -> Cond:
        return self.lines.null(cond)


def moves(plan: Plan, model: OpenModel) -> tuple[tuple[Move, ...], float]:
    """(the steps of a plan of one model as numbers, its guidance). ValueError where it cannot be followed step by step."""
    _, steps = compiled(plan, {plan.models[0]: model})
    guidances = {1.0 if is_plain(step.call.guidance) else step.call.guidance for step in steps}
    found = []
    for step in steps:
        if not isinstance(step.weights, Weights) or step.weights.previous or step.remedies or step.blend:
            raise ValueError(f"the sampling of {model.id} looks further than one step, which is not followed here")
        found.append(Move(step.here.t, step.weights))
    if len(guidances) > 1 or len(plan.models) > 1:
        raise ValueError(f"the sampling of {model.id} changes on its way, which is not followed here")
    return tuple(found), guidances.pop()


@full_precision()
@torch.no_grad()
def scored(model: OpenModel, worth: Worth, latents: Tensor, said: Sequence[Said]) -> Tensor:
    """[N] on the latents' device: what they are worth, decoded."""
    found = [
        worth(model.decode(latents[i : i + BATCH], beside(said[i : i + BATCH])), said[i : i + BATCH])
        for i in range(0, len(latents), BATCH)
    ]
    return torch.cat(found).to(latents.device)


def taught_prompts(domain: Domain, given: Sequence[str], n: int) -> list[Said]:
    """Those that were given; otherwise n captions of a world, or what a domain shows."""
    if given:
        return [domain.read(text) for text in given] if domain.has_world else as_written(domain, given)
    if not domain.has_world:
        return as_written(domain, list(domain.defaults.shown) or ["a picture"])
    hands, rng = domain.hands(), np.random.default_rng(PROMPTS_SEED)
    return [Said(hands.caption(item, rng), given=hands.given(item)) for item in hands.items(n, PROMPTS_SEED)]


# -- pairs -------------------------------------------------------------------------------------------------------------


def by_reward(
    model: OpenModel,
    domain: Domain,
    plan: Plan,
    said: Sequence[Said],
    many: tuple[int, int],
    reward: tuple[str, Worth],
    folder: Path,
    say: Say,
    between: Callable[[], None],
) -> Pairs:
    """Up to n pairs; many: (n, best_of). A prompt after another is drawn `best_of` times by the untouched model, and its best and
    worst sample are a pair unless they are worth the same. Drawn once and kept in `folder`. reward: (name, worth). ValueError
    where no pair differs."""
    (name, worth), (n, best_of) = reward, many
    asked = [plan.model_dump(mode="json"), [[one.text, one.given] for one in said], n, best_of, model.hash]
    path = folder / f"preferred-{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]}.safetensors"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(path, {"latents": _drawn(model, domain, plan, said, n * best_of, best_of, say, between)})
    latents = load_weights(path)[0]["latents"].to(model.device)
    lines = torch.arange(n, device=latents.device) % len(said)
    rewards = scored(model, worth, latents.float(), [said[i] for i in lines.repeat_interleave(best_of).tolist()])
    best, worst, differ = ranked(rewards.view(n, best_of))
    groups = latents.view(n, best_of, *latents.shape[1:])
    every = torch.arange(n, device=latents.device)
    if not bool(differ.any()):
        raise ValueError(f"The reward {name} tells none of {n * best_of:,} samples apart, so nothing can be preferred.")
    return Pairs(groups[every, best][differ], groups[every, worst][differ], lines[differ])


def _drawn(
    model: OpenModel, domain: Domain, plan: Plan, said: Sequence[Said], n: int, each: int, say: Say, between: Callable[[], None]
) -> Tensor:
    """[n, *shape] in half precision; `each` in a row are of one prompt."""
    parts, (name,) = [], plan.models
    for low in range(0, n, BATCH):
        asked = [said[(i // each) % len(said)] for i in range(low, min(n, low + BATCH))]
        conds, seeds = encode_plans([plan], {name: model}, asked), range(FIRST_SEED + low, FIRST_SEED + low + len(asked))
        drawn = draw(plan, {name: model}, conds, list(seeds), model.shape, lambda _: between(), projected(domain, asked), BATCH)
        parts.append(drawn.half().cpu())
        say(low + len(asked), n)
    return torch.cat(parts)


def by_votes(
    model: OpenModel, models: Mapping[str, OpenModel], domain: Domain, found: VoteSet, say: Say, between: Callable[[], None]
) -> Pairs:
    """The pairs of votes that are no tie, drawn again by the model they were drawn by; samples of another model are read by this
    one's encoder. lines: one a vote, in their order."""
    parts, decided = [], found.decided
    own = found.model == model.id
    for low in range(0, len(decided), BATCH // 2):
        part = decided[low : low + BATCH // 2]
        said = [Said(vote.prompt, given=vote.given) for vote in part for _ in vote.seeds]
        seeds = [seed for vote in part for seed in vote.seeds]
        if own:
            conds = encode_plans([found.plan], models, said)
            drawn = draw(found.plan, models, conds, seeds, model.shape, lambda _: between(), projected(domain, said), BATCH)
        else:
            drawn = model.to_latents(samples(found.plan, models, domain, said, seeds, lambda _: between()))
        parts.append(drawn.view(len(part), 2, *model.shape).cpu())
        say(low + len(part), len(decided))
    both = torch.cat(parts).to(model.device)
    left = torch.tensor([vote.choice == "left" for vote in decided], device=both.device)
    won, every = torch.where(left, 0, 1), torch.arange(len(both), device=both.device)
    return Pairs(both[every, won], both[every, 1 - won], every)
