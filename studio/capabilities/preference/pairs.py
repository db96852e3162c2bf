"""Drawing pairs to vote on: one prompt, two seeds, one model. In a worker."""

from __future__ import annotations

import io

import numpy as np

from studio.capabilities.preference.request import PairsRequest, drawn_by
from studio.core.domain import Said
from studio.core.files import Json
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.jobs.run import Run, versions
from studio.workshop.draw import samples
from studio.workshop.material.preferred import taught_prompts
from studio.workshop.tools import Tools

SIDE = 512  # pixels of a still at most


class DrawingPairs:
    """One run of the kind `pairs`; an event "pair" says each as soon as it is there."""

    def __init__(self, request: PairsRequest, run: Run[Tools]):
        self.request, self.job = request, run
        self.entry = run.tools.registry.get(request.model)

    def run(self) -> Json:
        job, request, entry = self.job, self.request, self.entry
        job.state("loading", f"Opening {entry.title}.")
        model, domain, plan = job.tools.models.whole(entry), domain_of(entry.domain), drawn_by(entry)
        asked, found = self._prompts(), []
        job.state("running")
        for i in range(request.n):
            said, seeds = asked[i % len(asked)], (request.seed + 2 * i, request.seed + 2 * i + 1)
            drawn = samples(plan, {entry.id: model}, domain, [said, said], seeds, lambda _: job.check())
            stills = medium_of(domain).still(drawn, SIDE)
            files = [job.artifact(f"artifacts/pairs/{i}-{side}.png", _png(stills[k])) for k, side in enumerate(("a", "b"))]
            found.append({"prompt": said.text, "given": said.given, "seeds": list(seeds), "files": files})
            job.event("pair", index=i, **found[-1])
            job.progress(i + 1, request.n)
        return {"request": request.model_dump(mode="json"), "model": entry.id, "weights": model.hash, "domain": entry.domain,
                "plan": plan.model_dump(mode="json"), "pairs": found, "versions": versions()}  # fmt: skip

    def _prompts(self) -> list[Said]:
        """In the order of the pairs; other seeds begin with other prompts."""
        found = taught_prompts(domain_of(self.entry.domain), self.request.prompts, 256)
        if self.request.prompts:
            return found
        first = self.request.seed // 2 % len(found)
        return found[first:] + found[:first]


def _png(pixels: np.ndarray) -> bytes:
    """Of [H, W, 3] uint8."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
