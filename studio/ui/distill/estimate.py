"""What a distillation will cost, in sentences before it starts: counted by `capabilities.distill.estimate`, or measured here."""

from __future__ import annotations

from studio.capabilities.distill.estimate import COSTS, Cost, cost, memory, parameters
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.cost_words import Told, told
from studio.library.models import load_registry
from studio.ui.jobs.background import size
from studio.ui.kit import words

__all__ = ["COSTS", "amount", "cost", "memory", "parameters", "sentences"]
Settings = Json


def sentences(
    jobs: Jobs, teacher: str, objective: str, settings: Settings, steps: int, request: Settings | None = None
) -> list[str]:
    """The estimate: evaluations and memory as they are counted, time and memory as they were measured here; what is not known is
    said to be so.

    settings: of the objective, with its defaults. request: the job's other fields (form, rank, width, trainer, ...), where
    they are known.
    """
    request = request or {}
    batch, known = int(settings.get("batch") or 1), cost(objective, settings)
    said = []
    if known is not None:
        parts = ", ".join(f"{name} {n:g}" for name, n in known.per_sample.items())
        whole = known.each * batch * steps * int((request.get("trainer") or {}).get("accumulate") or 1) + known.once
        said.append(f"{known.each:g} network evaluations per sample and step ({parts}); {amount(whole)} in all.")
        if known.once:
            said.append(f"{amount(known.once)} of them are the teacher's samples, made once at the start.")
        if known.discriminator:
            said.append("The discriminator's passes come on top and are not counted.")
        said += _memory(jobs, teacher, known, settings, request)
    return [
        *said,
        taken(jobs, {**request, "teacher": teacher, "objective": objective, "settings": settings, "steps": steps}).sentence,
    ]


def taken(jobs: Jobs, asked: Json) -> Told:
    """Time and memory as they were measured here."""
    return told(jobs, "distill", asked)


def _memory(jobs: Jobs, teacher: str, known: Cost, settings: Settings, request: Settings) -> list[str]:
    entry = load_registry(jobs.paths).entries.get(teacher)
    device = jobs.status("batch").device or jobs.status("interactive").device or "cpu"
    try:
        found = memory(entry.folder, known, settings, request, fused=device != "cpu") if entry is not None else None
    except ValueError as error:
        return [str(error)]
    if found is None:
        return []
    held = f"{size(found.weights)} for weights, gradients, optimiser and averages"
    if found.activations is None:
        return [f"{held}; activations come on top."]
    of_batch = f"{size(found.activations)} for the activations of a batch of {int(settings.get('batch') or 1)}"
    said = f"About {size(found.total)} of memory at most: {held}, {of_batch}; the program itself comes on top."
    return [said, known.more] if known.more else [said]


def amount(n: float) -> str:
    """ "12,800", "1.6 million", "3.2 billion"."""
    for size_of, word in ((1e9, "billion"), (1e6, "million")):
        if n >= size_of:
            return f"{n / size_of:.3g} {word}"
    return words.number(n, 0) if n < 1000 else f"{n:,.0f}"
