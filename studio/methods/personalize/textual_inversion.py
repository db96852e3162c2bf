"""Textual inversion: a new word for what some pictures show, and nothing else (Gal et al. 2022, arXiv 2208.01618, equation 2).

Everything is frozen but the rows of the word in the table of the text encoder; they minimise the model's own loss on noised
pictures under prompts that hold the word,

    v* = argmin_v E ‖v_θ(x_t, t, c(prompt, v)) − v(y, eps)‖².

A teacher is shown the pictures at every noise level, a student at its own timesteps. Rows are kept from growing longer than the
longest row of the table, because long ones drown the other words of a prompt; the paper's are free.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field
from torch import Tensor

from studio.core.method import Card
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.personal import Batch, WordConfig, Worded


class TextualInversionConfig(WordConfig):
    word_lr: float = Field(
        0.2, gt=0, le=10, title="Word's learning rate", description="In units of the mean entry of the text encoder's table"
    )
    min_snr: float = Field(
        0.0, ge=0, le=1000, title="Min-SNR γ", description="On teachers no noise level pulls harder than γ allows; 0 is off"
    )


@PERSONALIZE.add("textual-inversion")
class TextualInversion(Worded[TextualInversionConfig]):
    card = Card(
        title="Textual inversion",
        paper="arXiv 2208.01618",
        status="published objective; rows stay as short as the table's",
        good_for="a thing or a look near to what the model draws already; other prompts stay bit for bit what they were",
        how="Show noised pictures under prompts with the new word; only its rows in the text encoder's table learn.",
    )
    Config = TextualInversionConfig
    models = ("teacher", "student")

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        x0, said, weight, _ = batch
        cond = self.worded(said)
        if self.untouched.distilled:
            loss = self.missed(x0, self.own_times(len(x0)), self.noise(cond), cond, weight).mean()
        else:
            loss = self.missed_anywhere(x0, cond, self.config.min_snr, weight)
        self.log |= {"subject": float(loss.detach()), "norm": float(self.learned.word()[0].detach().norm(dim=1).mean())}
        yield "personal", loss
