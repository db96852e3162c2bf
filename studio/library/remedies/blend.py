"""What both models believe, mixed at every step, as an adapter's strength would mix their weights."""

from __future__ import annotations

from studio.library.remedies import PairPlans, Remedy, Strength, add
from studio.sampling import variants

ALPHA = Strength("alpha", 0.5, 0, 1, "Strength of the student in the blend; the rest is the teacher.", open=True, label="Blend α")


def _unlike(ground: PairPlans) -> str:
    said = f"mixes what both models believe, and {ground.teacher} and {ground.student} draw pictures of different shapes"
    return "" if ground.alike else said


add(
    Remedy(
        arm="blend",
        name="blend",
        title="Blend",
        label="blend of student and teacher",
        meaning=f"{100 * ALPHA.default:g} % student, {100 * (1 - ALPHA.default):g} % teacher at every step",
        paper="no paper; as an adapter's strength",
        order=40,
        look=("#8a5a3c", "#d3a283", "star-square"),
        on="both",
        make=lambda ground, s: variants.with_strength(ground.alone, ground.student, ground.teacher, s),
        misfit=_unlike,
        strength=ALPHA,
    )
)
