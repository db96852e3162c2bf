"""What an opened checkpoint can do, whichever family opened it (`studio.families`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from studio.core.denoiser import Cond, Denoiser, Predictor
    from studio.core.domain import Said
    from studio.core.edit import Edit
    from studio.core.files import Json
    from studio.core.footprint import Footprint, Smaller
    from studio.core.lowrank import LayerChange
    from studio.core.method import Method
    from studio.core.recipe import Recipe
    from studio.core.residency import Held, Precision


@dataclass(frozen=True)
class Checkpoint:
    """A model's folder, read without torch. shape: of one latent sample. prediction: eps, v, x0 or flow. architecture: equal for
    models whose layers the same adapters fit. embeds_guidance: whether it takes the guidance scale as an input. reads_besides:
    what its network reads besides noise and text, in words, or "". guidance: what its pipeline guides with unless told.
    most_guidance: the largest scale that is still of use, as its family says. reason: why it cannot be opened, to stand behind
    a colon.

    sample_shape: of one decoded sample. step: where samples of other sizes can be drawn, latent positions of which every side is
    a multiple; 0 where its own size is the only one. most: latent positions of the longest side, 0 where none is known.
    crosses: whether text is read by cross-attention; else text and sample share one attention."""

    shape: tuple[int, ...] = ()
    prediction: str = ""
    architecture: str = ""
    embeds_guidance: bool = False
    reads_besides: str = ""
    guidance: float = 7.5
    most_guidance: float = 15.0
    reason: str = ""
    sample_shape: tuple[int, ...] = ()
    step: int = 0
    most: int = 0
    crosses: bool = True


class Family(Protocol):
    """How models of a kind are recognised and opened; the face imports no torch before `open`."""

    @property
    def name(self) -> str: ...
    def knows(self, folder: Path) -> bool:
        """Whether the folder looks like one of its models, whole or not."""

    def describe(self, folder: Path) -> Checkpoint: ...
    def timesteps(self, folder: Path, n: int, spacing: str | None) -> tuple[float, ...]:
        """A grid of n steps for sampling; spacing: a name of `sampling.grids`, None for the checkpoint's own."""

    def architecture(self, folder: Path) -> str: ...
    def open(
        self, folder: Path, id: str, device: str, dtype: torch.dtype | None = None, beside: Sequence[OpenModel] = ()
    ) -> OpenModel:
        """beside: models that are open already; what the folder has in common with one of them may be held once."""


@runtime_checkable
class Pipelines(Protocol):
    """A family whose models are folders of diffusers pipelines."""

    @property
    def pipelines(self) -> tuple[str, ...]:
        """Classes of pipelines, as model_index.json names them."""


@runtime_checkable
class SizedGrids(Protocol):
    """A family whose grids depend on the size of what is drawn."""

    def timesteps_at(self, folder: Path, n: int, spacing: str | None, shape: Sequence[int]) -> tuple[float, ...]:
        """As `Family.timesteps`, for latent samples of a shape that need not be the checkpoint's own."""


@runtime_checkable
class Footprints(Protocol):
    """A family that knows what a training takes."""

    def footprint(self, folder: Path, *, rank: int | None, smaller: Smaller | None, fused: bool) -> Footprint:
        """Of the model's network; of adapters of a rank on it, or of a student cut from it, where these are given. fused:
        attention as accelerators compute it. ValueError where it cannot be cut so."""


@runtime_checkable
class Residents(Protocol):
    """A family that knows from a folder's files what an open model holds in memory."""

    def held(self, folder: Path, precision: Precision) -> Sequence[Held]:
        """Every part that is opened. precision: asked for."""


@runtime_checkable
class SmallerStudents(Protocol):
    """A family whose models can be cut to smaller students."""

    def check_smaller(self, folder: Path, form: Smaller, name: str) -> None:
        """ValueError in one sentence that `name` begins, where a model cannot be cut so."""


@runtime_checkable
class ForeignControls(Protocol):
    """A family whose models take ControlNets of other programs, folders with their own config."""

    def control_misfit(self, folder: Path, control: Path) -> str:
        """Why a ControlNet is of another architecture than a model, to stand behind a colon; "" where it is not."""


class Lines(Protocol):
    """What samples are asked for, as conditions. said: one a line."""

    said: Sequence[Said]

    def __len__(self) -> int: ...
    def take(self, index: Tensor) -> Cond:
        """Conditions of these lines, int64 [n]."""

    def null(self, cond: Cond) -> Cond:
        """These conditions with nothing said in words; what stands beside the text stays."""


class LineReader(Protocol):
    """Reads captions for teaching, whatever adapters the model wears."""

    def read(self, lines: Sequence[Said]) -> Lines: ...


class Fitted(Protocol):
    """What of an adapter file fitted: a sentence, and what a person should know besides."""

    @property
    def sentence(self) -> str: ...
    @property
    def notices(self) -> Sequence[str]: ...


class AdapterFiles(Protocol):
    layouts: tuple[str, ...]

    def read(self, path: Path) -> tuple[Edit, Fitted]: ...
    def write(self, edit: Edit, path: Path, layout: str = ..., private: bool = ...) -> list[Path]: ...
    def merge(self, edits: Sequence[tuple[Edit, float]], folder: Path) -> None: ...


class ControlFiles(Protocol):
    def open(self, path: Path | str) -> nn.Module: ...
    def of(self, tensors: Mapping[str, Tensor], channels: Sequence[int]) -> nn.Module: ...
    def write(self, path: Path, tensors: Mapping[str, Tensor], channels: Sequence[int], about: Json) -> None: ...
    def export(self, path: Path, folder: Path, half: bool) -> None: ...


class NewWord(Protocol):
    """Reads prompts with a word that is to be taught. Rows are one tensor [n, width] for each text encoder."""

    tables: list[Tensor]  # [words, width] of each encoder

    @property
    def empty(self) -> Cond:
        """Conditions of one sample of which nothing is said in words; what stands beside the text is not among them."""

    def start(self, init: str) -> list[Tensor]:
        """Rows to begin with: of a word that is known, or the mean of all."""

    def check(self, prompts: Sequence[str]) -> None:
        """ValueError where a prompt with the word is longer than the encoder reads."""

    def tokens(self, rows: Sequence[Tensor]) -> dict[str, Tensor]:
        """Rows as an `Edit` holds them."""

    def __call__(self, said: Sequence[Said], rows: Sequence[Tensor]) -> Cond:
        """Conditions, with gradient to the rows."""


@runtime_checkable
class ReadsText(Protocol):
    """An open model whose text encoders read so many tokens and no more."""

    def cut_off(self, prompt: str) -> Mapping[str, str]:
        """By text encoder, as its files call it: the end of a prompt that it does not read, "" where it reads all."""


@runtime_checkable
class Estimates(Protocol):
    """An open model that knows about how much memory its network needs."""

    def row_bytes(self, shape: Sequence[int]) -> float | None:
        """Of one latent sample of a shape in a call without gradient, the weights aside; None where it is not known."""


class OpenModel(Protocol):
    """shape: of one latent sample. sample_shape: of one decoded sample. card: of its folder. embedded_guidance: of a student that
    takes the scale as an input; 1 is none."""

    id: str
    shape: tuple[int, ...]
    recipe: Recipe | None
    default_guidance: float
    card: Json
    embedded_guidance: float

    @property
    def denoiser(self) -> Predictor:
        """A `core.denoiser.Denoiser` where its process is Gaussian."""

    @property
    def hash(self) -> str:
        """Over its weight files."""

    @property
    def sample_shape(self) -> tuple[int, ...]: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def text_key(self) -> tuple[object, ...]:
        """Equal for models whose `encode` and `null` give the same."""

    def encode(self, said: Sequence[Said]) -> Cond:
        """Conditions, a row each. The inputs beside the text are among them under their names (`core.domain.beside`)."""

    def null(self, cond: Cond) -> Cond:
        """These conditions with nothing said in words; what stands beside the text stays."""

    def decode(self, latents: Tensor, given: Cond) -> Tensor:
        """Samples [B, *sample_shape]. given: the inputs beside the text, one row for all or one each; where a sample ends
        earlier the rest is the medium's padding."""

    def decode_with_gradient(self, latents: Tensor, given: Cond) -> Tensor: ...
    def to_latents(self, samples: Tensor) -> Tensor: ...

    # teaching
    def new_word(self, word: str, rows: int) -> NewWord: ...
    def line_reader(self) -> LineReader: ...
    def trainable(self, rank: int | None = ..., start: OpenModel | None = ..., smaller: Smaller | None = ...) -> Denoiser: ...
    def trainable_under_adapter(self) -> Denoiser: ...
    def under(self, adapter: LayerChange, strength: float) -> AbstractContextManager[None]: ...
    def save_student(self, folder: Path, network: nn.Module, method: Method, teacher_id: str, card: Json) -> None: ...

    # adapters, words, ControlNets
    @property
    def adapter_files(self) -> AdapterFiles: ...
    @property
    def control_files(self) -> ControlFiles: ...
    @property
    def adapter_names(self) -> tuple[str, ...]: ...
    @property
    def control_names(self) -> tuple[str, ...]: ...
    def load_edit(self, name: str, edit: Edit) -> None: ...
    def load_adapter(self, name: str, path: Path) -> Fitted: ...
    def unload_adapter(self, name: str) -> None: ...
    def use_adapters(self, adapters: Sequence[tuple[str, float]]) -> None: ...
    def using(self, adapters: Sequence[tuple[str, float]]) -> AbstractContextManager[None]: ...
    def knowing(self, tokens: Sequence[Mapping[str, Tensor]]) -> AbstractContextManager[None]: ...
    def refer(self, name: str, pictures: Tensor, attributes: Sequence[Sequence[str]]) -> None:
        """From now on conditions hold what the adapter of this name reads of pictures (`core.references`). pictures: latents
        [B, R, *shape]; attributes: what is wanted of each, B rows of R names, "" for no reference. One row is for all prompts.
        ValueError in one sentence where the adapter reads none, or no such attribute."""

    def forget_references(self, name: str) -> None:
        """Show none to an adapter any more; conditions are then as they were."""

    def load_control(self, name: str, path: Path, base: OpenModel | None = ...) -> None: ...
    def take_control(self, name: str, control: nn.Module) -> None: ...
    def unload_control(self, name: str) -> None: ...
    def use_controls(self, hints: Sequence[tuple[str, float]]) -> None: ...
