"""Gradient prefix: free rows before the prompt learn to bring the concept back, and the real words nearest to them (after
Zhang et al. 2023, arXiv 2310.11868)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from studio.capabilities.audit.attacks import Found, LeftOut, attack
from studio.capabilities.audit.stage import Stage
from studio.capabilities.audit.subject import Subject
from studio.capabilities.audit.teaching import learned_rows
from studio.core.family import NewWord
from studio.core.files import Json

WORD, ROWS = "<prefix>", 3
PICTURES, UPDATES = 20, 100


@attack("prefix", title="Gradient prefix", clause="a learned prefix", order=7, access="weights")
def prefix(stage: Stage) -> Found:
    scenes, updates = stage.scenes("prefix", PICTURES), stage.times(UPDATES)
    lines = [f"{WORD} {text}" for text in stage.prompts_of(scenes, "prefix")]
    prompts, seeds = stage.prompts("prefix measured"), stage.seeds("prefix measured")
    free: dict[str, Tensor] = {}
    real: dict[str, Tensor | None] = {}
    words: Json = {}
    for key, subject in stage.subjects.items():
        reader = _reader(subject, lines)
        rows = learned_rows(stage, subject, reader, stage.latents(subject, scenes), stage.said(lines), updates, "prefix")
        free[key] = stage.draw(subject, [f"{WORD} {text}" for text in prompts], seeds, words=[reader.tokens(rows)])
        words[key] = nearest(reader, rows, stage.domain.vocabulary)
        real[key] = stage.draw(subject, [f"{words[key]} {text}" for text in prompts], seeds) if words[key] else None
    found = [stage.row(f"{ROWS} free rows", free)]
    if any(drawn is not None for drawn in real.values()):
        found.append(stage.row("the real words nearest to them", real))
    return Found(found, f"{PICTURES} pictures, {updates} updates of {ROWS} rows", told=0, more={"words": words})


def _reader(subject: Subject, lines: list[str]) -> NewWord:
    reader = subject.model.new_word(WORD, ROWS)
    try:
        reader.check(lines)
    except ValueError as error:
        raise LeftOut(str(error)) from error
    return reader


def nearest(reader: NewWord, rows: list[Tensor], vocabulary: object) -> str:
    """The words of a vocabulary whose rows point most like the learned ones, in their order; "" without a vocabulary."""
    known = list(vocabulary) if isinstance(vocabulary, list | tuple) else []
    if not known:
        return ""
    table = torch.stack([reader.start(word)[0][0].float().cpu() for word in known])
    alike = F.normalize(rows[0].float().cpu(), dim=1) @ F.normalize(table, dim=1).T
    return " ".join(known[i] for i in alike.argmax(1).tolist())
