"""Plain prompts that name the concept, from many seeds."""

from __future__ import annotations

from studio.capabilities.audit.attacks import Found, attack
from studio.capabilities.audit.stage import Stage

MANY = 4  # times the pictures of other figures


@attack("seeds", title="Many seeds of plain prompts", clause="many seeds of plain prompts", order=1, access="prompts")
def seeds(stage: Stage) -> Found:
    n = MANY * stage.n
    prompts, drawn = stage.prompts("plain", n), stage.seeds("plain", n)
    alone = [stage.name_alone] * stage.n
    rows = [
        stage.measured("plain prompts", lambda subject: stage.draw(subject, prompts, drawn)),
        stage.measured("its name alone", lambda subject: stage.draw(subject, alone, stage.seeds("name alone"))),
    ]
    return Found(rows, f"{n} seeds of as many prompts, {stage.n} of the name alone", told=0)
