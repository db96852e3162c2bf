"""Executing a word's training: open the base, train, show and measure on the way, measure everywhere, list. In a worker."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from studio.capabilities.words.measure import PLAIN, WordMeasurement, prompts_for, word_arms
from studio.capabilities.words.request import TRAINER, WordRequest
from studio.core.edit import Edit, EditCard
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.method import Streams
from studio.core.trainer import Trainer, TrainerConfig
from studio.core.weights import load_weights, save_weights
from studio.domains import domain_of
from studio.domains.media.image import jpeg_strip, pixels, small
from studio.jobs.run import Run, versions
from studio.library import adapters
from studio.library.curves import finite
from studio.library.models import ModelEntry
from studio.library.picture_folders import pictures_in
from studio.methods.words.textual_inversion import TokenRows, Word, WordConfig
from studio.workshop.arms_measured import Arm
from studio.workshop.draw import pictures
from studio.workshop.material.prompt_pairs import encoded
from studio.workshop.material.words import LINES, Pictured, of_items
from studio.workshop.tools import Tools
from studio.workshop.training.with_and_without import Armed

SHOWN_PROMPTS, SHOWN_SEEDS = 2, (0, 1)  # in a strip


class Wording(Armed[WordRequest]):
    """One run of the kind `word`."""

    THING, EVENT = "word", "shown"
    bench: WordMeasurement | None = None

    def __init__(self, request: WordRequest, run: Run[Tools]):
        super().__init__(request, run)
        self.domain = domain_of(self.entry.domain)
        self._bare: Tensor | None = None  # what the strip shows without the word

    def open(self) -> None:
        request, entry = self.request, self.entry
        self.job.state("loading", f"Opening {entry.title}.")
        self.model = self.job.tools.models.model(entry)
        self.reader = self.model.new_word(request.spelled, request.rows)
        method = Word(
            WordConfig.model_validate(request.settings),
            Streams(request.seed, self.device),
            self.model.trainable_under_adapter(),
            self._data(),
            self.reader,
            self.reader.start(request.init),
        )
        settings = TrainerConfig.model_validate({**TRAINER, **request.trainer, "steps": request.steps})
        if settings.checkpointing:  # of the frozen network, which no trainer knows of
            method.recompute()
            settings = settings.model_copy(update={"checkpointing": False})
        self.begin(Trainer(method, settings, self.job.folder / "checkpoints", self.device))
        if entry.oracle_here and request.shows:
            oracle = self.job.tools.models.oracle(entry)
            self.bench = WordMeasurement(
                self.domain, request.shows, request.spelled, request.init, oracle, request.measure_seeds, self.between
            )
        else:
            self.notice("Nobody reads whether pictures show what the word was taught, so nothing is measured.")
        self.recall()

    def _data(self) -> Pictured:
        """What the word is learned on, with prompts that hold it."""
        request, word = self.request, self.request.spelled
        folder = self.job.home.cache / "material" / f"{self.entry.id.replace('/', '-')}-{self.model.hash}"
        if not request.pictures:
            n, say = request.n_scenes, self.preparing
            data = of_items(self.model, self.domain, folder, request.shows, word, seed=request.seed, n_items=n, say=say)
        else:
            lines = LINES[:1] if self.domain.vocabulary else LINES  # its captions have no photos
            data = Pictured(lambda: self._encoded(folder), [[line.format(word) for line in lines]], self.device)
        self.reader.check([line for lines in data.prompts for line in lines])
        return data

    def _encoded(self, folder: Path) -> Tensor:
        """Latents [N, *shape] of the folder's pictures, encoded once."""
        pictures = pictures_in(self.job.home, self.request.pictures)
        path = folder / f"word-pictures-{pictures.digest}.safetensors"
        if not path.exists():

            def counted() -> Iterator[Tensor]:
                done = 0
                for batch in pictures.batches(self.model.sample_shape[-1]):
                    yield batch
                    done += len(batch)
                    self.preparing(done, len(pictures.files))

            latents = encoded(self.model, counted())
            folder.mkdir(parents=True, exist_ok=True)
            save_weights(path, {"latents": latents})
        return load_weights(path)[0]["latents"]

    def tokens(self) -> dict[str, Tensor]:
        """The rows as they are now, averaged where the method averages; in half precision, as the file will hold them."""
        rows = self.trainer.method.emas.get("word") or self.trainer.method.trained["word"].module
        assert isinstance(rows, TokenRows)
        with torch.no_grad():
            return self.reader.tokens([part.detach().half().float().cpu() for part in rows()])

    # -- on the way ------------------------------------------------------------------------------------------------

    @staticmethod
    def _strip(step: int) -> str:
        return f"artifacts/strips/{step:08d}/word.jpg"

    def shown(self, step: int) -> bool:
        return (self.job.folder / self._strip(step)).exists()

    def show(self, step: int) -> None:
        """Of every prompt and seed: the picture without the word, the picture with it."""
        arm, models = word_arms(self.entry, [])[0], {self.entry.id: self.model}
        lines = self._lines()
        count = len(lines["with"]) * len(SHOWN_SEEDS)
        seeds = list(SHOWN_SEEDS) * len(lines["with"])

        def drawn(side: str, tokens: dict[str, Tensor] | None) -> Tensor:
            known, prompts = [tokens] if tokens else [], [p for p in lines[side] for _ in SHOWN_SEEDS]
            return pictures(arm.plan, models, prompts, seeds, lambda _: self.between(), words=known)

        if self._bare is None:
            self._bare = drawn("without", None)
        images = torch.stack([self._bare, drawn("with", self.tokens())], 1).flatten(0, 1)
        images = small(images)
        name = self.job.artifact(self._strip(step), jpeg_strip(pixels(images)))
        self.job.event(
            "strip",
            arm="word",
            step=step,
            sampling_steps=arm.plan.steps,
            strip=name,
            count=2 * count,
            size=int(images.shape[-1]),
            prompts=lines["with"],
            seeds=list(SHOWN_SEEDS),
            columns=["without", "with"],
        )

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

    def conclude(self) -> Json:
        self.measure_all()
        return self.result(self.listed("adapters", self.THING, "adapter", self._write))

    def _write(self, target: Path) -> None:
        edit = Edit({}, self._card(), self.tokens()).half()
        target.mkdir(parents=True)
        self.model.adapter_files.write(edit, target / adapters.FILE)
        about = adapters.described(
            self.entry, edit.card.model_dump(mode="json"), ranks=(), layers=0, words=[self.request.spelled], run=self.job.spec.id
        )
        (target / adapters.CARD).write_text(json.dumps(about, indent=1, allow_nan=False) + "\n")

    def _card(self) -> EditCard:
        request = self.request
        # what a person would say of it, also to a judge that reads words
        said = ", ".join(f"{name} {value}" for name, value in request.shows.items()) or request.init
        return EditCard(
            title=request.title or request.name, kind="subject", method=Word.card.title, domain=self.entry.domain,
            base=self.entry.id, base_hash=self.model.hash, attribute=said, seed=request.seed, steps=request.steps,
            settings={"shows": request.shows, "init": request.init, "rows": request.rows, "pictures": request.pictures,
                      **self.trainer.method.config.model_dump(mode="json")},
            measured={"shown": self.final()}, created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.job.spec.created)),
        )  # fmt: skip

    def result(self, adapter: str | None = None) -> Json:
        return {
            "request": self.request.model_dump(mode="json"), "adapter": adapter, "word": self.request.spelled,
            "base": self.entry.id, "models": {self.entry.id: {"hash": self.model.hash, "title": self.entry.title}},
            "step": self.trainer.step, "losses": finite(self.last["smooth"]) if self.last else {}, "shown": self.rows,
            "skipped": self.trainer.skipped, "sink_failures": self.curves.failures, "notices": self.notices,
            "versions": versions(),
        }  # fmt: skip
