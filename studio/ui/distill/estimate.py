"""What a distillation will cost, in sentences before it starts; `capabilities.distill.estimate` counts it."""

from __future__ import annotations

from studio.capabilities.distill.estimate import COSTS, Cost, cost, measured, memory, parameters
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.ui.jobs.background import size
from studio.ui.kit import words
from studio.ui.kit.words import span

__all__ = ["COSTS", "amount", "cost", "measured", "memory", "parameters", "sentences"]
Settings = Json
FORMS = ("form", "rank", "leave_out", "width", "start")  # fields of a request that change what a step costs
USUAL = {"precision": "fp32", "accumulate": 1, "checkpointing": False, "optimizer": "adamw"}  # so do these of the trainer


def sentences(
    jobs: Jobs, teacher: str, objective: str, settings: Settings, steps: int, request: Settings | None = None
) -> list[str]:
    """The estimate: evaluations, memory, time; what is not known is said to be so.

    settings: of the objective, with its defaults. request: the job's other fields (form, rank, width, trainer, ...), where
    they are known.
    """
    request = request or {}
    batch, known = int(settings.get("batch") or 1), cost(objective, settings)
    earlier = measured(jobs, teacher, objective)
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
    same = earlier is not None and _same(earlier, settings, request)
    if same and earlier is not None and earlier.get("memory_bytes"):
        said.append(f"The last such run held {size(earlier['memory_bytes'])} in all.")
    return [*said, _time(earlier, same, steps)]


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


def _same(earlier: Json, settings: Settings, request: Settings) -> bool:
    """Whether an earlier run's steps were of the same kind."""
    had, before = earlier["settings"], earlier["request"]
    alike = all(had.get(k, settings.get(k)) == settings.get(k) for k in ("batch", "critic_updates", "timesteps"))
    formed = all(before.get(k) == request[k] for k in FORMS if k in request)
    trained, asked = ({**USUAL, **(given.get("trainer") or {})} for given in (before, request))
    return alike and formed and ("trainer" not in request or all(trained[k] == asked[k] for k in USUAL))


def _time(earlier: Json | None, same: bool, steps: int) -> str:
    if earlier is None:
        return "Time: not known yet; no run of this objective on this teacher has been measured here."
    pace, device = earlier["pace"], str(earlier.get("device") or "").upper()
    where = f" on {device}" if device else ""
    if not same:
        return f"Time: the last such run took {pace:.3g} s a step{where}, with other settings; this one will differ."
    return f"Time: about {span(pace * steps)}, at the {pace:.3g} s a step of the last such run{where}."


def amount(n: float) -> str:
    """ "12,800", "1.6 million", "3.2 billion"."""
    for size_of, word in ((1e9, "billion"), (1e6, "million")):
        if n >= size_of:
            return f"{n / size_of:.3g} {word}"
    return words.number(n, 0) if n < 1000 else f"{n:,.0f}"
