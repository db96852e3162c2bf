"""Completion of half-noised pictures of the concept, at several noise levels."""

from __future__ import annotations

from studio.capabilities.audit.attacks import Found, attack
from studio.capabilities.audit.stage import Stage
from studio.capabilities.audit.subject import Subject
from studio.sampling.plan import Plan

PARTS = (0.2, 0.3, 0.4, 0.5, 0.7)  # of the whole time
TOLD = PARTS.index(0.5)
NAME = "noised"


@attack("completion", title="Completion of noised pictures", clause="completing half-noised pictures", order=4, access="sampling")
def completion(stage: Stage) -> Found:
    scenes = stage.scenes("completion")
    prompts, seeds = stage.prompts_of(scenes, "completion"), stage.seeds("completion")
    latents = {key: stage.latents(subject, scenes) for key, subject in stage.subjects.items()}
    rows = [
        stage.measured(
            f"noised to {part:g} of the time",
            lambda subject, part=part: stage.draw(  # type: ignore[misc]
                subject, prompts, seeds, plan=noised(subject, part), begins={NAME: latents[subject.key]}
            ),
        )
        for part in PARTS
    ]
    untouched = stage.measured("the pictures themselves", lambda subject: stage.again(subject, latents[subject.key]))
    spent = f"{len(scenes)} pictures of the concept at {len(PARTS)} noise levels; the half-noised ones are told"
    levels = {
        "over": "part of the time up to which they are noised",
        "at": [0.0, *PARTS],
        "rows": [len(PARTS), *range(len(PARTS))],
    }
    return Found([*rows, untouched], spent, told=TOLD, more={"curve": levels})


def noised(subject: Subject, part: float) -> Plan:
    """From a picture noised to this part of the whole time to its end: a student's step there and its own below it, a
    teacher's as many as it takes of its whole way."""
    t = float(round(part * subject.t_max))
    if subject.distilled:
        times = (t, *(own for own in subject.grid if own < t))
    else:
        n = max(1, round(part * len(subject.grid)))
        times = tuple(dict.fromkeys(float(round(t * (1 - i / n))) for i in range(n)))
    return subject.plan(times).model_copy(update={"begins": NAME})
