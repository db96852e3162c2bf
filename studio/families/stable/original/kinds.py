"""Which model a checkpoint is of, from its header alone. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json
from studio.families.stable.original.header import Header
from studio.families.stable.original.names import names_of, unet_prefix
from studio.families.stable.original.others import what_else
from studio.families.stable.original.shipped import NAMES

TITLES = {"sd1": "Stable Diffusion 1.x", "sd2-base": "Stable Diffusion 2.x", "sd2-v": "Stable Diffusion 2.x",
          "sdxl": "Stable Diffusion XL"}  # fmt: skip
V, EPS = "v_prediction", "epsilon"
LATENT = 4  # channels of what a text-to-image network of Stable Diffusion reads
READS_BESIDES = {5: "depth", 7: "a small picture", 8: "a picture to edit", 9: "a picture to paint in"}
LAYERS = ("input_blocks.", "middle_block.", "output_blocks.", "time_embed.", "label_emb.", "out.")  # of a UNet


@dataclass(frozen=True)
class Found:
    """layout: folder of its configs. prediction: as diffusers names it. zero_snr: whether its noise reaches a signal of zero.
    notice: what had to be assumed, a sentence or nothing."""

    layout: str
    prediction: str
    zero_snr: bool = False
    notice: str = ""


def recognised(header: Header, name: str, like: str | None = None) -> Found:
    """name: of the file. like: the layout that a person says it has. ValueError in one sentence where it is no checkpoint of
    these layouts."""
    if like is not None and like not in NAMES:
        raise ValueError(f"The layout {brief(like)} is unknown; {', '.join(NAMES)} are there.{did_you_mean(like, NAMES)}")
    shown = brief(name)
    names = header.shapes.keys()
    if (other := what_else(names)) is not None:
        raise ValueError(f"{shown} is {other}.")
    check_channels(header, shown)
    if any(n.startswith("conditioner.embedders.1.model.") for n in names):
        family = "sdxl"
    elif any(n.startswith("conditioner.embedders.0.model.") for n in names):
        raise ValueError(f"{shown} is a refiner of Stable Diffusion XL, which finishes others' samples; the base would fit.")
    elif any(n.startswith("cond_stage_model.model.") for n in names):
        family = "sd2"
    elif any(n.startswith("cond_stage_model.transformer.") for n in names):
        family = "sd1"
    else:
        raise ValueError(f"{shown} has no text encoder that is known here; a whole checkpoint would fit, or its UNet on a base.")
    if like is not None and not like.startswith(family):
        raise ValueError(f"{shown} is {TITLES.get(family, TITLES['sd2-v'])}, not {like}.")
    return _found(header, shown, family, like)


def _found(header: Header, shown: str, family: str, like: str | None) -> Found:
    said = _prediction(header)
    if family != "sd2":
        return Found(family, said or EPS, zero_snr="ztsnr" in header.shapes)
    if like is None and said is None:
        what = f"{shown} does not say whether it is of Stable Diffusion 2's base (512 pixels, eps) or of 768 pixels (v)"
        return Found("sd2-v", V, notice=f"{what}; it was taken for v; if its pictures are noise, sd2-base would fit.")
    layout = like or ("sd2-v" if said == V else "sd2-base")
    return Found(layout, V if layout == "sd2-v" else EPS)


def _prediction(header: Header) -> str | None:
    """What a file says of its prediction: a tensor `v_pred` without meaning (NoobAI), or `modelspec` (sai_model_spec 1.0.1)."""
    if "v_pred" in header.shapes:
        return V
    said = header.strings.get("modelspec.prediction_type", "").lower()
    if said in ("v", V, "v-prediction"):
        return V
    architecture = header.strings.get("modelspec.architecture", "")
    if architecture.startswith("stable-diffusion-v2-"):
        return V if architecture.startswith("stable-diffusion-v2-768-v") else EPS
    return EPS if said in (EPS, "eps") else None


def is_original_unet(header: Header) -> bool:
    """Whether a network alone, or the one in a checkpoint, has the original layout."""
    return f"{unet_prefix(header.shapes)}input_blocks.0.0.weight" in header.shapes


def check_channels(header: Header, shown: str) -> None:
    shape = header.shapes.get(f"{unet_prefix(header.shapes)}input_blocks.0.0.weight", (0, LATENT))
    if len(shape) > 1 and shape[1] != LATENT:
        beside = READS_BESIDES.get(shape[1], "something")
        raise ValueError(f"{shown} reads {beside} beside the noise ({shape[1]} channels); a text-to-image checkpoint would fit.")


def check_part(header: Header, part: str, config: Json) -> None:
    """ValueError to stand behind a colon, where the weights of a part are not all there or of other shapes than its config's."""
    there, wanted = header.shapes, names_of(part, config, header.shapes)
    missing = wanted - there.keys()
    if len(missing) == len(wanted):
        raise ValueError(f"its {part} is missing, or named as no code does that is known here")
    for name, axis, key in SHAPES[part]:
        found = next((shape for n, shape in there.items() if n in wanted and n.endswith(name) and len(shape) > axis), None)
        fits = config.get(key)
        fits = (fits[0] if part == "unet" else fits[-1]) if isinstance(fits, list) else fits
        if found is not None and found[axis] != fits:
            raise ValueError(f"its {part} has a {key} of {found[axis]}, and the layout's is {brief(fits)}")
    if missing:
        raise ValueError(f"its {part} lacks {len(missing)} of {len(wanted)} weights, {min(missing)} for one")
    prefix = unet_prefix(there)
    if part == "unet" and (more := {n for n in there if n.startswith(tuple(prefix + name for name in LAYERS))} - wanted):
        raise ValueError(f"its unet has {len(more)} weights that the layout knows nothing of, {min(more)} for one")


# Of each part: end of a weight's name, axis of its shape, and the config's word for that size.
SHAPES = {
    "unet": (("input_blocks.0.0.weight", 0, "block_out_channels"), ("input_blocks.0.0.weight", 1, "in_channels"),
             ("attn2.to_k.weight", 1, "cross_attention_dim"),
             ("label_emb.0.0.weight", 1, "projection_class_embeddings_input_dim")),
    "vae": (("decoder.conv_in.weight", 0, "block_out_channels"), ("decoder.conv_in.weight", 1, "latent_channels")),
    "text_encoder": (("token_embedding.weight", 0, "vocab_size"), ("token_embedding.weight", 1, "hidden_size")),
    "text_encoder_2": (("token_embedding.weight", 0, "vocab_size"), ("token_embedding.weight", 1, "hidden_size")),
}  # fmt: skip
