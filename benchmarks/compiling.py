"""What compiling the repeated blocks of a network (`STUDIO_COMPILE=1`) is worth: compiled ÷ plain, in one run.

    python -m benchmarks.compiling [--device cpu] [--rounds 9]

Calls of the network with and without its compiled blocks take turns; ratios are medians over rounds with the range of the
middle half. The built-in teacher of 128 pixels and small networks of every family with random weights; a batch of 8. First call
÷ a call is what compiling costs, in calls. On a CPU seconds are this process's processor time; compilers that it starts are not
counted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.family_models import TITLES, small
from studio.core.domain import told
from studio.families import open_model
from studio.families.compiled import Compiled, repeated_blocks
from studio.families.opened import NETWORK, Opened
from studio.jobs.paths import ROOT

PROMPT, ROWS = "a red boat", 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        places = {"pocket/teacher": ROOT / "assets" / "pocket" / "teacher"}
        for name in TITLES:
            small(name, Path(folder) / name)
            places[name] = Path(folder) / name / "model"
        print("| network | compiled ÷ plain | first call ÷ a call |\n|---|---|---|")
        for name, place in places.items():
            print(row(TITLES.get(name, name), place, asked.device, asked.rounds), flush=True)


def row(title: str, folder: Path, device: str, rounds: int) -> str:
    model = open_model(folder, device=device)
    assert isinstance(model, Opened)
    cond = {key: value.expand(ROWS, *value.shape[1:]) for key, value in model.encode(told([PROMPT])).items()}
    x = torch.randn(ROWS, *model.shape, generator=torch.Generator().manual_seed(1)).to(device)
    t = torch.full((ROWS,), 500.0, device=device)

    def seconds() -> float:
        clock = time.process_time if device == "cpu" else time.perf_counter
        start = clock()
        with torch.inference_mode():
            model.denoiser.network(x, t, cond)
        if device != "cpu":
            torch.cuda.synchronize()
        return clock() - start

    seconds()
    failed: list[str] = []
    fast, plain = [], []
    network = model.modules[NETWORK]
    with Compiled(failed.append) as compiled:
        compiled.add(network)
        calls = {block: block._compiled_call_impl for block in repeated_blocks(network)}
        began = seconds()
        for _ in range(rounds):
            fast.append(seconds())
            for block in calls:
                block._compiled_call_impl = None
            plain.append(seconds())
            for block, call in calls.items():
                block._compiled_call_impl = call
    if failed:
        return f"| {title} | {failed[0]} | |"
    ratios = sorted(a / b for a, b in zip(fast, plain, strict=True))
    low, _, high = statistics.quantiles(ratios, n=4)
    return f"| {title} | {statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}] | {began / statistics.median(fast):,.0f} |"


if __name__ == "__main__":
    main()
