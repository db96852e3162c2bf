"""A model's network laid out for training: all of it, adapters on it, or a smaller one cut from it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from studio.core.denoiser import Denoiser
from studio.core.footprint import Smaller
from studio.core.material import ConditionalNetwork
from studio.core.method import Sampling
from studio.core.unet import SliderNetwork, UNetNetwork
from studio.families.stable.folders import for_training
from studio.families.stable.shared_lora import Shared
from studio.families.stable.smaller import make_smaller

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    from studio.core.recipe import Recipe
    from studio.families.stable.parts import Open


def teacher_denoiser(model: Open, rank: int | None = None, start: Open | None = None, smaller: Smaller | None = None) -> Denoiser:
    """A float32 copy of the model's network, laid out for training; the opened model itself is left alone.

    rank: students and fake scores become adapters of this rank on that one copy; None gives each its own weights.
    start: an opened student of this model; students begin with its weights (adapters, as adapters on a copy of them).
    smaller: students are cut from the model, or from ``start``, in this form. ValueError where these do not fit.
    """
    network = _trainable(alone(model), model, rank)
    if start is None and smaller is None:
        return Denoiser(network, model.denoiser.process, model.denoiser.prediction)
    if rank is not None and smaller is not None:
        raise ValueError("a smaller student is trained whole: without what was cut from it, its weights are no base for adapters")
    started = None
    if start is not None:
        r = _check_start(model, start)
        started = Sampling(tuple(r.timesteps), r.rule, tuple(r.valid_steps), r.eta)
    unet = alone(start or model)
    begun = _trainable(unet if smaller is None else make_smaller(unet, smaller), model, rank)
    network.teaches(begun.trainable_copy, started)
    return Denoiser(network, model.denoiser.process, model.denoiser.prediction)


def alone(model: Open) -> UNet2DConditionModel:
    """A copy of a model's UNet with nothing on it. What makes a student, where that is a LoRA, is in the copy's weights."""
    model.turns.free()
    unet = copy.deepcopy(model.held.unet)
    model.make_own(unet)
    return unet


def _trainable(unet: UNet2DConditionModel, model: Open, rank: int | None) -> ConditionalNetwork:
    """unet: of nobody else."""
    laid_out = for_training(unet.float(), str(model.device))
    return UNetNetwork(laid_out) if rank is None else Shared(laid_out, rank)


def _check_start(model: Open, start: Open) -> Recipe:
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
    return start.recipe


def slider_denoiser(model: Open) -> Denoiser:
    """A float32 copy of an opened model's network, laid out for training; the opened model itself is left alone."""
    plain = teacher_denoiser(model)
    assert isinstance(plain.network, UNetNetwork)
    return Denoiser(SliderNetwork(plain.network.unet), plain.process, plain.prediction)
