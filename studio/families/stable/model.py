"""An open checkpoint shaped like Stable Diffusion: how it encodes, decodes, wears adapters and ControlNets, and is taught."""

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
from studio.core.edit import Edit
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.footprint import Smaller
from studio.core.kept_hashes import files_hash_of, hash_of
from studio.core.method import Method
from studio.core.recipe import Recipe
from studio.core.residency import Role
from studio.families import autoencoder
from studio.families.attached import Attached
from studio.families.cut_words import cut_off
from studio.families.layout import original_of
from studio.families.merged import MergeableFiles
from studio.families.referring import Referring
from studio.families.sharing import digest
from studio.families.stable import trainable
from studio.families.stable.controlnets import Controls
from studio.families.stable.files import ControlFiles
from studio.families.stable.footprint import footprint
from studio.families.stable.lines import LineReader
from studio.families.stable.network import Network
from studio.families.stable.new_word import NewWord
from studio.families.stable.parts import Parts
from studio.families.stable.student_folder import student_folder
from studio.families.stable.text import encode_sd, encode_xl, time_ids
from studio.families.turns import Before, Turns
from studio.families.vocabulary import Vocabulary
from studio.families.wording import Wording

if TYPE_CHECKING:
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import PreTrainedTokenizerBase


@dataclass(eq=False)
class Model(Wording):
    """An open checkpoint.

    shape: (C, H, W) of one sample. image_size: pixels of a side. default_guidance: from the card where it has
    "default_guidance", else the recipe's, else what diffusers' pipeline defaults to. card: the folder's card.json.
    embedded_guidance: for students that take the scale as an input (card key of the same name); 1 = none. held: its parts, some
    of them perhaps another model's too. turns: whose turn it is with these. own: what makes a student of a base's network, an
    edit that is always on, and its strength.
    """

    id: str
    folder: Path
    denoiser: Denoiser
    shape: tuple[int, ...]
    image_size: int
    recipe: Recipe | None
    default_guidance: float
    card: Json
    held: Parts
    embedded_guidance: float = 1.0
    turns: Turns = field(default_factory=Turns)
    own: tuple[Edit, float] | None = None
    network_folder: ClassVar[str] = "unet"

    def __post_init__(self) -> None:
        network = self.denoiser.network
        assert isinstance(network, Network)
        network.before = Before(self._before_network)
        self._wear_own()

    @property
    def parts(self) -> Parts:
        """With what this model wears on them, whoever else has a share in them."""
        self._take_turn()
        return self.held

    @cached_property
    def hash(self) -> str:
        """12 hexadecimal digits over the weight files; read on first use."""
        return hash_of(self.folder, self.hashes)

    @cached_property
    def _text_hash(self) -> str:
        parts = [part for part in sorted(self.folder.glob("t*")) if part.is_dir()]
        plain = files_hash_of([f for part in parts for f in sorted(part.iterdir()) if f.is_file()], self.folder, self.hashes)
        files = {original_of(part) for part in parts if part.name.startswith("text_encoder")}
        return "".join([plain, *(digest(file) for file in files if file is not None)])

    @property
    def text_key(self) -> tuple[object, ...]:
        """Equal for models whose `encode` and `null` give the same tensors on the same device."""
        plain = (self._text_hash, str(self.device), self.dtype, self.image_size, self.held.zero_null)
        return (*plain, self._attached.text_key(), self._vocabulary.key(), self._referring.key())

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Of one decoded sample."""
        return (3, self.image_size, self.image_size)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.held.unet.parameters()).dtype

    def encode(self, said: Sequence[Said]) -> Cond:
        """Conditions of prompts, as diffusers' ``encode_prompt`` gives them, what stands beside the text, and references."""
        shown = self._referring.beside(len(said), self.device)
        return {**beside(said), **self._encode([one.text for one in said]), **shown}

    def _encode(self, prompts: Sequence[str]) -> Cond:
        self.need("encoders")
        p = self.parts
        spelled = self._vocabulary.every(prompts)
        if len(p.encoders) == 1:
            return encode_sd(p.tokenizers[0], p.encoders[0], spelled[0])
        told = time_ids(self.image_size, self.image_size, len(prompts), self.device)
        return {**encode_xl(p.tokenizers, p.encoders, spelled), "time_ids": told}

    def row_bytes(self, shape: Sequence[int]) -> float | None:
        """As in `core.family.Estimates`: what the way up needs of the way down, and the inside of the largest block."""
        found = footprint(self.folder, None, None, fused=True).activations
        larger = shape[1] * shape[2] / (self.shape[1] * self.shape[2])
        return None if found is None else (found.skips + found.widest) * larger * self.dtype.itemsize

    def cut_off(self, prompt: str) -> dict[str, str]:
        """As in `core.family.ReadsText`."""
        read = enumerate(self.parts.tokenizers)
        return {
            f"text_encoder{'_2' if i else ''}": cut_off(words, self._vocabulary.spelled([prompt], i)[0], words.model_max_length)
            for i, words in read
        }

    def null(self, cond: Cond) -> Cond:
        """Conditions of the empty prompt; zeros where the folder says so (SDXL base)."""
        empty, n = dict(self._encode([""])), len(cond["states"])
        if self.held.zero_null:
            empty.update({name: torch.zeros_like(empty[name]) for name in ("states", "pooled")})
        nothing = {name: part.expand(n, *part.shape[1:]) for name, part in empty.items()}
        return {**cond, **nothing, **self._referring.null(cond)}

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

    # -- teaching ---------------------------------------------------------------------------------------------------

    def trainable(self, rank: int | None = None, start: OpenModel | None = None, smaller: Smaller | None = None) -> Denoiser:
        """A float32 copy of the bare network, laid out for training (`families.stable.trainable.teacher_denoiser`)."""
        assert start is None or isinstance(start, Model)
        return trainable.teacher_denoiser(self, rank, start, smaller)

    def trainable_under_adapter(self) -> Denoiser:
        """The same for training an adapter on it, or words that it reads: nothing else of it changes."""
        return trainable.slider_denoiser(self)

    def save_student(self, folder: Path, network: nn.Module, method: Method, teacher_id: str, card: Json) -> None:
        """A network that `trainable` gave, taught, as a folder of this family with recipe.json and card.json."""
        student_folder(
            folder, self, cast("UNet2DConditionModel", network.get_submodule("unet")), method, teacher_id=teacher_id, card=card
        )

    def new_word(self, word: str, rows: int) -> NewWord:
        """A word that is to be taught: rows of the text encoders' tables (`families.stable.new_word`)."""
        return NewWord(self, word, rows)

    def line_reader(self) -> LineReader:
        """What reads captions for teaching (`LineReader`)."""
        return LineReader(self)

    def to(self, device: str | torch.device) -> Model:
        for module in (self.held.unet, self.held.vae, *self.held.encoders):
            nn.Module.to(module, device)
        self._controls.to(device)
        self._vocabulary.to(device)
        return self

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The parts that edits may change, by the first word of a layer's path."""
        return self.parts.modules

    @property
    def autoencoder(self) -> nn.Module:
        return self.parts.vae

    @property
    def tokenizers(self) -> dict[str, PreTrainedTokenizerBase]:
        """By their folders."""
        return {f"tokenizer{'_2' if i else ''}": words for i, words in enumerate(self.parts.tokenizers)}

    @property
    def by_role(self) -> dict[Role, list[nn.Module]]:
        network: list[nn.Module] = [self.held.unet, *self._controls.networks.values()]
        return {"network": network, "encoders": [*self.held.encoders], "vae": [self.held.vae]}

    @cached_property
    def _attached(self) -> Attached:
        return Attached(self.held.modules)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self.held.tokenizers, self.held.encoders)

    @property
    def _controls(self) -> Controls:
        controls: Controls = self.denoiser.network.controls  # type: ignore[attr-defined]
        return controls

    @property
    def adapter_files(self) -> MergeableFiles:
        return MergeableFiles(self)

    @property
    def control_files(self) -> ControlFiles:
        return ControlFiles(self)

    def load_control(self, name: str, path: Path | str, base: OpenModel | None = None) -> None:
        """Read a ControlNet, off until a segment's hints name it: a file with differences or a folder that diffusers wrote.

        base: the model whose encoder the differences belong to, where that is not this one; a student then gets the very
        network that was trained on its teacher.
        """
        self.take_control(name, (base or self).control_files.open(path))

    def take_control(self, name: str, control: nn.Module) -> None:
        """Take an open diffusers ControlNetModel under a name, off; it is moved to where this model is."""
        self._controls.add(name, cast("ControlNetModel", control))

    def unload_control(self, name: str) -> None:
        """Forget a ControlNet."""
        self._controls.remove(name)

    @property
    def control_names(self) -> tuple[str, ...]:
        return tuple(self._controls.networks)

    def use_controls(self, hints: Sequence[tuple[str, float]]) -> None:
        """Exactly these (name, weight) pairs are on; each reads its picture from the condition's `hint_key(name)`. None
        leaves the bare network."""
        self._controls.use(hints)

    @cached_property
    def _referring(self) -> Referring:
        return Referring(self.shape)

    def refer(self, name: str, pictures: Tensor, attributes: Sequence[Sequence[str]]) -> None:
        """As in `core.family.OpenModel`."""
        self._check_loaded(name)
        references = self._attached.edits[name].references
        if references is None:
            raise ValueError(f"{name} reads no reference pictures; an adapter of references would fit.")
        self._referring.show(name, references, pictures, attributes)

    def forget_references(self, name: str) -> None:
        """Show none to an adapter any more; conditions are then as they were."""
        self._referring.forget(name)
