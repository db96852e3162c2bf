"""What the trainer costs beside the bare networks, and what a run holds in memory beside its estimate. One command.

    python -m benchmarks.training                                  # nano and pocket, LCM and DMD2, time and memory
    python -m benchmarks.training --only time --sizes nano --rounds 9
    python -m benchmarks.training --only memory --sizes pocket --batch 1 8
    python -m benchmarks.training --only memory --sizes nano --wide 4 --batch 1   # weights that outweigh the activations

Time: seconds per update against (a) the bare forward passes, backward passes and optimiser steps of the same networks with
the same batch, and (b) other programs' steps on the same network, where they are installed. Every round runs all ways one
after another on inputs of the same shape, and ratios are medians over rounds, of seconds and of processor seconds: on a
busy machine the second says more. Goal: at most 1.10 times (a).

Memory: the most bytes of tensors at once, from making the objective to the end of its second iteration, as PyTorch's
profiler saw them allocated and released. Not what the process holds: the C library keeps freed blocks, libraries keep
caches, and on networks of a few million weights both are larger than what is trained. Goals: the estimate within a factor
of 1.25; DMD2 with adapters on one shared network at most half of the three copies. The second is about weights: it
holds where they outweigh the activations, as in large models, which `--wide` shows on a network of that proportion.
"""

from __future__ import annotations

import argparse
import copy
import gc
import importlib.util
import itertools
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.profiler import profile

from studio.capabilities.distill import estimate
from studio.core.method import Streams
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains import domain_of
from studio.families import open_model
from studio.families.stable.trainable import teacher_denoiser
from studio.jobs.paths import ASSETS
from studio.methods.distill import METHODS
from studio.workshop.material.captions import world_material

GOAL, WITHIN = 1.10, 1.25
MiB = float(1 << 20)
Way = Callable[[int], None]  # (a number that decides how long DMD2's chains are)
TEACHERS = {size: ASSETS / size / "teacher" for size in ("nano", "pocket")}


def opened(folder: Path, cache: Path) -> tuple[Any, Any]:
    """(model, material) with latents made once."""
    model = open_model(folder, folder.name)
    material = world_material(model, domain_of("pocket"), cache, n_items=64)
    material.data(1, torch.Generator())
    return model, material


def make(objective: str, model: Any, material: Any, config: dict[str, Any], rank: int | None = None, **run: Any) -> Trainer:
    cls: Any = METHODS.get(objective)
    method = cls(cls.Config(**config), Streams(0), teacher_denoiser(model, rank), material)
    return Trainer(method, TrainerConfig(steps=1_000_000, warmup=0, decay_from=1.0, **run))


# -- time ----------------------------------------------------------------------------------------------------------------


def chains(seed: int, turns: int) -> Iterator[int]:
    """Places on a grid of four where the chains of one DMD2 iteration end; the same for all ways of a round."""
    g = torch.Generator().manual_seed(seed)
    return iter(torch.randint(4, (turns,), generator=g).tolist())


def ours(trainer: Trainer) -> Way:
    """The trainer's own iteration."""

    def go(seed: int) -> None:
        if hasattr(trainer.method, "duel"):
            ends = chains(seed, 100)
            trainer.method.duel.position = lambda: next(ends)
        trainer.iterate()

    return go


class Bare:
    """Networks and fused AdamW on inputs that lie ready: what no trainer could do without."""

    def __init__(self, trainer: Trainer, material: Any, batch: int):
        method: Any = trainer.method
        self.teacher, self.student = method.teacher.network, copy.deepcopy(method.student.network)
        self.fake = copy.deepcopy(method.duel.fake.network) if hasattr(method, "duel") else None
        self.target = copy.deepcopy(self.student).requires_grad_(False)
        g = torch.Generator().manual_seed(0)
        self.x = torch.randn(batch, *material.shape, generator=g)
        self.t, self.cond = torch.full((batch,), 500.0), dict(material.conditions(batch, g))
        self.x2, self.t2 = torch.cat([self.x, self.x]), torch.cat([self.t, self.t])
        self.cond2 = {k: torch.cat([v, v]) for k, v in self.cond.items()}
        trained = [n for n in (self.student, self.fake) if n is not None]
        self.optimizers = {id(n): torch.optim.AdamW(n.parameters(), lr=1e-5, fused=True) for n in trained}

    def update(self, network: Any, out: Tensor) -> None:
        parameters = list(network.parameters())
        for p, g in zip(parameters, torch.autograd.grad(((out - self.x) ** 2).mean(), parameters), strict=True):
            p.grad = g
        self.optimizers[id(network)].step()
        self.optimizers[id(network)].zero_grad(set_to_none=True)

    def forward(self, network: Any) -> Tensor:
        out: Tensor = network(self.x, self.t, self.cond)
        return out

    @torch.no_grad()
    def guided(self) -> None:
        self.teacher(self.x2, self.t2, self.cond2)

    @torch.no_grad()
    def walk(self, steps: int) -> None:
        for _ in range(steps):
            self.forward(self.student)

    def lcm(self, seed: int) -> None:
        self.guided()
        with torch.no_grad():
            self.forward(self.target)
        self.update(self.student, self.forward(self.student))

    def dmd2(self, seed: int) -> None:
        ends = chains(seed, 100)
        for _ in range(2):
            self.walk(next(ends) + 1)
            self.update(self.fake, self.forward(self.fake))
        self.walk(next(ends))
        out = self.forward(self.student)
        self.guided()
        with torch.no_grad():
            self.forward(self.fake)
        self.update(self.student, out)


def diffusers_lcm(trainer: Trainer, material: Any, batch: int) -> Way | None:
    """One step in the order of diffusers' latent consistency example, in our own words and on the same network.

    Its parts are diffusers' and accelerate's: noise scheduler, two teacher passes, a target network, pseudo-Huber loss,
    clipping, AdamW, an average over parameters one by one. A fixed guidance scale; text states and latents lie ready.
    """
    if importlib.util.find_spec("diffusers") is None or importlib.util.find_spec("accelerate") is None:
        return None
    from accelerate import Accelerator
    from diffusers import DDPMScheduler

    bare, accelerator, w, grid = Bare(trainer, material, batch), Accelerator(cpu=True), 3.0, 50
    scheduler = DDPMScheduler(1000, 0.00085, 0.012, "scaled_linear", prediction_type="v_prediction")
    optimizer = torch.optim.AdamW(bare.student.parameters(), lr=1e-5)
    student, optimizer = accelerator.prepare(bare.student, optimizer)
    alphas, sigmas = scheduler.alphas_cumprod.sqrt(), (1 - scheduler.alphas_cumprod).sqrt()
    times = (torch.arange(1, grid + 1) * (1000 // grid)).round().long() - 1

    def column(values: Tensor, at: Tensor) -> Tensor:
        return values[at].view(-1, 1, 1, 1)

    def parts(out: Tensor, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        a, s = column(alphas, t), column(sigmas, t)
        return a * x - s * out, a * out + s * x  # clean sample, noise

    def boundary(t: Tensor) -> tuple[Tensor, Tensor]:
        scaled = (t / 0.1).view(-1, 1, 1, 1)
        return 0.25 / (scaled**2 + 0.25), scaled / (scaled**2 + 0.25) ** 0.5

    def go(seed: int) -> None:
        x0, empty = bare.x, {k: torch.zeros_like(v) for k, v in bare.cond.items()}
        noise, index = torch.randn_like(x0), torch.randint(0, grid, (batch,))
        start = times[index]
        stop = torch.where((before := start - 1000 // grid) < 0, torch.zeros_like(before), before)
        skip, out_scale = boundary(start)
        skip_stop, out_stop = boundary(stop)
        xt = scheduler.add_noise(x0, noise, start)
        clean, _ = parts(student(xt, start.float(), bare.cond), xt, start)
        predicted = skip * xt + out_scale * clean
        with torch.no_grad():
            clean_c, noise_c = parts(bare.teacher(xt, start.float(), bare.cond), xt, start)
            clean_u, noise_u = parts(bare.teacher(xt, start.float(), empty), xt, start)
            guided, guided_noise = clean_c + w * (clean_c - clean_u), noise_c + w * (noise_c - noise_u)
            xr = column(alphas, stop) * guided + column(sigmas, stop) * guided_noise
            clean_r, _ = parts(bare.target(xr, stop.float(), bare.cond), xr, stop)
            target = skip_stop * xr + out_stop * clean_r
        loss = ((predicted - target) ** 2 + 0.001**2).sqrt().sub(0.001).mean()
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for mine, other in zip(bare.target.parameters(), student.parameters(), strict=True):
                mine.mul_(0.95).add_(other, alpha=0.05)

    return go


def timed(way: Way, seed: int) -> tuple[float, float]:
    """(seconds, processor seconds) of one update."""
    begun, spent = time.perf_counter(), time.process_time()
    way(seed)
    return time.perf_counter() - begun, time.process_time() - spent


def compare(ways: dict[str, Way], rounds: int) -> dict[str, tuple[float, float, float]]:
    """By way: (median seconds, and the medians of ours ÷ it, of seconds and of processor seconds)."""
    for way in ways.values():
        way(0)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds):
        order = list(ways) if number % 2 else list(ways)[::-1]
        for name in order:
            taken[name].append(timed(ways[name], number))
    return {
        name: (
            statistics.median(s for s, _ in found),
            statistics.median(a / b for (a, _), (b, _) in zip(taken["trainer"], found, strict=True)),
            statistics.median(a / b for (_, a), (_, b) in zip(taken["trainer"], found, strict=True)),
        )
        for name, found in taken.items()
    }


def time_all(sizes: list[str], batch: int, rounds: int, cache: Path) -> None:
    for size in sizes:
        model, material = opened(TEACHERS[size], cache)
        for objective in ("lcm", "dmd2"):
            config = {"batch": batch, **({"gan": 0.0} if objective == "dmd2" else {})}
            trainer = make(objective, model, material, config)
            bare = Bare(trainer, material, batch)
            ways: dict[str, Way] = {"trainer": ours(trainer), "bare": getattr(bare, objective)}
            if objective == "lcm" and (other := diffusers_lcm(trainer, material, batch)) is not None:
                ways["diffusers' LCM step"] = other
            found = compare(ways, rounds)
            pairs = [f"÷ {name} {wall:.3f} (processor {cpu:.3f})" for name, (_, wall, cpu) in found.items() if name != "trainer"]
            print(f"{size} {objective}, batch {batch}: {found['trainer'][0]:.3f} s an update; " + "; ".join(pairs), flush=True)
    if importlib.util.find_spec("fastgen") is None:
        print("FastGen is not installed, so its DMD2 step is not compared.")
    else:
        print("FastGen is installed, but its DMD2 step is not written down here.")


# -- memory --------------------------------------------------------------------------------------------------------------


def cases(sizes: list[str], batches: list[int]) -> list[dict[str, Any]]:
    whole = [
        {"objective": "lcm"}, {"objective": "dmd2"}, {"objective": "dmd2", "rank": 8},
        {"objective": "dmd2", "run": {"checkpointing": True}}, {"objective": "dmd2", "rank": 8, "run": {"checkpointing": True}},
    ]  # fmt: skip
    if any(importlib.util.find_spec(name) for name in ("bitsandbytes",)):
        whole.append({"objective": "dmd2", "run": {"optimizer": "adamw8bit"}})
    return [{"size": size, "batch": batch, **case} for size in sizes for batch in batches for case in whole]


def hold(trainer: Trainer) -> float:
    """Bytes of all weights, moments and averages that a trainer holds, every tensor once."""
    method: Any = trainer.method
    modules = [method.teacher.network, *(t.module for t in method.trained.values()), *(e.module for e in trainer.ema.values())]
    shared = [m.__dict__["shared"] for m in modules if "shared" in m.__dict__]
    tensors = [p for m in (*modules, *shared) for p in m.parameters()]
    tensors += [v for o in trainer.optimizers.values() for s in o.state.values() for v in s.values() if torch.is_tensor(v)]
    return float(sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values()))


def allocated(work: Callable[[], None]) -> float:
    """Most bytes of tensors at once while `work` runs, above what there was before."""
    gc.collect()
    with profile(use_kineto=True, profile_memory=True) as record:
        work()
    events = record.kineto_results.events()
    changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    return float(max(itertools.accumulate(change for _, change in changes)))


def measure(case: dict[str, Any], folder: Path, cache: Path) -> dict[str, float]:
    """{"peak", "held"} in bytes. Two iterations: the optimisers have their moments in the second."""
    model, material = opened(folder, cache)
    trainer: Trainer | None = None

    def work() -> None:
        nonlocal trainer
        trainer = make(case["objective"], model, material, {"batch": case["batch"]}, case.get("rank"), **case.get("run", {}))
        for _ in range(2):
            trainer.iterate()

    peak = allocated(work)
    assert trainer is not None
    return {"peak": peak, "held": hold(trainer)}


def widened(size: str, wide: int, scratch: Path) -> Path:
    """A teacher with `wide` times the channels, and random weights: what memory it takes does not depend on them."""
    from diffusers import UNet2DConditionModel

    folder = scratch / f"{size}-{wide}"
    if not folder.exists():
        shutil.copytree(TEACHERS[size], folder, ignore=shutil.ignore_patterns("unet"))
        config = UNet2DConditionModel.load_config(TEACHERS[size] / "unet")
        config["block_out_channels"] = [wide * n for n in config["block_out_channels"]]
        UNet2DConditionModel.from_config(config).save_pretrained(folder / "unet")
    return folder


def expected(case: dict[str, Any], folder: Path) -> estimate.Memory:
    cls: Any = METHODS.get(case["objective"])
    settings = cls.Config(batch=case["batch"]).model_dump()
    known = estimate.cost(case["objective"], settings)
    request = {"form": "adapters" if case.get("rank") else "full", "rank": case.get("rank"), "trainer": case.get("run", {})}
    assert known is not None
    found = estimate.memory(folder, known, settings, request)
    assert found is not None
    return found


def memory_all(sizes: list[str], batches: list[int], wide: int, scratch: Path, cache: Path) -> None:
    copies: dict[tuple[str, int], dict[str, float]] = {}
    for case in cases(sizes, batches):
        folder = TEACHERS[case["size"]] if wide == 1 else widened(case["size"], wide, scratch)
        said, found = expected(case, folder), measure(case, folder, cache)
        what = f"{case['size']}{f' {wide} times as wide' if wide > 1 else ''} {case['objective']}, batch {case['batch']}"
        what += f", adapters {case['rank']}" if "rank" in case else ""
        what += "".join(f", {k} {v}" for k, v in case.get("run", {}).items())
        factor = max(said.total / found["peak"], found["peak"] / said.total)
        line = f"{what}: estimate {said.total / MiB:.0f} MiB, tensors {found['peak'] / MiB:.0f} MiB (factor {factor:.2f}), "
        line += f"of them weights, optimiser, averages {found['held'] / MiB:.0f} MiB"
        if case["objective"] == "dmd2":
            whole = copies.setdefault((case["size"], case["batch"]), found)
            line += f"; ÷ three copies {found['held'] / whole['held']:.2f}, of the peak {found['peak'] / whole['peak']:.2f}"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=list(TEACHERS), choices=list(TEACHERS))
    parser.add_argument("--only", choices=["time", "memory"])
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 32], help="of the memory cases; time takes the first")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--wide", type=int, default=1, help="of the memory cases: so many times the channels, random weights")
    parser.add_argument("--cache", type=Path, help="folder for latents; otherwise a temporary one")
    a = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        cache = a.cache or Path(scratch)
        print(f"goal: trainer ÷ bare at most {GOAL:.2f}; estimate within a factor of {WITHIN:.2f}; one thread")
        if a.only != "memory":
            time_all(a.sizes, a.batch[0], a.rounds, cache)
        if a.only != "time":
            memory_all(a.sizes, a.batch, a.wide, Path(scratch), cache)


if __name__ == "__main__":
    main()
