"""Stable Diffusion and SDXL folders, the built-in pocket and nano models among them.

The parts are loaded one by one rather than through a pipeline object: no safety checker, no unused image encoder, and
classes come from a short list instead of from whatever the folder's index names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser, Prediction
from studio.core.edit import Edit
from studio.core.material import guidance_embedding
from studio.core.process import VP
from studio.core.recipe import FILE_NAME, Recipe, files_hash, weights_hash
from studio.families.stable import adapter_files
from studio.families.stable.adapter_files import Report
from studio.families.stable.attached import Attached
from studio.families.stable.controlnets import Controls, open_control
from studio.families.stable.halves import are_equal, computed_once
from studio.families.stable.text import encode_sd, encode_xl, time_ids
from studio.families.stable.vocabulary import Vocabulary

PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
AUTOENCODERS = ("AutoencoderKL", "AutoencoderTiny")
TEXT_ENCODERS = ("CLIPTextModel", "CLIPTextModelWithProjection")
TOKENIZERS = ("CLIPTokenizer", "CLIPTokenizerFast")
PIXELS_PER_DECODE = 8 * 512 * 512  # keeps the decoder's activations of one call in bounds


@dataclass(eq=False)
class Model:
    """An open checkpoint.

    latent_shape: (C, H, W) of one sample. image_size: pixels of a side. default_guidance: from the card where it has
    "default_guidance", else the recipe's, else what diffusers' pipeline defaults to. card: the folder's card.json.
    embedded_guidance: for students that take the scale as an input (card key of the same name); 1 = none.
    """

    id: str
    folder: Path
    denoiser: Denoiser
    latent_shape: tuple[int, ...]
    image_size: int
    recipe: Recipe | None
    default_guidance: float
    card: dict[str, Any]
    parts: _Parts
    embedded_guidance: float = 1.0

    @cached_property
    def hash(self) -> str:
        """12 hexadecimal digits over the weight files; read on first use."""
        return weights_hash(self.folder)

    @cached_property
    def _text_hash(self) -> str:
        files = [f for part in sorted(self.folder.glob("t*")) if part.is_dir() for f in sorted(part.iterdir()) if f.is_file()]
        return files_hash(files, self.folder)

    @property
    def text_key(self) -> tuple[Any, ...]:
        """Equal for models whose `encode` and `null` give the same tensors on the same device."""
        plain = (self._text_hash, str(self.device), self.dtype, self.image_size, self.parts.zero_null)
        return (*plain, self._attached.text_key(), self._vocabulary.key())

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Of one decoded sample."""
        return (3, self.image_size, self.image_size)

    @property
    def device(self) -> torch.device:
        return next(self.parts.unet.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parts.unet.parameters()).dtype

    def encode(self, prompts: Sequence[str]) -> Cond:
        """Conditions of prompts, as diffusers' ``encode_prompt`` gives them."""
        p = self.parts
        spelled = [self._vocabulary.spelled(prompts, i) for i in range(len(p.encoders))]
        if len(p.encoders) == 1:
            return encode_sd(p.tokenizers[0], p.encoders[0], spelled[0])
        return {**encode_xl(p.tokenizers, p.encoders, spelled), "time_ids": time_ids(self.image_size, len(prompts), self.device)}

    def null(self, n: int) -> Cond:
        """Condition of n empty prompts; zeros where the folder says so (SDXL base)."""
        cond = dict(self.encode([""] * n))
        if self.parts.zero_null:
            cond.update({name: torch.zeros_like(cond[name]) for name in ("states", "pooled")})
        return cond

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Tensor:
        """[B, C, H, W] latents -> images [B, 3, H, W], float32 in [0, 1]."""
        vae = self.parts.vae
        dtype = next(vae.parameters()).dtype
        z = latents.to(self.device, torch.float32)
        mean, std = vae.config.get("latents_mean"), vae.config.get("latents_std")
        z = z * (torch.tensor(std).view(1, -1, 1, 1).to(z) if std else 1.0) / vae.config.scaling_factor
        z = z + (torch.tensor(mean).view(1, -1, 1, 1).to(z) if mean else 0.0)
        size = max(1, PIXELS_PER_DECODE // (self.image_size**2))
        images = [vae.decode(part.to(dtype), return_dict=False)[0].float() for part in z.split(size)]
        return (torch.cat(images) * 0.5 + 0.5).clamp(0, 1)

    def to(self, device: str | torch.device) -> Model:
        for module in (self.parts.unet, self.parts.vae, *self.parts.encoders):
            module.to(device)
        self._controls.to(device)
        self._vocabulary.to(device)
        return self

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The parts that edits may change, by the first word of a layer's path."""
        encoders = {f"text_encoder{'_2' if i else ''}": encoder for i, encoder in enumerate(self.parts.encoders)}
        return {"unet": self.parts.unet, **encoders}

    @cached_property
    def _attached(self) -> Attached:
        return Attached(self.modules)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self.parts.tokenizers, self.parts.encoders)

    @property
    def _controls(self) -> Controls:
        controls: Controls = self.denoiser.network.controls  # type: ignore[attr-defined]
        return controls

    def load_control(self, name: str, path: Path | str, base: Model | None = None) -> None:
        """Read a ControlNet, off until a segment's hints name it: a file with differences or a folder that diffusers wrote.

        base: the model whose encoder the differences belong to, where that is not this one; a student then gets the very
        network that was trained on its teacher.
        """
        self.take_control(name, open_control(path, (base or self).parts.unet))

    def take_control(self, name: str, control: Any) -> None:
        """Take an open diffusers ControlNetModel under a name, off; it is moved to where this model is."""
        self._controls.add(name, control)

    def unload_control(self, name: str) -> None:
        """Forget a ControlNet."""
        self._controls.remove(name)

    @property
    def control_names(self) -> tuple[str, ...]:
        return tuple(self._controls.networks)

    def control(self, name: str) -> Any:
        """The diffusers ControlNetModel that was loaded under a name, for `controlnets.export`."""
        if name not in self._controls.networks:
            raise ValueError(f"ControlNet {name!r} is not loaded in {self.id}; {', '.join(self.control_names) or 'none'} is")
        return self._controls.networks[name]

    def use_controls(self, hints: Sequence[tuple[str, float]]) -> None:
        """Exactly these (name, weight) pairs are on; each reads its picture from the condition's `hint_key(name)`. None
        leaves the bare network."""
        self._controls.use(hints)

    def load_adapter(self, name: str, path: Path | str) -> Report:
        """Read an adapter file or folder of any layout, off until a segment names it; returns what of it fitted."""
        self._refuse_known(name)
        edit, report = adapter_files.read(path, adapter_files.targets(self.modules))
        self.load_edit(name, edit)
        return report

    def load_edit(self, name: str, edit: Edit) -> None:
        """Take an edit under a name: its layers off until `use_adapters` names it, its words known at once."""
        self._refuse_known(name)
        self._attached.add(name, edit)
        try:
            if edit.tokens:
                self._vocabulary.add(name, edit.tokens)
        except ValueError:
            self._attached.remove(name)
            raise

    def load_tokens(self, name: str, tokens: Mapping[str, Tensor]) -> None:
        """Let prompts use new words, {"<word>": [n, width]} (with "<word>@2" for a second text encoder), under a name."""
        self._refuse_known(name)
        self._vocabulary.add(name, tokens)

    def unload_tokens(self, name: str) -> None:
        """Forget the words that were loaded under a name; tokenizer and rows are then the original objects."""
        self._vocabulary.remove(name)

    def unload_adapter(self, name: str) -> None:
        """Forget an edit and its words; the model is then as if it had never been there."""
        if name not in self._attached.edits:
            raise ValueError(f"adapter {name!r} is not loaded in {self.id}; {', '.join(self.adapter_names) or 'none'} is")
        self._attached.remove(name)
        self._vocabulary.remove(name)

    @property
    def adapter_names(self) -> tuple[str, ...]:
        return tuple(self._attached.edits)

    @property
    def words(self) -> tuple[str, ...]:
        """The new words prompts may use now."""
        return self._vocabulary.words

    def use_adapters(self, adapters: Sequence[tuple[str, float]]) -> None:
        """Exactly these (name, strength) pairs are on, negative ones too; their order never matters, and none leaves the
        bare network. Layers of the text encoders change what `encode` gives from now on, and `text_key` with it."""
        wanted = tuple((name, float(strength)) for name, strength in adapters)
        if wanted == self._attached.on:
            return
        for name, strength in wanted:
            if name not in self._attached.edits:
                raise ValueError(f"adapter {name!r} is not loaded in {self.id}; {', '.join(self.adapter_names) or 'none'} is")
            if not math.isfinite(strength):
                raise ValueError(f"a strength of {strength} for adapter {name!r} does not fit; a finite number would")
        self._attached.use(wanted)

    @contextmanager
    def using(self, adapters: Sequence[tuple[str, float]]) -> Iterator[None]:
        """These adapters for a while, as for encoding prompts; afterwards those that were on before."""
        before = self._attached.on
        self.use_adapters(adapters)
        try:
            yield
        finally:
            self.use_adapters(before)

    def knowing(self, tokens: Sequence[Mapping[str, Tensor]]) -> AbstractContextManager[None]:
        """For a while just these new words; afterwards those that were known before."""
        return self._vocabulary.only(tokens)

    def _refuse_known(self, name: str) -> None:
        if name in self._attached.edits or name in self._vocabulary.brought:
            raise ValueError(f"adapter {name!r} is already loaded; another name would fit")


@dataclass(eq=False)
class _Parts:
    unet: Any  # UNet2DConditionModel; diffusers' types hide what its mixins add
    vae: Any
    tokenizers: list[Any]
    encoders: list[Any]
    zero_null: bool


def open_stable(folder: Path, id: str, *, device: str, dtype: torch.dtype | None, xl: bool) -> Model:
    """Load an SD (or, with ``xl``, SDXL) folder; see `studio.families.open_model`."""
    index = _json(folder / "model_index.json")
    scheduler = _json(folder / "scheduler" / "scheduler_config.json")
    parts = _load_parts(folder, index, dtype or torch.float32, xl)
    card = _json(folder / "card.json") if (folder / "card.json").is_file() else {}
    recipe = Recipe.load(folder) if (folder / FILE_NAME).is_file() else None
    config = parts.unet.config
    channels, size = int(config["in_channels"]), int(config["sample_size"])
    usual = recipe.guidance if recipe else 5.0 if xl else 7.5
    model = Model(
        id=id,
        folder=folder,
        denoiser=Denoiser(_Network(parts.unet), process_of(scheduler), prediction_of(scheduler, folder)),
        latent_shape=(channels, size, size),
        image_size=size * 2 ** (len(parts.vae.config.block_out_channels) - 1),
        recipe=recipe,
        default_guidance=float(card.get("default_guidance", usual)),
        card=card,
        parts=parts,
        embedded_guidance=float(card.get("embedded_guidance", 1.0)),
    )
    model.denoiser.network.embed_guidance(model.embedded_guidance)  # type: ignore[attr-defined]
    return model.to(device)


class _Network:
    """The UNet as (x, t, cond) -> F: float32 outside, its own precision and memory layout inside."""

    def __init__(self, unet: Any):
        self.unet = unet
        self.controls = Controls(unet)
        self.time_cond: Tensor | None = None
        # SDXL's time embedding also holds the pooled text, so its halves differ from the first block on.
        self.halves = unet.config.get("addition_embed_type") is None and unet.config.get("class_embed_type") is None

    def embed_guidance(self, w: float) -> None:
        dim = self.unet.config.get("time_cond_proj_dim")
        self.time_cond = guidance_embedding(torch.tensor([w]), dim) if dim else None

    def __call__(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        like = next(self.unet.parameters())
        extra: dict[str, Any] = {}
        if "pooled" in cond:
            extra["added_cond_kwargs"] = {"text_embeds": cond["pooled"].to(like), "time_ids": cond["time_ids"].to(like)}
        given, states, twice = x.to(like), cond["states"].to(like), self.halves and are_equal(x, t)
        added = self.controls.residuals(given, t, cond, states, twice, extra) if self.controls.on else {}
        if self.time_cond is not None:
            extra["timestep_cond"] = self.time_cond.to(like).expand(x.shape[0], -1)
        with computed_once(self.unet) if twice else nullcontext():  # residuals are added behind what is computed once
            F = self.unet(given, t, encoder_hidden_states=states, return_dict=False, **extra, **added)[0]
        return F.to(dtype=torch.float32, memory_format=torch.contiguous_format)


def process_of(scheduler: Mapping[str, Any]) -> VP:
    """The forward process of a scheduler config (beta schedules, zero terminal SNR) as diffusers computes it."""
    from diffusers import DDIMScheduler

    known = {k: v for k, v in scheduler.items() if k in _PROCESS_KEYS}
    reference: Any = DDIMScheduler(**known)
    return VP(reference.alphas_cumprod)


_PROCESS_KEYS = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr")


def prediction_of(scheduler: Mapping[str, Any], folder: Path) -> Prediction:
    given = scheduler.get("prediction_type", "epsilon")
    if given not in PREDICTIONS:
        raise ValueError(f"prediction_type {given!r} of {folder.name!r} is unknown; one of {', '.join(PREDICTIONS)} fits")
    return PREDICTIONS[given]


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent.name}/{path.name} is not there; a folder saved by diffusers has it")
    try:
        content = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.parent.name}/{path.name} is not JSON; the file diffusers writes would fit") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.parent.name}/{path.name} is not a JSON object; the file diffusers writes would fit")
    return content


def _named(index: Mapping[str, Any], part: str, allowed: Sequence[str]) -> str:
    entry = index.get(part)
    name = entry[1] if isinstance(entry, list) and len(entry) == 2 else None
    if name not in allowed:
        raise ValueError(f"{part} of this folder is {name}; {' or '.join(allowed)} would fit")
    return str(name)


def _load_parts(folder: Path, index: Mapping[str, Any], dtype: torch.dtype, xl: bool) -> _Parts:
    """Every part in ``dtype`` whatever the files store; an autoencoder that overflows in half precision stays float32."""
    import diffusers
    import transformers

    def network(library: Any, part: str, allowed: Sequence[str], precision: torch.dtype) -> Any:
        cls = getattr(library, _named(index, part, allowed))
        kinds = {p.name.split(".")[-2] for p in (folder / part).glob("*.safetensors")}
        variant = {"variant": "fp16"} if kinds == {"fp16"} else {}
        module = cls.from_pretrained(folder / part, dtype=precision, local_files_only=True, use_safetensors=True, **variant)
        return module.eval().requires_grad_(False)

    vae_config = _json(folder / "vae" / "config.json")
    upcast = dtype == torch.float16 and vae_config.get("force_upcast", True)
    vae = network(diffusers, "vae", AUTOENCODERS, torch.float32 if upcast else dtype)
    unet = network(diffusers, "unet", ("UNet2DConditionModel",), dtype)
    suffixes = ("", "_2") if xl else ("",)
    tokenizers = [
        getattr(transformers, _named(index, f"tokenizer{s}", TOKENIZERS)).from_pretrained(
            folder / f"tokenizer{s}", local_files_only=True
        )
        for s in suffixes
    ]
    encoders = [network(transformers, f"text_encoder{s}", TEXT_ENCODERS, dtype) for s in suffixes]
    # Channels-last convolutions are about 5 % faster on CPUs and faster in half precision on GPUs; the fused attention
    # diffusers chooses by default is about 10 % faster than plain matrix products when nothing is trained.
    unet.to(memory_format=torch.channels_last)
    vae.to(memory_format=torch.channels_last)
    return _Parts(unet, vae, tokenizers, encoders, zero_null=xl and bool(index.get("force_zeros_for_empty_prompt", True)))
