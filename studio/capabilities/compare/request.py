"""Compare: the same seeds drawn by a teacher, its student, hybrids of the two and remedies, measured side by side."""

from __future__ import annotations

from studio.jobs.kinds import KINDS
from studio.library.draw_request import CompareRequest
from studio.library.results import Compared

KINDS.add(
    "compare",
    title="Compare",
    config=CompareRequest,
    lane="interactive",
    visitors=True,
    label=lambda request: request.prompt,
    work="studio.workshop.comparison:Comparison",
    gives=Compared,
)
