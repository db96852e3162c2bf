"""CADS: the condition drowns in noise at first (Sadat et al. 2023, arXiv 2310.17347)."""

from __future__ import annotations

from studio.library.remedies import PairPlans, Remedy, Strength, add
from studio.sampling import variants


def _one_step(ground: PairPlans) -> str:
    said = f"drowns the prompt at the first step, and {ground.student} takes no other here"
    return f"{said}; a student of 2 steps or more would fit" if ground.alone.steps < 2 else ""


add(
    Remedy(
        arm="cads",
        name="CADS",
        title="CADS",
        label="student with CADS",
        meaning="its prompt drowns in noise at first",
        paper="Sadat et al. 2023, arXiv 2310.17347",
        order=10,
        look=("#6b4fc9", "#b39df5", "pentagon"),
        make=lambda ground, s: variants.with_cads(ground.alone, s=s),
        misfit=_one_step,
        strength=Strength("cads", 0.25, 0, 4, "Strength s of condition annealing, with the published thresholds.", label="CADS"),
    )
)
