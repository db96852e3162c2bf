"""A judge taught by another one's answers: a prompt is a list of questions, and a small network learns to answer each of them.

After T2I-Eval (Chen et al. 2024, arXiv 2411.15488): a large judge answers questions about things, attributes and relations, with
an explanation each, and a smaller one is taught on its answers, kinds of questions weighted so that none is drowned by another.
There both are multimodal language models; here the learner is a convolutional network, and an explanation is a choice among what
can be seen. Undecomposed, for comparison, it is asked all of a prompt at once and learns the mean of the answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.methods.judges import JUDGING
from studio.methods.judges.network import JudgeNetwork, Shape, bag, together


@dataclass(frozen=True)
class Answered:
    """pictures: [n, 3, H, W] in [0, 1]. question: int64 [n, Q], which of the known ones, −1 for none. score: [n, Q] in [0, 1].
    reason: int64 [n, Q], which of the words says what is there."""

    pictures: Tensor
    question: Tensor
    score: Tensor
    reason: Tensor


class AnsweredData(Protocol):
    """Pictures with questions that another judge answered."""

    questions: tuple[str, ...]
    kinds: tuple[str, ...]  # of every question
    words: tuple[str, ...]  # what answers say is there
    side: int  # pixels of the pictures

    def answered(self, n: int, g: torch.Generator) -> Answered:
        """n pictures, each with the questions of a prompt of its own, a part of which does not fit it."""
        ...


class DecomposedConfig(MethodConfig):
    decomposed: bool = Field(True, description="Ask one thing at a time; off: all of a prompt at once, and learn the mean answer")
    width: int = Field(40, ge=8, le=256, multiple_of=8, description="Channels of the first layer")
    buckets: int = Field(512, ge=64, le=65_536, description="Into which words of questions are hashed")
    batch: int = Field(32, ge=1, le=1024, description="Pictures an update, each with all questions of a prompt")
    lr: float = Field(3e-3, gt=0, le=1, description="Learning rate")
    explain: float = Field(0.5, ge=0, le=100, description="Weight of saying what is there, next to yes and no")
    balance: float = Field(
        0.5, ge=0, le=1, description="How far kinds of questions count alike, however many there are of each: 0 not, 1 wholly"
    )
    ema: float = Field(0.995, ge=0, lt=1, description="EMA of what is learned")


@JUDGING.add("decomposed")
class Decomposed(Method[DecomposedConfig]):
    """The trained network is called "judge"."""

    card = Card(
        title="Judge taught on answers",
        paper="arXiv 2411.15488",
        status="our formulation",
        good_for="a judge of questions that is small and quick, where a better one has answered many",
        how="Learn yes or no, and what is there, to questions of prompts that fit drawn pictures in part.",
    )
    Config = DecomposedConfig

    def __init__(self, config: DecomposedConfig, streams: Streams, data: AnsweredData):
        super().__init__(config, streams)
        self.data = data
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(streams.seed)
            shape = Shape(
                side=data.side, width=config.width, buckets=config.buckets, words=data.words, decomposed=config.decomposed
            )
            self.judge = JudgeNetwork(shape).to(streams.device)
        self.bags = torch.stack([bag(text, config.buckets) for text in data.questions]).to(streams.device)
        names = sorted(set(data.kinds))
        self.kind = torch.tensor([names.index(kind) for kind in data.kinds], device=streams.device)
        self.trained = {"judge": Trained(self.judge, config.lr, weight_decay=1e-4, ema=config.ema)}

    def batch(self) -> Answered:
        return self.data.answered(self.config.batch, self.streams["data"])

    def iteration(self, batch: Answered, step: int) -> Iterator[tuple[str, Tensor]]:
        if not self.config.decomposed:
            yield "judge", self._as_a_whole(batch)
            return
        asked = batch.question >= 0
        question = batch.question.clamp_min(0)
        logit, seen = self.judge(batch.pictures, self.bags[question])
        weight = self._weights(question[asked])
        missed = functional.binary_cross_entropy_with_logits(logit[asked], batch.score[asked], reduction="none")
        unnamed = functional.cross_entropy(seen[asked], batch.reason[asked], reduction="none")
        self.log = {"yes_or_no": float(missed.detach().mean()), "explanation": float(unnamed.detach().mean())}
        yield "judge", (weight * (missed + self.config.explain * unnamed)).mean()

    def _weights(self, question: Tensor) -> Tensor:
        """[n] of mean 1: a kind that is asked rarely counts more."""
        counts = self.kind[question].bincount(minlength=int(self.kind.max()) + 1).float()
        each = counts.clamp_min(1) ** -self.config.balance
        weight = each[self.kind[question]]
        return weight / weight.mean()

    def _as_a_whole(self, batch: Answered) -> Tensor:
        """A prompt's questions in one bag."""
        asked = (batch.question >= 0).float()
        whole = together(self.bags[batch.question.clamp_min(0)] * asked[..., None])[:, None]
        mean = (batch.score * asked).sum(1) / asked.sum(1).clamp_min(1)
        logit, _ = self.judge(batch.pictures, whole)
        missed = functional.binary_cross_entropy_with_logits(logit[:, 0], mean)
        self.log = {"yes_or_no": float(missed.detach())}
        return missed

    def sampling(self) -> Sampling:
        raise TypeError("a judge is no student; it answers questions about samples")
