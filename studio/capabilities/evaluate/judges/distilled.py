"""A judge that was taught by another one's answers (`methods.judges`): shipped with models, or one of a person's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from studio.capabilities.evaluate.judges import Answer, Judge, NotHere, Opening, judge
from studio.core.domain import Said
from studio.library.adapters import CARD
from studio.library.checklist import Check
from studio.library.judges import FILE, JudgeEntry, at, load_judges
from studio.methods.judges.network import JudgeNetwork, bag, load_judge, together

BATCH = 128  # samples at once
WHOLE = "of the whole prompt"


class Distilled:
    """entry: as it is listed. network: open."""

    def __init__(self, entry: JudgeEntry, network: JudgeNetwork):
        self.entry, self.network = entry, network
        self.device = next(network.parameters()).device
        self._bags: dict[str, Tensor] = {}

    @property
    def key(self) -> str:
        return f"distilled {self.entry.id} {self.entry.card.get('created', '')} {self.entry.path.stat().st_size}"

    @property
    def about(self) -> str:
        card, how = self.entry.card, "one thing at a time" if self.entry.decomposed else "of whole prompts alone"
        return (
            f"{self.entry.title}, a small network that was asked {how} and taught on {card.get('pictures', 0):,} pictures by "
            f"{self.entry.base} and its students, answered by {card.get('answered_by', 'another judge')}; it knows nothing else."
        )

    @torch.no_grad()
    def answers(self, samples: Tensor, said: Sequence[Said], asked: Sequence[Sequence[Check]]) -> list[list[Answer]]:
        found: list[list[Answer]] = []
        for begin in range(0, len(samples), BATCH):
            found += self._some(samples[begin : begin + BATCH].float().to(self.device), asked[begin : begin + BATCH])
        return found

    def _some(self, samples: Tensor, asked: Sequence[Sequence[Check]]) -> list[list[Answer]]:
        most = max((len(row) for row in asked), default=0)
        if not most:
            return [[] for _ in asked]
        bags = torch.zeros(len(asked), most, self.network.shape.buckets, device=self.device)
        for i, row in enumerate(asked):
            for j, check in enumerate(row):
                bags[i, j] = self._bag(check.question)
        if not self.network.shape.decomposed:
            scores = self.network(samples, together(bags)[:, None])[0][:, 0].sigmoid().tolist()
            return [[Answer(score, f"{score:.2f} {WHOLE}") for _ in row] for score, row in zip(scores, asked, strict=True)]
        logits, seen = self.network(samples, bags)
        scores, words = logits.sigmoid().tolist(), seen.argmax(2).tolist()
        say = self.network.shape.words
        return [[Answer(scores[i][j], say[words[i][j]]) for j in range(len(row))] for i, row in enumerate(asked)]

    def _bag(self, question: str) -> Tensor:
        if question not in self._bags:
            self._bags[question] = bag(question, self.network.shape.buckets).to(self.device)
        return self._bags[question]


@judge("distilled", title="Distilled judge", order=1)
def open_distilled(opening: Opening) -> Judge:
    entry = _chosen(opening)
    if said := entry.misfit(opening.entry):
        raise NotHere(said)
    stat = entry.path.stat()
    try:
        network = opening.models.keep(
            f"judge:{entry.path}",
            (stat.st_mtime_ns, stat.st_size),
            lambda: load_judge(entry.path, opening.models.device),
            2 * stat.st_size,
        )
    except ValueError as error:
        raise NotHere(f"{entry.id} cannot be opened: {error}") from error
    return Distilled(entry, network)


def _chosen(opening: Opening) -> JudgeEntry:
    """The one that was named, an id or a folder, otherwise the first that fits the model."""
    known = load_judges(opening.home)
    if opening.choice in known.entries:
        return known.get(opening.choice)
    folder = Path(opening.choice).expanduser()
    if opening.choice and ((folder / FILE).is_file() or (folder / CARD).is_file()):
        return at(folder, opening.choice)
    if opening.choice:
        try:
            return known.get(opening.choice)
        except ValueError as error:
            raise NotHere(str(error)) from error
    fits = known.for_model(opening.entry)
    if not fits:
        raise NotHere(
            f"No judge was taught on what models of {opening.domain.title} draw; a run of the kind judges would teach one."
        )
    return fits[0]
