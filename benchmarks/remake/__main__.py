"""Remake everything shipped, or say what is stale.

    python -m benchmarks.remake --status                         # every stage: fresh, or why it is stale
    python -m benchmarks.remake                                  # run what is stale, in order; stops and resumes anywhere
    python -m benchmarks.remake --only pocket/teacher --device cuda   # one stage, on a GPU
    python -m benchmarks.remake --until pocket/dmd2              # this stage and what it needs
    python -m benchmarks.remake --adopt                          # write down that what is there is right, and run nothing

A stage that was stopped goes on from its own checkpoint. `docs/measured/remake.json` says of every stage what it read and wrote,
when, where and how long it took; commit it with what it speaks of.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.remake.changes import changed, figures
from benchmarks.remake.record import Record, ordered
from benchmarks.remake.stages import CHAIN, PRETRAIN, Stage

ROOT = Path(__file__).resolve().parents[2]
WORK = Path.home() / ".cache" / "distillation-studio"


def needed(chain: Sequence[Stage], name: str) -> list[Stage]:
    """A stage and everything that what it reads comes from, in order."""
    by_name = {stage.name: stage for stage in chain}
    if name not in by_name:
        raise SystemExit(f"There is no stage {name!r}; there are {', '.join(by_name)}.")
    wanted, order = {name}, ordered(chain)
    for stage in reversed(order):
        read = {r for w in wanted for r in by_name[w].reads}
        if any(r == w or r.startswith(f"{w}/") or w.startswith(f"{r}/") for r in read for w in stage.writes):
            wanted.add(stage.name)
    return [stage for stage in order if stage.name in wanted]


def where(device: str) -> str:
    """The kind of machine, for people."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name()
    return f"{platform.machine()}, {device}"


def run(stage: Stage, record: Record, device: str) -> list[str]:
    """Run one stage and write it down; what changed. SystemExit names a command that failed."""
    before = {path: figures(record.place(path)) for path in stage.writes}
    used, begun = device if stage.gpu else "cpu", time.time()
    fills = {"device": used, "work": str(record.work), "data": str(record.work / "remake-data")}
    fresh = record.begin(stage)
    for number, command in enumerate(stage.commands):
        argv = [part.format(**fills) for part in command]
        if number == 0:
            argv += [*(stage.on_gpu if used != "cpu" else ()), *(["--fresh"] if fresh and argv[0] == PRETRAIN[0] else [])]
        print(f"    python -m {' '.join(argv)}", flush=True)
        done = subprocess.run([sys.executable, "-m", *argv], cwd=record.root, check=False)
        if done.returncode:
            raise SystemExit(f"{stage.name} stopped with {done.returncode}; run the chain again to go on from there.")
    if lost := [path for path in stage.writes if not record.place(path).exists()]:
        raise SystemExit(f"{stage.name} ended without writing {', '.join(lost)}.")
    day = datetime.date.today().isoformat()
    record.note(stage, when=day, where=where(used), seconds=round(time.time() - begun))
    return [line for path in stage.writes for line in changed(before[path], figures(record.place(path)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--status", action="store_true", help="say what is stale; run nothing")
    parser.add_argument("--adopt", action="store_true", help="write down that what is there is right; run nothing")
    parser.add_argument("--only", metavar="STAGE", action="append", help="this stage alone, stale or not; may be repeated")
    parser.add_argument("--until", metavar="STAGE", help="stop behind this one, and leave out what it does not need")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--work", type=Path, default=WORK, help="rendered scenes and checkpoints")
    o = parser.parse_args()
    record = Record.load(ROOT, o.work)
    chain = needed(CHAIN, o.until) if o.until else ordered(CHAIN)
    if o.only:
        chain = [stage for name in o.only for stage in needed(CHAIN, name)[-1:]]
    if o.adopt:
        for stage in chain:
            record.note(stage, when=datetime.date.today().isoformat(), where="adopted as it was", seconds=None)
        print(f"{len(chain)} stages are written down as they are.")
        return
    report: list[str] = []
    for stage in chain:
        why = record.stale(stage)
        if o.status:
            row = record.kept.get(stage.name, {})
            took = "" if row.get("seconds") is None else f", {row['seconds']} s"
            made = f"  ({row['when']}, {row['where']}{took})" if row else ""
            print(f"{'stale' if why else 'fresh'}  {stage.name:28s}{made}{'  ' + '; '.join(why[:3]) if why else ''}")
        elif why or o.only:
            print(f"{stage.name}: {stage.about} ({'; '.join(why[:3]) or 'asked for'})", flush=True)
            lines = run(stage, record, o.device)
            took, place = record.kept[stage.name]["seconds"], record.kept[stage.name]["where"]
            report += [f"{stage.name}: {took} s, {place}", *(f"    {line}" for line in lines or ["no figure changed"])]
    if not o.status:
        print("\n".join(["", "What changed:", *report] if report else ["Nothing was stale."]))


if __name__ == "__main__":
    main()
