"""What forms say about a pair of teacher and student, its arms and the seeds that were typed."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.family import Checkpoint
from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.library.draw_request import CompareRequest, plans_for
from studio.library.models import Pair, Registry, load_registry
from studio.library.remedies import REMEDIES
from studio.library.seeds import parse_seeds
from studio.ui.kit import arms, parts

NO_GUIDANCE = 1.0


def title(pair: Pair) -> str:
    return pair.title if pair.available else f"{pair.title}, missing"


def named(paths: Paths, pair_id: str) -> str:
    """Both models of a pair, for the board of a run: "Nano teacher and Nano DMD2". Its id where they have gone."""
    try:
        pair = load_registry(paths).pair(pair_id)
    except ValueError:
        return pair_id
    return f"{pair.teacher.title} and {pair.student.title}"


def choices(listed: Sequence[Pair]) -> list[tuple[str, str]]:
    """(title, id) of each, for the field of a pair."""
    return [(title(pair), pair.id) for pair in listed]


def line(pair: Pair | None) -> str:
    """What stands below the field of a pair."""
    if pair is None:
        return parts.line("No models are listed; presets/models names the folders they are looked for in.", "problem")
    if not pair.available:
        return parts.line(pair.reason, "notice")
    return parts.line(pair.student.summary, "hint")


def seeds_line(text: str) -> str:
    """Which seeds a text means, or why it means none."""
    try:
        seeds = parse_seeds(text)
    except ValueError as error:
        return parts.line(str(error), "notice")
    many = f"{len(seeds)} seeds" if len(seeds) != 1 else "one seed"
    whole = len(seeds) > 1 and seeds == list(range(seeds[0], seeds[-1] + 1))
    which = f"{seeds[0]} to {seeds[-1]}" if whole else ", ".join(map(str, seeds[:5])) + (" …" if len(seeds) > 5 else "")
    return parts.line(f"{many}: {which}. Also 0-7, or 1, 5, 9.", "hint")


def student_steps(pair: Pair | None) -> int:
    """Steps of the student's recipe; four, as most published students, when there is no recipe to ask."""
    return pair.student.steps if pair and pair.student.recipe else 4


def guidance(pair: Pair | None) -> float:
    """The teacher's own guidance, as its card or preset says."""
    return pair.teacher.guidance if pair else NO_GUIDANCE


def most_guidance(pair: Pair | None) -> float:
    """The largest scale that the teacher's family says is of use."""
    return (pair.teacher.checkpoint if pair else Checkpoint()).most_guidance


def guidance_kept(given: float | None, before: Pair | None, now: Pair | None) -> float:
    """What the field of the guidance holds when another pair is chosen: its teacher's own, unless somebody typed one.

    given: what stands there; before: the pair it was for.
    """
    return guidance(now) if given is None or given == guidance(before) else given


def arm_choices(steps: int) -> list[tuple[str, str]]:
    return [(arms.chip(arm), arm) for arm in arms.choices(steps)]


def in_order(chosen: list[str]) -> list[str]:
    """Arms in the order of the page: a student is measured against a teacher that was drawn before it."""
    order = [*arms.choices(16), *REMEDIES]
    return sorted(chosen, key=lambda arm: order.index(arm) if arm in order else len(order))


def remedy_choices(registry: Registry, form: Json) -> list[tuple[str, str]]:
    """Every remedy with its cost, meaning and paper, or with why it does not fit what the form says. A name, then a line.

    form: fields of a request. All are offered at all times, so that one that was ticked before another pair was chosen is
    not lost; Run says in a sentence what does not fit.
    """
    return [(f"{arms.title(arm)}{_cost(registry, form, arm)}", arm) for arm in REMEDIES]


def _cost(registry: Registry, form: Json, arm: str) -> str:
    about = f"\n{REMEDIES[arm].meaning}\n{REMEDIES[arm].paper}"
    try:
        request = CompareRequest.model_validate({**form, "prompt": "any", "arms": [arm]})
        (plan,) = plans_for(request, registry)
    except ValueError as error:
        said = str(error)
        return f" · does not fit\n{said}" if said.startswith(f"{arm} ") else about
    return f" · {plan.nfe} NFE{about}"


def remedies_label(chosen: list[str]) -> str:
    """The heading of the folded group; says how many are ticked where nobody sees the ticks."""
    return f"Remedies, {len(chosen)} chosen" if chosen else "Remedies"


def known(paths: Paths, pair_id: str | None) -> Pair | None:
    """The pair of a form; None where there is none of that name."""
    try:
        return load_registry(paths).pair(pair_id) if pair_id else None
    except ValueError:
        return None
