"""What the whole k sweep costs beside the bare time of the network and decoder calls that it makes. One run.

    python -m benchmarks.studies [--size pocket] [--prompts 4] [--seeds 64] [--rounds 3] [--threads N] [--device cpu]
    python -m benchmarks.studies --size nano --seeds 16                                       # quick

A round runs the study in an empty data folder (drawing, oracle, cells on disk, bootstrap, verdicts, results), writes down
every call of a network and of a decoder with its shapes, and at once repeats just those calls on random inputs. The ratio is
the median over rounds, so that a busy machine disturbs both sides alike. Opening models is on neither side. Beside it: how
often the networks were asked and how many rows were asked twice, found by hashing every row that reached a network.
Target: study ÷ bare ≤ 1.15 for 5 values × 64 seeds × 4 prompts of pocket.
"""

from __future__ import annotations

import argparse
import cProfile
import hashlib
import pstats
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from studio.capabilities.lab.request import DEFAULT_PROMPTS
from studio.library.models import load_registry
from studio.library.stock import open_jobs
from studio.worker import run_job
from studio.workshop.open_models import ModelCache

TARGET = 1.15


@dataclass
class Ledger:
    """Calls of modules, in order: (what, module, positional and keyword arguments with tensors as their shapes)."""

    calls: list[tuple[str, nn.Module, Any, Any]] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    hashes: Counter[bytes] = field(default_factory=Counter)
    hashing: bool = False

    @contextmanager
    def watching(self, modules: dict[str, list[nn.Module]]) -> Iterator[Ledger]:
        """Write down every call of these modules."""
        handles = [
            module.register_forward_pre_hook(self._hook(what), with_kwargs=True)
            for what, found in modules.items() for module in found
        ]  # fmt: skip
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, what: str) -> Any:
        def seen(module: nn.Module, args: Any, kwargs: Any) -> None:
            self.calls.append((what, module, _shapes(args), _shapes(kwargs)))
            tensors = [t for t in _tensors((args, kwargs)) if t.ndim > 1]
            n = len(tensors[0])
            self.rows[what] += n
            if self.hashing and what == "network":
                rowwise = [t.expand(n, *t.shape[1:]) if len(t) == 1 else t for t in _tensors((args, kwargs)) if t.ndim]
                for i in range(n):
                    h = hashlib.blake2b(str(id(module)).encode(), digest_size=16)
                    for t in rowwise:
                        h.update(t[i].cpu().numpy().tobytes())
                    self.hashes[h.digest()] += 1

        return seen

    @property
    def twice(self) -> int:
        """Rows that a network was asked more than once."""
        return sum(count - 1 for count in self.hashes.values())


@dataclass(frozen=True)
class Shape:
    size: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


def _shapes(value: Any) -> Any:
    """The same tree with a `Shape` for every tensor."""
    if isinstance(value, Tensor):
        return Shape(tuple(value.shape), value.dtype, value.device)
    if isinstance(value, dict):
        return {k: _shapes(v) for k, v in value.items()}
    return type(value)(_shapes(v) for v in value) if isinstance(value, (list, tuple)) else value


def _random(value: Any) -> Any:
    """The same tree with random tensors for every `Shape`."""
    if isinstance(value, Shape):
        if value.dtype.is_floating_point:
            return torch.rand(value.size, dtype=value.dtype, device=value.device)
        return torch.randint(2, value.size, dtype=value.dtype, device=value.device)
    if isinstance(value, dict):
        return {k: _random(v) for k, v in value.items()}
    return type(value)(_random(v) for v in value) if isinstance(value, (list, tuple)) else value


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    parts = list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, (list, tuple)) else []
    return [t for part in parts for t in _tensors(part)]


@dataclass(frozen=True)
class Seconds:
    """Of one piece of work: on the wall, and of this process's processors."""

    wall: float
    cpu: float


@contextmanager
def timed(device: str, into: list[Seconds]) -> Iterator[None]:
    _settled(device)
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    _settled(device)
    into.append(Seconds(time.perf_counter() - wall, time.process_time() - cpu))


def replayed(ledger: Ledger, device: str, into: list[Seconds]) -> None:
    """Time of the same calls and nothing else; inputs are made beforehand, one for every kind of call."""
    made: dict[str, Any] = {}
    ready = []
    for _, module, args, kwargs in ledger.calls:
        key = repr((args, kwargs))
        made[key] = made.get(key) or (_random(args), _random(kwargs))
        ready.append((module, *made[key]))
    with torch.inference_mode(), timed(device, into):
        for module, args, kwargs in ready:
            module(*args, **kwargs)


def _settled(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def studied(request: dict[str, Any], warm: ModelCache, folder: Path, into: list[Seconds]) -> dict[str, Any]:
    """One run of the study in a data folder of its own, timed; its result."""
    jobs = open_jobs(folder)
    run_id = jobs.submit("study", request)
    registry = load_registry(jobs.paths)
    with timed(warm.device, into):
        state, note = run_job(jobs.paths.run(run_id), models=warm, registry=registry)
    result = jobs.result(run_id)
    if state != "done" or result is None:
        raise SystemExit(f"The study ended as {state}: {note}")
    return result


def opened(warm: ModelCache, pair_id: str, folder: Path) -> dict[str, list[nn.Module]]:
    """The networks and decoders of a pair, opened so that no timing holds that."""
    pair = load_registry(open_jobs(folder).paths).usable(pair_id)
    models = [warm.model(entry) for entry in (pair.teacher, pair.student)]
    assert pair.student.oracle is not None
    warm.oracle(pair.student)
    return {"network": [m.parts.unet for m in models], "decoder": [m.parts.vae.decoder for m in models]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("nano", "pocket"), default="pocket")
    parser.add_argument("--student", default="dmd2")
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--references", type=int, nargs="+", default=[25, 50], help="steps of the teacher's lines")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--profile", action="store_true", help="where the study's time goes, outside the counted calls too")
    o = parser.parse_args()
    if o.threads:
        torch.set_num_threads(o.threads)
    pair = f"{o.size}/{o.student}"
    request = {"study": "k-sweep", "pair": pair, "prompts": list(DEFAULT_PROMPTS[: o.prompts]), "seeds": o.seeds,
               "settings": {"references": o.references}}  # fmt: skip
    warm = ModelCache(o.device)
    studies: list[Seconds] = []
    bares: list[Seconds] = []
    with tempfile.TemporaryDirectory() as scratch:
        modules = opened(warm, pair, Path(scratch) / "open")
        few = {**request, "seeds": min(o.seeds, 4), "prompts": request["prompts"][:1], "control": 0}
        with Ledger(hashing=True).watching(modules) as counted:
            said = studied(few, warm, Path(scratch) / "counted", [])["evaluations"]["computed"]
        print(f"{pair}, {torch.get_num_threads()} threads, {o.device}: k = 0 to 4 × {o.seeds} seeds × {o.prompts} prompts, with "
              f"teacher lines of {' and '.join(map(str, o.references))} steps")  # fmt: skip
        print(f"counted on {few['seeds']} seeds of one prompt: {counted.rows['network']} network rows run, {said} evaluations "
              f"said; rows run twice: {counted.twice}")  # fmt: skip
        for number in range(o.rounds):
            ledger, profile = Ledger(), cProfile.Profile()
            with ledger.watching(modules):
                if o.profile:
                    profile.enable()
                result = studied(request, warm, Path(scratch) / str(number), studies)
                profile.disable()
            replayed(ledger, o.device, bares)
            calls, study, bare = Counter(what for what, *_ in ledger.calls), studies[-1], bares[-1]
            print(f"round {number + 1}: study {study.wall:.1f} s, bare {bare.wall:.1f} s, ratio {study.wall / bare.wall:.3f}, of "
                  f"CPU time {study.cpu / bare.cpu:.3f} | {calls['network']} network calls of {ledger.rows['network']} rows "
                  f"({result['control']['evaluations']} of the identity control), {calls['decoder']} decoder calls of "
                  f"{ledger.rows['decoder']}", flush=True)  # fmt: skip
            if o.profile:
                pstats.Stats(profile, stream=sys.stdout).sort_stats("cumulative").print_stats(60)
    pairs = list(zip(studies, bares, strict=True))
    wall, cpu = (statistics.median(getattr(s, kind) / getattr(b, kind) for s, b in pairs) for kind in ("wall", "cpu"))
    judged = cpu if o.device == "cpu" else wall
    print(f"study ÷ bare: {wall:.3f} of wall time, {cpu:.3f} of CPU time (medians of {o.rounds}); target {TARGET:.2f}: "
          f"{'met' if judged <= TARGET else 'missed'}{' by CPU time' if o.device == 'cpu' else ''}")  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**10 if sys.platform != "darwin" else 2**20)
    print(f"peak memory {peak:.0f} MiB")


if __name__ == "__main__":
    main()
