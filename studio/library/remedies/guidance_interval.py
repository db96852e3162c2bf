"""The teacher guided at middle times alone (Kynkäänniemi et al. 2024, arXiv 2404.07724)."""

from __future__ import annotations

from studio.library.remedies import PairPlans, Remedy, add
from studio.sampling import variants
from studio.sampling.guidance import is_plain
from studio.sampling.plan import Plan


def _interval(ground: PairPlans, _: float = 0.0) -> Plan:
    """Guidance in the middle half of the student's time range."""
    top = ground.recipe.timesteps[0]
    return variants.with_interval(ground.reference, 0.25 * top, 0.75 * top)


def no_guidance(ground: PairPlans) -> str:
    plain = f"needs a teacher with guidance above 1, and {ground.teacher} is drawn with {ground.guidance:g} here"
    return plain if is_plain(ground.guidance) else ""


def _no_interval(ground: PairPlans) -> str:
    if said := no_guidance(ground):
        return said
    steps = ground.reference.steps
    few = f"needs teacher steps at middle times, and {steps} {'step has' if steps == 1 else 'steps have'} none there; 5 would fit"
    return few if _interval(ground).nfe == steps else ""


add(
    Remedy(
        arm="guidance-interval",
        name="guidance interval",
        title="Guidance interval",
        label="teacher guided at middle times",
        meaning="the teacher, guided only at middle times",
        paper="Kynkäänniemi et al. 2024, arXiv 2404.07724",
        order=70,
        look=("#1864ab", "#a5d8ff", "circle-x"),
        make=_interval,
        misfit=_no_interval,
        on="teacher",
    )
)
