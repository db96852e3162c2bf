"""More of the fresh noise between a student's steps; SiD for proteins uses less."""

from __future__ import annotations

from studio.library.remedies import PairPlans, Remedy, Strength, add
from studio.sampling import plan as plans

RHO = Strength("rho", 1.1, 0, 2, "Scale of the re-noising.", label="Re-noise ρ")


def _no_noise(ground: PairPlans) -> str:
    said = f"scales the fresh noise between steps, and {ground.student} draws none here"
    noisy = ground.alone.steps > 1 and any(segment.noisy for segment in ground.alone.segments)
    return "" if noisy else f"{said}; a student of several noisy steps would fit"


add(
    Remedy(
        arm="more-re-noise",
        name="more re-noise",
        title="More re-noise",
        label="student with more re-noise",
        meaning=f"{RHO.default:g} × the fresh noise between steps",
        paper="no paper; SiD for proteins uses less",
        order=50,
        look=("#c92a2a", "#ff8787", "cross"),
        make=lambda ground, s: plans.modulated(ground.alone, s),
        misfit=_no_noise,
        strength=RHO,
        own_noise=True,
    )
)
