"""Executing a preference tuning: an adapter on one model, measured on it, on its family and on a hybrid. In a worker."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from torch import Tensor

from studio.capabilities.preference.measure import PreferenceMeasurement
from studio.capabilities.preference.request import OFFLINE, ONLINE, PreferRequest, drawn_by, stochastic
from studio.core.domain import Domain, Oracle, Said
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.lowrank import Adapter
from studio.core.method import Method
from studio.domains import domain_of
from studio.library import rewards
from studio.library.votes import VoteSet, votes
from studio.methods.preference import PREFERENCE
from studio.workshop.arms_measured import Arm
from studio.workshop.held_out import reference
from studio.workshop.judge import Judge, open_judge
from studio.workshop.material.preferred import Pairs, PreferredMaterial, by_reward, by_votes, taught_prompts
from studio.workshop.rewarded import Worth, worth
from studio.workshop.training.strips import Strip
from studio.workshop.training.with_and_without import OnFamily

SHOWN, SHOWN_SEEDS = 3, (0, 1)  # prompts of a strip, and seeds of each
N_PROMPTS = 256  # of a world, where a reward is asked about new samples


class Preferring(OnFamily[PreferRequest]):
    """One run of the kind `prefer`."""

    THING, EVENT, ROW, ROWS = "preference", "adapter", "preferred", "preferred"
    bench: PreferenceMeasurement | None = None
    diverged = False

    def build(self) -> Method:
        request, self.domain = self.request, domain_of(self.entry.domain)
        make: Callable[..., Method] = PREFERENCE.get(request.chosen)
        plan = drawn_by(self.entry, None if request.chosen == OFFLINE else 1.0)
        if request.chosen == ONLINE and not stochastic(plan):
            self.notice(
                f"{self.entry.title} draws no noise between its steps, so its paths have no likelihood to compare: pairs are "
                "made online and learned from by the offline loss."
            )
        config = PREFERENCE.get(request.chosen).Config.model_validate(request.settings)
        own = () if self.entry.role == "teacher" else tuple(t for segment in plan.segments for t in segment.timesteps)
        said = self._prompts()
        first = self._worth.get("reward")
        material = PreferredMaterial(self.model, self.domain, plan, said, first, lambda: self._pairs(said), own)
        return make(config, self.streams, self.model.trainable_under_adapter(), material)

    @cached_property
    def _voted(self) -> VoteSet | None:
        """The votes as they were when the run began: what is voted meanwhile changes nothing."""
        if not self.request.votes:
            return None
        kept = self.job.folder / "votes.json"
        if not kept.exists():
            self.job.keep(kept.name, votes(self.job.home, self.request.votes).model_dump(mode="json"))
        return VoteSet.model_validate_json(kept.read_bytes())

    def _prompts(self) -> list[Said]:
        if self._voted is not None:
            return [Said(vote.prompt, given=vote.given) for vote in self._voted.decided]
        n = self.request.n_pairs if self.request.chosen == OFFLINE else N_PROMPTS
        return taught_prompts(self.domain, self.request.prompts, n)

    def _pairs(self, said: list[Said]) -> Pairs:
        request, models = self.request, self.job.tools.models
        if self._voted is not None:
            found = self._voted
            opened = {name: models.whole(self.job.tools.registry.get(name)) for name in found.plan.models}
            drawn_by_others = found.weights and opened[found.model].hash != found.weights
            if drawn_by_others:
                self.notice(f"The weights of {found.model} are others than those that were voted on, so its pictures may differ.")
            return by_votes(self.model, opened, self.domain, found, self.preparing, self.between)
        reward, plan = (request.reward, self._worth["reward"]), drawn_by(self.entry)
        many, kept, each = (request.n_pairs, request.best_of), self.material, (self.preparing, self.between)
        return by_reward(self.model, self.domain, plan, said, many, reward, kept, *each)

    # -- rewards ---------------------------------------------------------------------------------------------------

    @property
    def _named(self) -> dict[str, str]:
        """Reward by role; "" is none."""
        request = self.request
        asked = request.second or rewards.beside(request.reward, self.entry)
        return {"reward": request.reward, "second": "" if asked == "none" else asked}

    @cached_property
    def _worth(self) -> dict[str, Worth]:
        return {role: worth(name, self.domain, self._oracle) for role, name in self._named.items() if name}

    @cached_property
    def _oracle(self) -> Oracle | None:
        here = self.entry.oracle_here and self.domain.has_world
        return self.job.tools.models.oracle(self.entry) if here else None

    def prepare(self) -> None:
        oracle, models = self._oracle, self.job.tools.models
        world = None if oracle is None else self._world(oracle, self.domain)
        judge = Judge() if oracle is not None else open_judge(models)
        n = self.request.measure_seeds
        known = rewards.offered(self.entry)
        shares = [role for role, name in self._named.items() if name and known[name].percent]
        self.bench = PreferenceMeasurement(self.domain, self._worth, shares, oracle, judge, n, world, self.between)

    def _world(self, oracle: Oracle, domain: Domain) -> Tensor:
        keep = self.job.tools.models.keep
        return reference(oracle, domain, lambda name, make, size: keep(name, (id(oracle),), make, size))

    @property
    def learned(self) -> Adapter:
        return self.taught("preference", Adapter)

    # -- on the way ------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        if self.trainer.method.log.get("diverged") and not self.diverged:
            self.diverged = True
            self.notice(
                f"At step {self.trainer.step:,} the winners' error is a fifth above what it was before: the model gets worse on "
                "winners, only more slowly than on losers. A smaller weight of the loser, or fewer steps, would fit."
            )

    def strip(self, step: int) -> Strip:
        """Rows: prompts; beside each the untouched model on the same seed."""
        prompts = [line.text for line in self._shown]
        said = {"columns": ["untouched", "tuned"], "rows": prompts}
        drawn = self._bare if step == 0 else self.drawn(self._shown, SHOWN_SEEDS, self.learned)
        return Strip([self._bare, drawn], self.alone[0].plan.steps, prompts, SHOWN_SEEDS, said)

    @property
    def _shown(self) -> list[Said]:
        assert self.bench is not None
        return self.bench.prompts[:SHOWN]

    @cached_property
    def _bare(self) -> Tensor:
        return self.drawn(self._shown, SHOWN_SEEDS, None)

    # -- measured --------------------------------------------------------------------------------------------------

    def compared(self, arm: Arm, models: dict[str, OpenModel]) -> Json:
        assert self.bench is not None
        return self.bench.measure(arm, models, self.learned)

    def headline(self, row: Json) -> dict[str, float]:
        found: dict[str, Json] = {role: row[role]["after"] for role in ("reward", "second") if role in row}
        found |= {"others": row["damage"]["kept"], "moved": row["moved"]}
        return {f"measure/{name}": float(one["value"]) for name, one in found.items() if one and one["value"] is not None}

    # -- after -----------------------------------------------------------------------------------------------------

    def write(self, target: Path) -> None:
        decided = {name: value for name, value in (("reward", self.request.reward), ("votes", self.request.votes)) if value}
        card = self.edit_card(
            kind="preference",
            attribute=self.request.votes or self.request.reward,
            settings={**decided, **self.origin()["settings"]},
            measured={"preferred": self.final()},
        )
        self.write_edit(self.learned.edit(card), target)

    def found(self) -> Json:
        voted = None if self._voted is None else len(self._voted.decided)
        return {
            "method": self.request.chosen,
            "rewards": self._named,
            "voted": voted,
            "diverged": self.diverged,
            **super().found(),
        }
