"""Particle guidance: the seeds of a prompt push each other apart (Corso et al. 2023, arXiv 2310.13102)."""

from __future__ import annotations

from studio.library.remedies import Remedy, Strength, add
from studio.sampling import variants

add(
    Remedy(
        arm="particles",
        name="particles",
        title="Particles",
        label="student with particle guidance",
        meaning="its seeds push each other apart",
        paper="Corso et al. 2023, arXiv 2310.13102",
        order=20,
        look=("#b07d00", "#f2c744", "hexagram"),
        make=lambda ground, s: variants.with_particles(ground.alone, s),
        seeds=2,
        strength=Strength("particles", 0.25, 0, 4, "Strength of the repulsion between seeds."),
    )
)
