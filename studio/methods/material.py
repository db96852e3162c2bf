"""Teaching material and finished students of Stable-Diffusion-shaped models of Pocket World.

What comes in is an opened model (`studio.families.Model`: parts, denoiser, hash); what goes out is a diffusers folder with
a recipe. Objectives see a `studio.core.material.Material` and nothing of this.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser
from studio.core.material import ConditionalNetwork, Reward, UNetNetwork
from studio.core.method import Method, Sampling
from studio.core.recipe import Recipe
from studio.core.rng import randint
from studio.core.weights import load_weights, save_weights
from studio.methods.grading import Grader
from studio.methods.lora import Shared
from studio.methods.pretrain import assemble
from studio.methods.pretrain.denoising import caption_table
from studio.methods.smaller import Smaller, make_smaller

Say = Callable[[int, int], None]  # (done, total), called while something long is prepared
CAPTIONS_A_SCENE = 4


class CaptionMaterial:
    """Captions become text states with a frozen text encoder; conditions alone never touch a latent.

    tokens: int64 [N, K, L], K captions of every scene. empty: [L]. latents: gives [N, *shape], called on first use.
    """

    def __init__(self, tokens: Tensor, empty: Tensor, text: nn.Module, latents: Callable[[], Tensor], shape: tuple[int, ...]):
        self.tokens, self.shape, self.text = tokens, shape, text.eval().requires_grad_(False)
        self._latents = latents
        self._made: Tensor | None = None
        self.empty = self.states(empty[None])["states"]

    @torch.no_grad()
    def states(self, tokens: Tensor) -> Cond:
        return {"states": self.text(tokens)[0].float()}

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        if self._made is None:
            self._made = self._latents().to(self.tokens.device)
        index = randint(len(self.tokens), (n,), g)
        return self._made[index].float(), self.states(self.tokens[index, randint(self.tokens.shape[1], (n,), g)])

    def captions(self, n: int, g: torch.Generator) -> Tensor:
        """Tokens [n, L]."""
        return self.tokens[randint(len(self.tokens), (n,), g), randint(self.tokens.shape[1], (n,), g)]

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        return self.states(self.captions(n, g))

    def null(self, cond: Cond) -> Cond:
        return {"states": self.empty.expand(len(cond["states"]), -1, -1)}


class GradedCaptions(CaptionMaterial):
    """Captions whose samples are graded by what the captions state (`studio.core.material.Graded`)."""

    def __init__(self, grader: Grader, *captions: Any):
        super().__init__(*captions)
        self.grader = grader

    def graded(self, n: int, g: torch.Generator) -> tuple[Cond, Reward]:
        tokens = self.captions(n, g)
        return self.states(tokens), self.grader.reward(tokens)


def scene_material(
    model: Any, folder: Path, *, seed: int = 0, n_scenes: int = 4000, say: Say | None = None, oracle: Any = None
) -> CaptionMaterial:
    """Material from ``n_scenes`` random scenes for an opened model; their latents are made on first need, kept in ``folder``.

    Captions state free factors as often as in the teacher's own training. oracle: reads pictures, so that the material
    can grade samples; without one it cannot.
    """
    from studio.domains.pocket.dataset import scenes

    tokenizer, drawn = model.parts.tokenizers[0], scenes(n_scenes, seed)
    device = model.device
    tokens = caption_table(drawn, tokenizer, CAPTIONS_A_SCENE, seed=seed + 1).to(device)
    empty = assemble.tokenize(tokenizer, [""])[0].to(device)

    def latents() -> Tensor:
        path = folder / f"latents-{model.hash}-{n_scenes}-seed{seed}.safetensors"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            save_weights(path, {"latents": encode_scenes(model, drawn, say or (lambda done, total: None))})
        return load_weights(path)[0]["latents"]

    text = copy.deepcopy(model.parts.encoders[0]).float()
    captions = (tokens, empty, text, latents, tuple(model.latent_shape))
    return CaptionMaterial(*captions) if oracle is None else GradedCaptions(Grader(model, oracle), *captions)


@torch.inference_mode()
def encode_scenes(model: Any, drawn: list, say: Say, batch: int = 50) -> Tensor:
    """Latents [N, C, h, w] in half precision, scaled as the denoiser sees them."""
    from studio.domains.pocket.dataset import to_images
    from studio.domains.pocket.render import render_batch

    vae, parts = model.parts.vae, []
    like = next(vae.parameters())
    for i in range(0, len(drawn), batch):
        images = to_images(np.asarray(render_batch(drawn[i : i + batch], model.image_size))).to(like) * 2 - 1
        out = vae.encode(images)
        z = out.latents if hasattr(out, "latents") else out.latent_dist.mean
        parts.append((z.float() * vae.config.scaling_factor).half().cpu())
        say(min(i + batch, len(drawn)), len(drawn))
    return torch.cat(parts).contiguous()


def teacher_denoiser(model: Any, rank: int | None = None, start: Any = None, smaller: Smaller | None = None) -> Denoiser:
    """A float32 copy of the model's network, laid out for training; the opened model itself is left alone.

    rank: students and fake scores become adapters of this rank on that one copy; None gives each its own weights.
    start: an opened student of this model; students begin with its weights (adapters, as adapters on a copy of them).
    smaller: students are cut from the model, or from ``start``, in this form. ValueError where these do not fit.
    """
    network = _trainable(model.parts.unet, model, rank)
    if start is None and smaller is None:
        return Denoiser(network, model.denoiser.process, model.denoiser.prediction)
    if rank is not None and smaller is not None:
        raise ValueError("a smaller student is trained whole: without what was cut from it, its weights are no base for adapters")
    started = None
    if start is not None:
        _check_start(model, start)
        r = start.recipe
        started = Sampling(tuple(r.timesteps), r.rule, tuple(r.valid_steps), r.eta)
    unet = (start or model).parts.unet
    begun = _trainable(unet if smaller is None else make_smaller(unet, smaller), model, rank)
    network.teaches(begun.trainable_copy, started)
    return Denoiser(network, model.denoiser.process, model.denoiser.prediction)


def _trainable(unet: nn.Module, model: Any, rank: int | None) -> ConditionalNetwork:
    laid_out = assemble.for_training(copy.deepcopy(unet).float(), str(model.device))
    return UNetNetwork(laid_out) if rank is None else Shared(laid_out, rank)


def _check_start(model: Any, start: Any) -> None:
    """What a request cannot know without opening the models."""
    if start.recipe is None:
        raise ValueError(f"{start.id} has no recipe, so it is no student to start from")
    if start.recipe.teacher_hash != model.hash:
        raise ValueError(f"{start.id} was taught by other weights of {model.id} than there are now; another student would fit")
    if start.denoiser.prediction != model.denoiser.prediction:
        ours, theirs = model.denoiser.prediction, start.denoiser.prediction
        raise ValueError(f"{start.id} predicts {theirs} and {model.id} {ours}; a student that predicts {ours} would fit")
    for name in ("in_channels", "cross_attention_dim"):
        if start.parts.unet.config[name] != model.parts.unet.config[name]:
            raise ValueError(f"{start.id} does not take what {model.id} takes: its {name} differs")


def student_folder(target: Path, model: Any, unet: nn.Module, method: Method, *, teacher_id: str, card: dict[str, Any]) -> None:
    """Write a finished student: a diffusers folder whose other parts are its teacher's, recipe.json and card.json.

    unet: the student's trained UNet. A scheduler that draws as the recipe says goes with it, for plain diffusers.
    """
    from diffusers import DDIMScheduler, LCMScheduler

    how = method.sampling()
    scheduler = json.loads((model.folder / "scheduler" / "scheduler_config.json").read_text())
    keys = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type")
    kept = {k: scheduler[k] for k in keys if k in scheduler}
    if how.rule == "lcm":
        drawn: Any = LCMScheduler(**kept, original_inference_steps=50, set_alpha_to_one=True)
    else:
        drawn = DDIMScheduler(**kept, clip_sample=False, set_alpha_to_one=True, steps_offset=1, timestep_spacing="trailing")
    p = model.parts
    assemble.save_pipeline(target, p.tokenizers[0], p.encoders[0], unet, drawn, p.vae)
    Recipe(
        teacher=teacher_id, teacher_hash=model.hash, timesteps=how.timesteps, rule=how.rule, prediction=model.denoiser.prediction,
        valid_steps=how.valid_steps, eta=how.eta, note=method.card.title,
    ).save(target)  # fmt: skip
    if how.embedded_guidance is not None:
        card = {**card, "embedded_guidance": how.embedded_guidance}
    (target / "card.json").write_text(json.dumps(card, indent=2) + "\n")
