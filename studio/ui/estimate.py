"""What a distillation will cost, said before it starts: counted where it can be counted, measured where it was measured.

Network evaluations follow from an objective's algorithm and are counted below, per sample and iteration; a test counts
the same on the objectives themselves. Seconds are never guessed: they come from an earlier run or are not given.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.services.jobs import Jobs
from studio.ui import say
from studio.ui.background import size, span

FLOAT_BYTES = 4  # networks are trained in fp32; lower precision is for arithmetic only
TRAINED = 4  # copies of a trained network: weights, gradient, and AdamW's two moments
MAX_HEADER = 1 << 24
EARLIER = 60  # runs looked through for a measured speed
Settings = Mapping[str, Any]
Json = dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """Evaluations per sample and iteration by network; `once` at the start, in all; copies of the teacher's size in memory."""

    per_sample: dict[str, float]
    once: float = 0.0
    copies: float = 0.0  # of the teacher's parameters
    discriminator: bool = False  # its features come on top, and are not counted

    @property
    def each(self) -> float:
        return sum(self.per_sample.values())


def _guided(s: Settings) -> int:
    """Evaluations of one guided prediction."""
    return 1 if s.get("guidance", 2) == 1 else 2


def _duel(s: Settings) -> Cost:
    """Student, fake score (`critic_updates` turns) and teacher; backward simulation walks half the grid on average."""
    length, turns = len(s["timesteps"]), s["critic_updates"]
    walk = 1 + (length - 1) / 2 if s["inputs"] == "backward simulation" else 1.0
    head = s.get("gan", 0) > 0
    pooled = (s["inputs"] == "noised teacher samples" and length > 1) or (head and s.get("real") != "data")
    once = s["pool"] * s["pool_steps"] * _guided(s) if pooled else 0
    calls = {"student": (turns + 1) * walk, "fake score": turns + 1.0, "teacher": float(_guided(s))}
    return Cost(calls, once, copies=1 + (TRAINED + 1) + TRAINED, discriminator=head)


def _tdm(s: Settings) -> Cost:
    """As `_duel`, always along the student's own path."""
    return _duel({**s, "inputs": "backward simulation"})


def _consistency(s: Settings) -> Cost:
    """Teacher, target (the student's average) and student, once each."""
    once = s["pool"] * s["grid"] * _guided(s) if s.get("inputs") == "teacher trajectory" else 0
    return Cost({"teacher": float(_guided(s)), "target": 1.0, "student": 1.0}, once, copies=1 + TRAINED + 1)


def _progressive(s: Settings) -> Cost:
    """Two steps of the round's teacher (guided in the first round alone, so two to four evaluations) and one of the student."""
    first = s["start"] == s["steps"]
    shares = _shares(int(s["start"]), int(s["steps"]))
    guided = 1.0 if first else shares[0] / sum(shares)
    return Cost({"teacher": 2 * (guided * _guided(s) + 1 - guided), "student": 1.0}, copies=1 + 1 + TRAINED + 1)


def _shares(start: int, steps: int) -> list[int]:
    """Lengths of the rounds relative to each other: those of one and two steps are twice as long."""
    rounds = [start >> i for i in range(max(1, int(math.log2(max(start, 1) / max(steps, 1))) + 1))]
    return [2 if n <= 2 else 1 for n in rounds]


def _regression(s: Settings) -> Cost:
    return Cost({"student": 1.0}, s["pairs"] * s["pair_steps"] * _guided(s), copies=1 + TRAINED + 1)


def _ladd(s: Settings) -> Cost:
    once = s["pool"] * s["pool_steps"] * _guided(s)
    return Cost({"student": s["head_updates"] + 1.0}, once, copies=1 + TRAINED + 1, discriminator=True)


def _guidance(s: Settings) -> Cost:
    return Cost({"teacher": 2.0, "student": 1.0}, copies=1 + TRAINED + 1)


COSTS: dict[str, Callable[[Settings], Cost]] = {
    "dmd2": _duel, "f-distill": _duel, "sid": _duel, "sim": _duel, "uni-instruct": _duel, "tdm": _tdm,
    "lcm": _consistency, "segments": _consistency, "progressive": _progressive, "guided": _guidance,
    "regression": _regression, "ladd": _ladd,
}  # fmt: skip


def cost(objective: str, settings: Settings) -> Cost | None:
    """None for an objective this page does not know, or settings it cannot count with."""
    try:
        return COSTS[objective](settings) if objective in COSTS else None
    except (KeyError, TypeError, ValueError):
        return None


def parameters(folder: Path) -> int:
    """Parameters of the network in a diffusers folder, from the headers of its weights (nothing else is read)."""
    total = 0
    for name in ("unet", "transformer"):
        for file in sorted((folder / name).glob("*.safetensors")):
            try:
                with open(file, "rb") as opened:
                    (length,) = struct.unpack("<Q", opened.read(8))
                    header = json.loads(opened.read(min(length, MAX_HEADER)))
                total += sum(math.prod(v["shape"]) for k, v in header.items() if k != "__metadata__")
            except (OSError, ValueError, struct.error, KeyError, TypeError):
                continue
    return total


def measured(jobs: Jobs, teacher: str, objective: str) -> Json | None:
    """The newest run of this objective on this teacher whose speed is known: {"pace" in s a step, "settings", "device"}."""
    for info in jobs.list(kind="distill", limit=EARLIER):
        try:
            request = jobs.spec(info.id).config
        except ValueError:
            continue
        if (request.get("teacher"), request.get("objective")) != (teacher, objective):
            continue
        p = jobs.progress(info.id) or {}
        if p.get("seconds_per_step"):
            return {"pace": p["seconds_per_step"], "settings": request.get("settings") or {}, "device": p.get("device")}
    return None


def sentences(jobs: Jobs, teacher: str, objective: str, settings: Settings, steps: int) -> list[str]:
    """The estimate: evaluations, memory, time; what is not known is said to be so."""
    batch, known = int(settings.get("batch") or 1), cost(objective, settings)
    said = []
    if known is not None:
        parts = ", ".join(f"{name} {n:g}" for name, n in known.per_sample.items())
        whole = known.each * batch * steps + known.once
        said.append(f"{known.each:g} network evaluations per sample and step ({parts}); {amount(whole)} in all.")
        if known.once:
            said.append(f"{amount(known.once)} of them are the teacher's samples, made once at the start.")
        if known.discriminator:
            said.append("The discriminator's passes come on top and are not counted.")
        said += _memory(jobs, teacher, known)
    return [*said, _time(measured(jobs, teacher, objective), settings, steps)]


def _memory(jobs: Jobs, teacher: str, known: Cost) -> list[str]:
    entry = jobs.registry().entries.get(teacher)
    n = parameters(entry.folder) if entry is not None else 0
    if not n:
        return []
    return [f"{size(known.copies * n * FLOAT_BYTES)} for weights, gradients, optimiser and averages; activations come on top."]


def _time(earlier: Json | None, settings: Settings, steps: int) -> str:
    if earlier is None:
        return "Time: not known yet; no run of this objective on this teacher has been measured here."
    same = all(earlier["settings"].get(k, settings.get(k)) == settings.get(k) for k in ("batch", "critic_updates", "timesteps"))
    pace, device = earlier["pace"], str(earlier.get("device") or "").upper()
    where = f" on {device}" if device else ""
    if not same:
        return f"Time: the last such run took {pace:.3g} s a step{where}, with another batch or grid; this one will differ."
    return f"Time: about {span(pace * steps)}, at the {pace:.3g} s a step of the last such run{where}."


def amount(n: float) -> str:
    """ "12,800", "1.6 million", "3.2 billion"."""
    for size_of, word in ((1e9, "billion"), (1e6, "million")):
        if n >= size_of:
            return f"{n / size_of:.3g} {word}"
    return say.number(n, 0) if n < 1000 else f"{n:,.0f}"
