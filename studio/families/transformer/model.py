"""An open checkpoint shaped like SD3, Flux or PixArt-α: how it encodes, decodes, wears adapters, and is taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser
from studio.core.domain import Said, beside
from studio.core.edit import Edit, EditCard
from studio.core.explain import brief
from studio.core.files import Json
from studio.core.footprint import Smaller
from studio.core.kept_hashes import files_hash_of, hash_of
from studio.core.material import ConditionalNetwork
from studio.core.method import Method
from studio.core.recipe import Recipe
from studio.core.residency import Role
from studio.families import adapter_files, autoencoder
from studio.families.adapter_files import Layout, Report
from studio.families.attached import Attached
from studio.families.cut_words import cut_off
from studio.families.layout import original_of
from studio.families.merged import MergeableFiles
from studio.families.sharing import digest
from studio.families.transformer.activations import row_numbers
from studio.families.transformer.kinds import SD3, Kind
from studio.families.transformer.lines import LineReader
from studio.families.transformer.network import PatchTransformer
from studio.families.transformer.new_word import Encoding, NewWord, marks
from studio.families.transformer.parts import Parts
from studio.families.transformer.shared_lora import Shared, View
from studio.families.transformer.smaller import make_smaller
from studio.families.transformer.student_folder import student_folder
from studio.families.turns import Before, Turns
from studio.families.vocabulary import Vocabulary
from studio.families.wording import Wording

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from studio.core.family import OpenModel
    from studio.families.transformer.network import Transformer


class TransformerFiles(MergeableFiles):
    """Adapter files whose denoising part is called "transformer". Read are the names of the original code too, whose layers for
    q, k and v are one; written are those of diffusers."""

    layouts: tuple[str, ...] = ("diffusers", "peft")

    def read(self, path: Path) -> tuple[Edit, Report]:
        """As in `families.opened.AdapterFiles`; a file with layers that the model has not is refused."""
        return adapter_files.read(path, adapter_files.targets(self.model.modules), whole=True)

    def write(self, edit: Edit, path: Path, layout: str = "diffusers", private: bool = True) -> list[Path]:
        """The files that were written. private: with prompts, settings and date."""
        if layout not in self.layouts:
            raise ValueError(f"The layout {brief(layout)} is unknown here; {' and '.join(self.layouts)} are there.")
        assert isinstance(self.model, Model)
        base = self.model.kind.architecture
        return adapter_files.write(edit, path, cast(Layout, layout), private, network="transformer", architecture=base)


@dataclass(eq=False)
class Model(Wording):
    """An open checkpoint.

    shape: (C, H, W) of one sample. image_size: pixels of a side. default_guidance: from the card where it has
    "default_guidance", else the recipe's, else what diffusers' pipeline defaults to. card: the folder's card.json.
    embedded_guidance: what the network is given where it takes the scale as an input (card key of the same name, or the
    pipeline's default); 1 = none. encoding: prompts to conditions, without what stands beside the text. held, turns, own: as of
    `families.stable.model.Model`.
    """

    id: str
    folder: Path
    kind: Kind
    denoiser: Denoiser
    shape: tuple[int, ...]
    image_size: int
    recipe: Recipe | None
    default_guidance: float
    card: Json
    held: Parts
    encoding: Encoding
    embedded_guidance: float = 1.0
    turns: Turns = field(default_factory=Turns)
    own: tuple[Edit, float] | None = None
    network_folder: ClassVar[str] = "transformer"
    _empty: dict[tuple[object, ...], Cond] = field(default_factory=dict)  # what is said by nothing, by how it is read

    def __post_init__(self) -> None:
        network = self.denoiser.network
        assert isinstance(network, PatchTransformer)
        network.before = Before(self._before_network)
        self._wear_own()

    @property
    def parts(self) -> Parts:
        """With what this model wears on them, whoever else has a share in them."""
        self._take_turn()
        return self.held

    @property
    def autoencoder(self) -> nn.Module:
        return self.parts.vae

    @property
    def tokenizers(self) -> dict[str, PreTrainedTokenizerBase]:
        """By their folders."""
        return self.parts.tokenizers

    @property
    def by_role(self) -> dict[Role, list[nn.Module]]:
        return {"network": [self.held.transformer], "encoders": [*self.held.encoders.values()], "vae": [self.held.vae]}

    @cached_property
    def _attached(self) -> Attached:
        return Attached(self.held.modules)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        held = self.held
        names, listed = list(held.tokenizers), list(held.tokenizers.values())

        def exchanged(i: int, tokenizer: PreTrainedTokenizerBase) -> None:
            held.tokenizers[names[i]] = tokenizer

        return Vocabulary(listed, list(held.encoders.values()), marks(held), exchanged, self.kind.lower)

    @cached_property
    def hash(self) -> str:
        """12 hexadecimal digits over the weight files; read on first use."""
        return hash_of(self.folder, self.hashes)

    @cached_property
    def _text_hash(self) -> str:
        places = [place for name in ("text_encoder*", "tokenizer*") for place in sorted(self.folder.glob(name))]
        plain = files_hash_of([f for place in places for f in sorted(place.iterdir()) if f.is_file()], self.folder, self.hashes)
        whole = {original_of(place) for place in places if place.name.startswith("text_encoder")}
        return "".join([plain, *(digest(file) for file in whole if file is not None)])

    @property
    def text_key(self) -> tuple[object, ...]:
        """Equal for models whose `encode` and `null` give the same tensors on the same device."""
        return (self.kind.pipeline, self._text_hash, str(self.device), self.dtype, self.held.length, *self._worn_key())

    def _worn_key(self) -> tuple[object, ...]:
        return self._attached.text_key(), self._vocabulary.key()

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Of one decoded sample."""
        return (3, self.image_size, self.image_size)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.held.transformer.parameters()).dtype

    def encode(self, said: Sequence[Said]) -> Cond:
        """Conditions of prompts, as diffusers' ``encode_prompt`` gives them, and what stands beside the text."""
        self.need("encoders")
        return {**beside(said), **self.encoding(self.parts, self._vocabulary.every([one.text for one in said]))}

    def row_bytes(self, shape: Sequence[int]) -> float | None:
        """As in `core.family.Estimates`."""
        config = self.held.transformer.config
        side = self.kind.packed if self.kind.packed > 1 else int(config["patch_size"])
        tokens = (shape[1] // side) * (shape[2] // side)
        clip = self.held.tokenizers["tokenizer"].model_max_length if self.kind is SD3 else 0  # whose states stand before T5's
        return row_numbers(self.kind, config, tokens, clip + self.held.length) * self.dtype.itemsize

    def cut_off(self, prompt: str) -> dict[str, str]:
        """As in `core.family.ReadsText`."""
        spelled, words = self._vocabulary.every([prompt]), self.parts.tokenizers.values()
        read = zip(self.parts.lengths.items(), words, spelled, strict=True)
        return {name: cut_off(tokenizer, lines[0], length) for (name, length), tokenizer, lines in read}

    def null(self, cond: Cond) -> Cond:
        """Conditions of the empty prompt."""
        key = (str(self.device), self.dtype, self._attached.text_key())
        if key not in self._empty:
            self.need("encoders")
            with torch.inference_mode(False):  # what is kept may be needed for gradients later
                self._empty = {key: self.encoding(self.parts, [[""]] * len(self.held.encoders))}
        n = len(cond["states"])
        return {**cond, **{name: part.expand(n, *part.shape[1:]) for name, part in self._empty[key].items()}}

    @torch.inference_mode()
    def decode(self, latents: Tensor, given: Cond | None = None) -> Tensor:
        """[B, C, H, W] latents -> images [B, 3, H, W], float32 in [0, 1]."""
        return autoencoder.decoded(self.parts.vae, latents.to(self.device, torch.float32))

    def decode_with_gradient(self, latents: Tensor, given: Cond | None = None) -> Tensor:
        """`decode` with gradient, in the precision of the latents."""
        return autoencoder.decoded_with_gradient(self.parts.vae, latents, autoencoder.kept_at_once(self.image_size))

    def to_latents(self, samples: Tensor) -> Tensor:
        """The inverse of `decode`: [B, 3, H, W] in [0, 1] -> [B, C, h, w], float32."""
        return autoencoder.encoded(self.parts.vae, samples)

    def new_word(self, word: str, rows: int) -> NewWord:
        """A word that is to be taught: rows of every text encoder's table (`families.transformer.new_word`)."""
        self.need("encoders")
        with self.using(()), self.knowing(()):
            return NewWord(self.parts, self.encoding, word, rows, self.kind.lower)

    def line_reader(self) -> LineReader:
        """What reads captions for teaching, a batch at a time."""
        return LineReader(cast("OpenModel", self))

    def lent(self, network: ConditionalNetwork, rank: int | None, alone: bool) -> ConditionalNetwork:
        assert isinstance(network, PatchTransformer)
        return network if rank is None else Shared(network, rank, alone)

    def cut(self, network: ConditionalNetwork, form: Smaller) -> ConditionalNetwork:
        assert isinstance(network, PatchTransformer)
        network.transformer = make_smaller(network.transformer, form)
        return network

    def save_student(self, folder: Path, network: nn.Module, method: Method, teacher_id: str, card: Json) -> None:
        """A network that `trainable` gave, taught, as a folder of this family with recipe.json and card.json: an adapter that is
        all a student differs by as a LoRA on the teacher's transformer, where the pipeline takes LoRAs."""
        how = {"teacher_id": teacher_id, "card": card}
        if isinstance(network, View) and network.alone and self.kind.loras:
            about = EditCard(title=method.card.title, base=teacher_id, base_hash=self.hash)
            student_folder(folder, self, network.edit(about).half(), method, **how)  # type: ignore[arg-type]
            return
        taught = cast("Transformer", network.get_submodule("transformer"))
        student_folder(folder, self, taught, method, **how)  # type: ignore[arg-type]

    def to(self, device: str | torch.device) -> Model:
        for module in (self.held.transformer, self.held.vae, *self.held.encoders.values()):
            nn.Module.to(module, device)
        self._vocabulary.to(device)
        return self

    @property
    def adapter_files(self) -> TransformerFiles:
        return TransformerFiles(self)

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The parts that edits may change, by the first word of a layer's path."""
        return self.parts.modules
