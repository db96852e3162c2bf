"""A judge small enough to be shipped: a picture and a question in, yes or no and what is seen out."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from studio.core.weights import load_weights, save_weights

KIND = "judge"  # what the header of its file says that it is
_WORD = re.compile(r"[^\W_]+")


class Shape(BaseModel):
    """What a judge's network is made of. side: pixels of a side that pictures are shrunk to. buckets: into which words of
    questions are hashed. words: what an explanation can say. decomposed: whether it is asked one thing at a time, or all of a
    prompt at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int = Field(ge=16, le=128, multiple_of=8)
    width: int = Field(ge=8, le=256, multiple_of=8)
    buckets: int = Field(ge=64, le=65_536)
    words: tuple[str, ...] = Field(min_length=1, max_length=10_000)
    decomposed: bool = True


def bag(question: str, buckets: int) -> Tensor:
    """[buckets] float32 of unit length: its words, and the pairs of words that stand together in it, hashed (Weinberger et al.
    2009, arXiv 0902.2206)."""
    found = torch.zeros(buckets)
    words = [match.group().lower() for match in _WORD.finditer(question)]
    for said in (*words, *(" ".join(pair) for pair in zip(words, words[1:], strict=False))):
        found[zlib.crc32(said.encode()) % buckets] += 1
    return functional.normalize(found, dim=0)


def together(bags: Tensor) -> Tensor:
    """Questions that are asked all at once: [..., Q, buckets] -> [..., buckets] of unit length; zeros are no question."""
    return functional.normalize(bags.sum(-2), dim=-1)


class JudgeNetwork(nn.Module):
    """The last map of a small convolutional network, scaled and shifted by the question (FiLM; Perez et al. 2018, arXiv
    1709.07871) before it is read, so that a picture is looked at once, however many questions there are. It says what is there
    first, and answers by what that means to the question."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        w, channels, layers = shape.width, (3, shape.width, 2 * shape.width, 3 * shape.width), list[nn.Module]()
        for i, (into, out) in enumerate(zip(channels, channels[1:], strict=False)):
            layers += [nn.Conv2d(into, out, 5 if i == 0 else 3, 2, 2 if i == 0 else 1), nn.GroupNorm(1, out), nn.SiLU()]
        self.eye = nn.Sequential(*layers, _Residual(channels[-1]), nn.Conv2d(channels[-1], w, 1))
        self.ear = nn.Sequential(nn.Linear(shape.buckets, 2 * w), nn.SiLU(), nn.Linear(2 * w, 2 * w), nn.SiLU())
        self.film = nn.Linear(2 * w, 2 * w)
        flat = w * (shape.side // 2 ** (len(channels) - 1)) ** 2
        self.mind = nn.Sequential(nn.Linear(flat + 2 * w, 4 * w), nn.SiLU(), nn.Linear(4 * w, 4 * w), nn.SiLU())
        self.words = nn.Linear(4 * w, len(shape.words))
        self.meaning = nn.Linear(len(shape.words), 2 * w, bias=False)  # of what is there
        self.verdict = nn.Sequential(nn.Linear(8 * w, 2 * w), nn.SiLU(), nn.Linear(2 * w, 1))

    def forward(self, pictures: Tensor, questions: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures [N, 3, H, W] in [0, 1], of any size, and the bags of Q questions of each, [N, Q, buckets] -> (logit of yes
        [N, Q], logits of what is seen [N, Q, words])."""
        seen, heard = self.eye(shrunk(pictures, self.shape.side) * 2 - 1), self.ear(questions)
        scale, shift = self.film(heard)[..., None, None].chunk(2, 2)
        looked = functional.silu(seen[:, None] * (1 + scale) + shift).flatten(2)
        thought = self.mind(torch.cat([looked, heard], 2))
        words = self.words(thought)
        meant = self.meaning(words.softmax(2))
        verdict: Tensor = self.verdict(torch.cat([thought, meant * heard, meant], 2))
        return verdict.squeeze(2), words

    def save(self, file: Path) -> None:
        """In half precision, with its shape in the header."""
        tensors = {name: value.half() for name, value in self.state_dict().items()}
        save_weights(file, tensors, {"kind": KIND, "shape": self.shape.model_dump_json()})


class _Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(8, channels), nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.layers(x)
        return added


def shrunk(pictures: Tensor, side: int) -> Tensor:
    """[N, 3, side, side] by area; as they are where they are of that size."""
    if pictures.shape[-2:] == (side, side):
        return pictures
    return functional.interpolate(pictures, size=(side, side), mode="area")


def load_judge(file: Path, device: str = "cpu") -> JudgeNetwork:
    """In single precision, for reading. ValueError in one sentence where the file holds no judge."""
    try:
        tensors, header = load_weights(file)
        if header.get("kind") != KIND:
            raise ValueError("its header says so")
        network = JudgeNetwork(Shape.model_validate_json(header["shape"]))
        network.load_state_dict({name: value.float() for name, value in tensors.items()})
    except Exception as error:  # safetensors raises an exception of its own, load_state_dict RuntimeError
        raise ValueError(
            f"{file.name} holds no whole judge ({str(error).splitlines()[0][:120]}); a judge's would fit."
        ) from error
    return network.to(device).eval().requires_grad_(False)
