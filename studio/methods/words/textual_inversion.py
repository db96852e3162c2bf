"""Textual inversion: a new word for what some pictures show.

Gal et al. 2022 (arXiv 2208.01618, equation 2): everything is frozen but the rows of the new word in the table of the text
encoder, and they minimise the model's own loss on noised pictures under prompts that hold the word,

    v* = argmin_v E ‖target − F(x_t, t, c(prompt, v))‖².

Rows are kept from growing longer than the longest row of the table, because long ones drown the other words of a prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Denoiser, from_x0
from studio.core.domain import Said
from studio.core.material import ConditionalNetwork
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.rng import rand
from studio.core.simulate import add_noise
from studio.methods.personalize.rows import Pictures, Reads, TokenRows
from studio.methods.words import WORDS


class WordConfig(MethodConfig):
    batch: int = Field(16, ge=1, le=1024, description="Samples an update")
    lr: float = Field(0.05, gt=0, le=10, description="Learning rate, in units of the table's root mean square")
    ema: float = Field(0.95, ge=0, lt=1, description="EMA of the rows")


@WORDS.add("textual-inversion")
class Word(Method[WordConfig]):
    """The trained module is called "word"."""

    card = Card(
        title="New word",
        paper="arXiv 2208.01618",
        status="published objective; rows stay as short as the table's",
        good_for="a thing or a look that no known word names",
        how="Show noised pictures under prompts with the new word; only its rows in the text encoder's table learn.",
    )
    Config = WordConfig

    def __init__(
        self, config: WordConfig, streams: Streams, teacher: Denoiser, data: Pictures, read: Reads, start: Sequence[Tensor]
    ):
        super().__init__(config, streams)
        teacher.network.requires_grad_(False).eval()  # type: ignore[attr-defined]
        self.denoiser, self.data, self.read = teacher, data, read
        self.rows = TokenRows(start, read.tables).to(streams.device)
        self.trained = {"word": Trained(self.rows, config.lr, ema=config.ema)}

    def recompute(self) -> None:
        """From now on the backward pass computes blocks of the network again instead of finding them kept."""
        assert isinstance(self.denoiser.network, ConditionalNetwork)
        self.denoiser.network.recompute(True)

    def batch(self) -> tuple[Tensor, list[Said]]:
        x0, said, _ = self.data.pictures(self.config.batch, self.streams["data"])
        return x0, said

    def iteration(self, batch: tuple[Tensor, list[Said]], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, said = batch
        process = self.denoiser.process
        t = rand((len(x0),), self.streams["time"]).double() * process.t_max
        cond = self.read(said, self.rows())
        x = add_noise(process, x0, t, self.data.noise(cond, self.streams["noise"]))
        alpha, sigma = process.alpha_sigma(t)
        target = from_x0(self.denoiser.prediction, x0, x, alpha, sigma)
        found = self.denoiser.output(x, t, cond)[0]
        loss = ((found - target) ** 2).mean()
        self.log["mse"] = float(loss.detach())
        self.log["norm"] = float(self.rows()[0].detach().norm(dim=1).mean())
        yield "word", loss

    def sampling(self) -> Sampling:
        raise TypeError("a word is no student; it stands in prompts of models that are sampled as they are")
