"""What a tuned model is worth on prompts that nobody taught: the reward, a second one, and what became of the prompts.

Every picture is drawn twice from the same noise, with the adapter and without, so that what changed is counted against what the
model did before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack

from torch import Tensor

from studio.core.domain import Domain, Oracle
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.lowrank import Adapter
from studio.workshop.arms_measured import Arm
from studio.workshop.draw import samples
from studio.workshop.held_out import measured_prompts
from studio.workshop.judge import Judge
from studio.workshop.prompts_measured import FREE, SHARE, over_prompts, paired, plain_prompts, read_prompts
from studio.workshop.rewarded import Worth

FIRST_SEED = 7000  # of what is measured; nothing is trained on these
BATCH = 32


class PreferenceMeasurement:
    """rewards: by role, "reward" for what is taught and "second" for what is not, either may be missing. shares: roles whose
    reward is a share. oracle: of the domain, None where none reads; judge: reads then. n: pictures. world: features of samples
    of the domain."""

    def __init__(
        self,
        domain: Domain,
        rewards: Mapping[str, Worth],
        shares: Collection[str],
        oracle: Oracle | None,
        judge: Judge,
        n: int,
        world: Tensor | None,
        between: Callable[[], None],
    ):
        self.domain, self.rewards, self.shares, self.oracle, self.judge = domain, dict(rewards), shares, oracle, judge
        self.world, self.between = world, between
        self.prompts = measured_prompts(domain, n) if domain.has_world else plain_prompts(domain)
        self.said = [prompt for prompt in self.prompts for _ in range(-(-n // len(self.prompts)))]
        self._bare: dict[str, Tensor] = {}

    def measure(self, arm: Arm, models: Mapping[str, OpenModel], worn: Adapter) -> Json:
        """Figures of one arm with the adapter, beside what it did without. Of each reward: before, after and gain, and "spread",
        its standard deviation over pictures before; the rest is of `paired`."""
        key = arm.plan.model_dump_json()
        if key not in self._bare:
            self._bare[key] = self._draw(arm, models, None)
        bare, drawn = self._bare[key], self._draw(arm, models, worn)
        was, now = (
            read_prompts(self.domain, self.oracle, self.judge, self.world, images, self.prompts) for images in (bare, drawn)
        )
        return {
            **arm.said,
            **{role: self._worth(role, bare, drawn) for role in self.rewards},
            **paired(was, now, self.world),
        }

    def _worth(self, role: str, bare: Tensor, drawn: Tensor) -> Json:
        worth, bounds = self.rewards[role], SHARE if role in self.shares else FREE
        before, after = (worth(images, self.said).cpu().double() for images in (bare, drawn))
        n, spread = len(self.prompts), float(before.std()) if len(before) > 1 else 0.0
        return {
            "before": over_prompts(before, n, bounds),
            "after": over_prompts(after, n, bounds),
            "gain": over_prompts(after - before, n),
            "spread": spread,
        }

    def _draw(self, arm: Arm, models: Mapping[str, OpenModel], worn: Adapter | None) -> Tensor:
        seeds = [FIRST_SEED + i for i in range(len(self.said))]
        with ExitStack() as on:
            for name in arm.plan.models:
                if worn is not None:
                    on.enter_context(models[name].under(worn, 1.0))
            return samples(arm.plan, models, self.domain, self.said, seeds, lambda _: self.between(), batch=BATCH)
