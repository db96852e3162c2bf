"""One trainer for all methods: optimisers, EMA, clipping, precision, accumulation, several processes, bit-exact resume.

A method yields ``(network, loss)``; the trainer takes the gradient for that network's parameters alone
(``torch.autograd.grad``), so no method toggles ``requires_grad`` and a critic's update can never touch the student.
"""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from studio.core.ema import EMA
from studio.core.material import ConditionalNetwork
from studio.core.method import Method
from studio.core.optimizers import Optimizer, make_optimizer, set_rate
from studio.core.parallel import ALONE, Parallel
from studio.core.weights import State, load_checkpoint, save_checkpoint


class TrainerConfig(BaseModel):
    """Settings that belong to the run, not to the algorithm."""

    model_config = ConfigDict(extra="forbid")

    steps: int = Field(1000, ge=1, le=10_000_000, description="Iterations of the method")
    warmup: int = Field(50, ge=0, description="Iterations of linear warm-up of every learning rate")
    decay_from: float = Field(0.0, ge=0, le=1, description="Fraction of the run after which the rate falls (1 = never)")
    decay_to: float = Field(0.1, ge=0, le=1, description="Final learning rate as a fraction of the peak")
    accumulate: int = Field(1, ge=1, description="Micro-batches per update")
    precision: Literal["fp32", "bf16", "auto"] = Field("fp32", description="auto = bf16 where the processor computes in it")
    optimizer: Optimizer = Field(
        "adamw", description="adamw8bit keeps the moments in a quarter of the memory; muon is for networks trained from scratch"
    )
    checkpointing: bool = Field(
        False, description="Keep less for the backward pass and compute it a second time: less memory, about a third slower"
    )
    checkpoint_every: int = Field(500, ge=1)
    max_bad_steps: int = Field(5, ge=0, description="Non-finite losses tolerated in a row before the run stops")


@dataclass
class Progress:
    """State after one iteration. ``losses`` by network, last update of each."""

    step: int
    steps: int
    losses: dict[str, float]
    log: dict[str, float]
    seconds: float  # spent in this iteration


class NotFinite(RuntimeError):
    """The loss stayed NaN or infinite; the last good checkpoint is kept."""


def computes_in_bf16(device: str) -> bool:
    """Whether bf16 arithmetic is native; where it is emulated (CPUs without AVX-512 BF16 or AMX) it is many times slower."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device == "cpu" and any(getattr(torch.cpu, name, lambda: False)() for name in checks)


class Trainer:
    """Runs a method. ``run()`` is a generator of `Progress`; closing it between iterations loses nothing."""

    def __init__(
        self, method: Method, config: TrainerConfig, folder: Path | None = None, device: str = "cpu", parallel: Parallel = ALONE
    ):
        self.method, self.config, self.folder, self.device, self.parallel = method, config, folder, device, parallel
        self.step, self.skipped, self._bad = 0, 0, 0
        self.bf16 = config.precision == "bf16" or (config.precision == "auto" and computes_in_bf16(device))
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.parameters: dict[str, list[nn.Parameter]] = {}
        self.updates, self.ema = dict[str, int](), dict[str, EMA]()
        self.starts = (0, *method.rounds(config.steps), config.steps)  # of the rounds, and the end
        if config.checkpointing:
            self._recompute()
        self._make_optimizers()
        for name, t in method.trained.items():
            self.updates[name] = 0
            if t.ema is not None:
                self.ema[name] = EMA(t.module, t.ema)
                method.emas[name] = self.ema[name].module

    def _make_optimizers(self) -> None:
        """One a network, new; and which parameters want a gradient, found once."""
        for name, t in self.method.trained.items():
            self.parameters[name] = [p for p in t.module.parameters() if p.requires_grad]
            self.optimizers[name] = make_optimizer(
                self.config.optimizer, t.module, lr=t.lr, betas=t.betas, weight_decay=t.weight_decay
            )

    def _recompute(self) -> None:
        """Ask every trained network, and a teacher that gradients may run through, to keep less for the backward pass."""
        inside = [m for t in self.method.trained.values() for m in t.module.modules() if isinstance(m, ConditionalNetwork)]
        if not inside:
            raise ValueError(f"{type(self.method).__name__} trains no network that can compute a part of itself twice.")
        for network in inside:
            network.recompute(True)
        teacher = getattr(getattr(self.method, "teacher", None), "network", None)
        if isinstance(teacher, ConditionalNetwork):
            teacher.recompute(True)

    # -- the loop ------------------------------------------------------------------------------------------------

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Iterate to ``config.steps``; saves every ``checkpoint_every`` iterations, on stop and at the end.

        Of several processes the leader's ``should_stop`` counts.
        """
        try:
            while self.step < self.config.steps and not self.parallel.agree(should_stop()):
                begun = time.perf_counter()
                with self.parallel.iterating():
                    if self.step in self.starts:
                        self._begin_round(self.starts.index(self.step))
                    losses = self.iterate()
                self.step += 1
                yield Progress(self.step, self.config.steps, losses, dict(self.method.log), time.perf_counter() - begun)
                # after the yield: what a consumer writes down of an iteration is there before the checkpoint that holds it
                if self.step % self.config.checkpoint_every == 0:
                    self.save()
        except BaseException:  # also where the consumer closes this generator between two iterations
            self.parallel.leave()
            raise
        self.save()

    def _begin_round(self, number: int) -> None:
        self.method.round = number
        self.method.begin_round(number)
        if number > 0:
            self._make_optimizers()

    def iterate(self) -> dict[str, float]:
        """One iteration: advance the method's generators (one a micro-batch) in lockstep, step what they name."""
        losses: dict[str, float] = {}
        generators = [self.method.iteration(self.method.batch(), self.step) for _ in range(self.config.accumulate)]
        while True:
            found = self._gradients(generators)
            if found is None:
                return losses
            losses[found[0]] = self._update(*found)
            del found  # its gradients, before anything else is computed

    def _gradients(self, generators: list[Iterator[tuple[str, Tensor]]]) -> tuple[str, float, dict[int, Tensor]] | None:
        """(network that is to be stepped, mean loss, gradient by index of its parameters); None when the iteration ends.

        What a micro-batch keeps for its backward pass is gone before the next one is computed: accumulating costs a second
        set of gradients and no activations.
        """
        names, total, sums = set[str | None](), 0.0, dict[int, Tensor]()
        for generator in generators:
            with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.bf16):
                yielded = next(generator, None)
            names.add(yielded[0] if yielded is not None else None)
            assert len(names) == 1, f"micro-batches of one iteration must yield alike, and yielded {names}"
            if yielded is None:
                continue
            name, loss = yielded
            if name not in self.method.trained:
                raise ValueError(f"{type(self.method).__name__} yielded {name!r}; it trains {', '.join(self.method.trained)}")
            total += float(loss.detach())
            gradients = torch.autograd.grad(loss / len(generators), self.parameters[name], allow_unused=True)
            for i, gradient in enumerate(gradients):
                if gradient is not None:
                    sums[i] = sums[i] + gradient if i in sums else gradient
        (which,) = names
        return None if which is None else (which, total / len(generators), sums)

    def _update(self, name: str, total: float, sums: dict[int, Tensor]) -> float:
        trained = self.method.trained[name]
        parameters = self.parameters[name]
        whole, total = self.parallel.average(parameters, [sums.get(i) for i in range(len(parameters))], total)
        for p, found in zip(parameters, whole, strict=True):
            p.grad = found
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, trained.clip or math.inf))
        if not (math.isfinite(total) and math.isfinite(norm)):
            return self._refuse(name, total)
        self._bad = 0
        set_rate(self.optimizers[name], trained.lr * self.rate())
        self.optimizers[name].step()
        self.optimizers[name].zero_grad(set_to_none=True)
        self.updates[name] += 1
        if name in self.ema:
            self.ema[name].update()
        self.method.log[f"{name}/grad_norm"] = norm
        return total

    def _refuse(self, name: str, loss: float) -> float:
        """A non-finite update is skipped and counted, never masked; too many in a row end the run."""
        self.skipped += 1
        self._bad += 1
        self.optimizers[name].zero_grad(set_to_none=True)
        if self._bad > self.config.max_bad_steps:
            raise NotFinite(
                f"The loss of {name!r} was not finite {self._bad} times in a row (last {loss}); "
                "lower its learning rate. The last good checkpoint is kept."
            )
        return loss

    def rate(self) -> float:
        """Learning-rate factor: linear warm-up, flat, then linear decay over the last part of the run (of a round)."""
        c = self.config
        number = self._round()
        step, steps = self.step - self.starts[number], self.starts[number + 1] - self.starts[number]
        warm = min(1.0, (step + 1) / c.warmup) if c.warmup else 1.0
        begin = c.decay_from * steps
        if step <= begin or c.decay_from >= 1:
            return warm
        return warm * (1 - (1 - c.decay_to) * (step - begin) / max(1.0, steps - begin))

    def _round(self) -> int:
        return bisect.bisect_right(self.starts[:-1], self.step) - 1

    # -- state ---------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        return {
            "step": self.step,
            "skipped": self.skipped,
            "updates": dict(self.updates),
            "modules": {n: t.module.state_dict() for n, t in self.method.trained.items()},
            "optimizers": {n: o.state_dict() for n, o in self.optimizers.items()},
            "ema": {n: e.state_dict() for n, e in self.ema.items()},
            "held": {n: m.state_dict() for n, m in self.method.held.items()},
            "streams": self.method.streams.state_dict(),
            "log": dict(self.method.log),  # what a method says of itself goes on from there
        }

    def load_state_dict(self, state: State) -> None:
        self.step, self.skipped, self.updates = state["step"], state["skipped"], dict(state["updates"])
        for name, t in self.method.trained.items():
            t.module.load_state_dict(state["modules"][name])
            self.optimizers[name].load_state_dict(state["optimizers"][name])
        for name, e in self.ema.items():
            e.load_state_dict(state["ema"][name])
        self.method.round = self._round()
        for name, m in self.method.held.items():
            m.load_state_dict(state["held"][name])
        self.method.streams.load_state_dict(state["streams"])
        self.method.log.update(state.get("log", {}))

    def save(self) -> None:
        if self.folder is not None and self.parallel.leads:  # the others hold the same
            save_checkpoint(self.folder / "checkpoint.pt", self.state_dict())

    def resume(self) -> bool:
        """Load the folder's checkpoint if there is one; True when it did."""
        path = self.folder / "checkpoint.pt" if self.folder else None
        if path is None or not path.exists():
            return False
        self.load_state_dict(load_checkpoint(path))
        return True
