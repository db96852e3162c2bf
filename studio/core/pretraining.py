"""How the models of a domain are made from nothing: what its curriculum gives to the programme that trains.

A domain names its curriculum (`Domain.pretraining`, "module:Class"); `python -m studio.capabilities.pretrain` builds it, trains
the parts it gives, and hands it what belongs to the family of the models it makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from torch import Tensor, nn

from studio.core.files import Json
from studio.core.method import Method
from studio.core.trainer import Trainer, TrainerConfig

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_utils import SchedulerMixin
    from transformers import PreTrainedTokenizerBase

LICENCE = "apache-2.0"  # of weights that come with the program, as the Hub writes it: all are made on the worlds' own samples


@dataclass(frozen=True)
class Part:
    """One training. name: in lines of progress. folder: of its checkpoints. every: iterations between lines.

    begin(trainer): before the first iteration, where there is no checkpoint. finish(trainer, trained): writes what was made, with
    what its card says of the training; gives a report to print, or {}.
    """

    name: str
    method: Method
    trainer: TrainerConfig
    folder: Path
    finish: Callable[[Trainer, Json], Json]
    begin: Callable[[Trainer], None] = lambda trainer: None
    every: int = 50


@dataclass(frozen=True)
class Asked:
    """What a person asked for. settings: of the method. without: "factor=value" that a teacher never sees, or ""."""

    steps: int | None = None
    device: str = "cpu"
    settings: Json = field(default_factory=dict)
    fresh: bool = False
    decoder_only: bool = False
    without: str = ""
    seed: int = 0


class Bench(Protocol):
    """What the family of the models brings."""

    def tokens(self, tokenizer: PreTrainedTokenizerBase, lines: Sequence[str]) -> Tensor:
        """int64 [N, L]."""

    def laid_out(self, network: UNet2DConditionModel, device: str) -> UNet2DConditionModel:
        """As it trains fastest."""

    def load(self, network: nn.Module, folder: Path) -> None:
        """The weights of a folder into a network that a curriculum built."""

    def save(
        self,
        folder: Path,
        tokenizer: PreTrainedTokenizerBase,
        text: nn.Module,
        unet: UNet2DConditionModel,
        scheduler: SchedulerMixin,
        vae: AutoencoderTiny,
        example: str,
    ) -> None:
        """A teacher's folder."""


class Curriculum(Protocol):
    """Made as `Class(size, work, out, bench)`; ValueError where there is no such size. work: rendered data and checkpoints. out:
    where finished weights go. size: of which set, the name of its folder."""

    size: str

    def oracle(self, asked: Asked) -> Part: ...
    def autoencoder(self, asked: Asked) -> Part: ...
    def teacher(self, asked: Asked) -> Part: ...
    def lessons(self, device: str, without: str = "") -> tuple[Tensor, Tensor, Tensor, str]:
        """What students are taught on, and the folder of their teacher: (tokens [N, K, L], tokens of nothing [L], latents
        [N, *shape], name). without: "factor=value" that neither sees."""

    def schedule(self) -> Iterator[str]:
        """Lines that help to place a student's steps."""

    def decoder(self) -> AutoencoderTiny:
        """The autoencoder as it was trained last, for `refresh`."""
