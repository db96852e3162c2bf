"""The hybrid with a guided base step (Gandikota & Bau 2025, arXiv 2503.10637)."""

from __future__ import annotations

from studio.library.remedies import Remedy, add
from studio.library.remedies.guidance_interval import no_guidance

add(
    Remedy(
        arm="guided-hybrid",
        name="hybrid-1, guided base",
        title="Hybrid, guided",
        label="hybrid with a guided base",
        meaning="as Hybrid k=1, its teacher step guided",
        paper="Gandikota & Bau 2025, arXiv 2503.10637",
        order=60,
        look=("#2b8a3e", "#69db7c", "diamond-cross"),
        make=lambda ground, _: ground.hybrid(1, ground.guidance),
        misfit=no_guidance,
        on="hybrid",
    )
)
