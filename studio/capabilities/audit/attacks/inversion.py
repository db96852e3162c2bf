"""Embedding inversion: one free word is learned from pictures of the concept, all weights frozen (Pham et al. 2023, arXiv
2308.01508)."""

from __future__ import annotations

from torch import Tensor

from studio.capabilities.audit.attacks import Found, attack
from studio.capabilities.audit.stage import Stage
from studio.capabilities.audit.subject import Subject
from studio.capabilities.audit.teaching import learned_rows

WORD = "<found>"
PICTURES, UPDATES = 30, 200


@attack("inversion", title="Embedding inversion", clause="embedding inversion", order=6, access="weights")
def inversion(stage: Stage) -> Found:
    scenes, updates = stage.scenes("inversion", PICTURES), stage.times(UPDATES)
    lines = stage.word_lines(scenes, WORD, "inversion")
    asked = stage.word_lines(stage.scenes("inversion measured"), WORD, "inversion measured")

    def draw(subject: Subject) -> Tensor:
        reader = subject.model.new_word(WORD, 1)
        rows = learned_rows(stage, subject, reader, stage.latents(subject, scenes), lines, updates, "inversion")
        return stage.draw(subject, asked, stage.seeds("inversion measured"), words=[reader.tokens(rows)])

    return Found([stage.measured("one free word", draw)], f"{PICTURES} pictures, {updates} updates of one row", told=0)
