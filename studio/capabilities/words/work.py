"""Executing a word's training: rows of the text encoders' tables, measured with the word and without. In a worker."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from studio.capabilities.words.measure import PLAIN, WordMeasurement, prompts_for, word_arms
from studio.capabilities.words.request import WordRequest
from studio.core.domain import as_written
from studio.core.edit import Edit
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.domains import domain_of
from studio.library.measured_arms import Column
from studio.library.models import ModelEntry
from studio.library.picture_folders import pictures_in
from studio.methods.words.textual_inversion import TokenRows, Word, WordConfig
from studio.workshop.arms_measured import Arm
from studio.workshop.draw import samples
from studio.workshop.material.kept import encoded_once
from studio.workshop.material.words import LINES, Pictured, of_items
from studio.workshop.projection import noise_of
from studio.workshop.training.strips import Strip
from studio.workshop.training.with_and_without import Armed

SHOWN_PROMPTS, SHOWN_SEEDS = 2, (0, 1)  # in a strip


class Wording(Armed[WordRequest]):
    """One run of the kind `word`."""

    THING, EVENT, ROW, ROWS = "word", "adapter", "shown", "shown"
    AIM = Column("the share of pictures that show what it was taught", ("with", "shown"))
    bench: WordMeasurement | None = None

    def build(self) -> Word:
        request = self.request
        self.domain = domain_of(self.entry.domain)
        self.reader = self.model.new_word(request.spelled, request.rows)
        config = WordConfig.model_validate(request.settings)
        network, data = self.model.trainable_under_adapter(), self._data()
        return Word(config, self.streams, network, data, self.reader, self.reader.start(request.init))

    def prepare(self) -> None:
        request = self.request
        if not (self.entry.oracle_here and request.shows):
            self.notice("Nobody reads whether pictures show what the word was taught, so nothing is measured.")
            return
        oracle, seeds = self.job.tools.models.oracle(self.entry), request.measure_seeds
        self.bench = WordMeasurement(self.domain, request.shows, request.spelled, request.init, oracle, seeds, self.between)

    def _data(self) -> Pictured:
        """What the word is learned on, with prompts that hold it."""
        request, word = self.request, self.request.spelled
        if not request.pictures:
            n, say = request.n_scenes, self.preparing
            data = of_items(self.model, self.domain, self.material, request.shows, word, seed=request.seed, n_items=n, say=say)
        else:
            lines = LINES[:1] if self.domain.vocabulary else LINES  # its captions have no photos
            said = as_written(self.domain, [line.format(word) for line in lines])
            data = Pictured(self._encoded, [said], noise_of(self.domain, self.model.shape), self.device)
        self.reader.check([line.text for lines in data.prompts for line in lines])
        return data

    def _encoded(self) -> Tensor:
        """Latents [N, *shape] of the folder's pictures, encoded once."""
        given = pictures_in(self.job.home, self.request.pictures)
        path, batches = self.material / f"word-pictures-{given.digest}.safetensors", given.batches(self.model.sample_shape[-1])
        return encoded_once(path, self.model, batches, len(given.files), self.preparing)

    def tokens(self) -> dict[str, Tensor]:
        """The rows as they are now; in half precision, as the file will hold them."""
        with torch.no_grad():
            return self.reader.tokens([part.detach().half().float().cpu() for part in self.taught("word", TokenRows)()])

    # -- on the way ------------------------------------------------------------------------------------------------

    def strip(self, step: int) -> Strip:
        """Of every prompt and seed: the picture without the word, the picture with it."""
        columns, said = [self._bare, self._drawn("with", self.tokens())], {"columns": ["without", "with"]}
        return Strip(columns, self.alone[0].plan.steps, self._lines["with"], SHOWN_SEEDS, said)

    @cached_property
    def _bare(self) -> Tensor:
        """What a strip shows without the word."""
        return self._drawn("without", None)

    def _drawn(self, side: str, tokens: dict[str, Tensor] | None) -> Tensor:
        arm, models = self.alone
        lines, known = self._lines[side], [tokens] if tokens else []
        said, seeds = as_written(self.domain, [line for line in lines for _ in SHOWN_SEEDS]), list(SHOWN_SEEDS) * len(lines)
        return samples(arm.plan, models, self.domain, said, seeds, lambda _: self.between(), words=known)

    @cached_property
    def _lines(self) -> dict[str, list[str]]:
        """The prompts of a strip, by side."""
        request = self.request
        if request.shows:
            found = prompts_for(self.domain, request.shows, request.spelled, request.init)
            return {side: lines[:SHOWN_PROMPTS] for side, lines in found.items()}
        heads = {"with": request.spelled, "without": request.init or "picture"}
        return {side: [line.format(head) for line in PLAIN] for side, head in heads.items()}

    def arms(self, students: list[ModelEntry]) -> list[Arm]:
        return word_arms(self.entry, students)

    def compared(self, arm: Arm, models: dict[str, OpenModel]) -> Json:
        assert self.bench is not None
        return self.bench.measure(arm, models, self.tokens())

    def headline(self, row: Json) -> dict[str, float]:
        return {"measure/shown": row["with"]["shown"]["value"] or 0.0}

    # -- after -----------------------------------------------------------------------------------------------------

    def write(self, target: Path) -> None:
        request = self.request
        # what a person would say of it, also to a judge that reads words
        said = ", ".join(f"{name} {value}" for name, value in request.shows.items()) or request.init
        taught = {name: getattr(request, name) for name in ("shows", "init", "rows", "pictures")}
        settings, measured = {**taught, **self.origin()["settings"]}, {"shown": self.final()}
        card = self.edit_card(kind="subject", attribute=said, settings=settings, measured=measured)
        self.write_edit(Edit({}, card, self.tokens()), target, words=[request.spelled])

    def found(self) -> Json:
        return {"word": self.request.spelled, **super().found()}
