"""A prompt of its own for every seed: noise on the condition, beside CADS (arXiv 2310.17347)."""

from __future__ import annotations

from studio.library.remedies import Remedy, Strength, add
from studio.sampling import variants

add(
    Remedy(
        arm="prompt-noise",
        name="prompt noise",
        title="Prompt noise",
        label="student with prompt noise",
        meaning="a prompt of its own for every seed",
        paper="beside CADS, arXiv 2310.17347",
        order=30,
        look=("#c74ba0", "#f29ad6", "triangle-down"),
        make=lambda ground, s: variants.with_prompt_noise(ground.alone, s),
        strength=Strength("prompt_noise", 1.0, 0, 4, "Noise on the condition, in its own standard deviations."),
    )
)
