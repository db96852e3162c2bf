"""Files that are no checkpoint of a layout that is known here: what they are, and where they would fit. No torch.

Names that tell models apart are those of diffusers' `loaders/single_file_utils.py` (0.42) and ComfyUI's `supported_models.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from studio.families.stable.original.names import UNET, VAE

Names = Collection[str]
TEXTS = ("cond_stage_model.", "conditioner.")
AUTOENCODER = (VAE, "vae.", "encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
TEXT_ENCODER = (*TEXTS, "text_model.", "transformer.resblocks.", "token_embedding.", "positional_embedding", "text_projection",
                "logit_scale", "ln_final.")  # fmt: skip
NETWORK = (UNET, "input_blocks.", "down_blocks.")
ROWS = {"emb_params", "clip_l", "clip_g", "string_to_param"}  # files of textual inversion
# A part of a weight's name, and whose it is.
FOREIGN = (
    ("edm_mean", "Playground 2.5"),
    ("noise_augmentor.", "Stable unCLIP"),
    ("single_stream_modulation.", "Flux 2"),
    ("distilled_guidance_layer.", "Chroma"),
    ("txt_in.individual_token_refiner.", "HunyuanVideo"),
    ("joint_blocks.", "Stable Diffusion 3"),  # such as are not whole
    ("double_blocks.0.img_attn.", "Flux"),
    ("double_stream_blocks.0.", "HiDream"),
    ("double_layers.0.attn.", "AuraFlow"),
    ("patchify_proj.", "LTX Video"),
    ("cap_embedder.0.", "Lumina 2"),
    ("head.modulation", "Wan"),
    ("blocks.0.cross_attn.kv_linear.", "Sana"),
    ("blocks.0.attn.qkv_x.", "Mochi"),
    ("clip_txt_mapper.", "Stable Cascade"),
    ("down_blocks.0.0.channelwise.", "Stable Cascade"),
    ("time_stack.", "Stable Video Diffusion"),
)
READ = ("Stable Diffusion 3", "Flux")  # by `families.transformer.original`, where their first blocks are there


def what_else(names: Names) -> str | None:
    """What a file with weights of these names is, to stand behind "is"; None where it looks like a checkpoint that is known."""
    for holds, what in (*OTHERS, SCALED):
        if holds(names):
            return what
    model = next((model for part, model in FOREIGN if any(part in name for name in names)), None)
    if model in READ:
        return f"of {model}, and not whole or under other names than its authors gave; a file as they wrote it would fit"
    if model is not None:
        return _foreign(model)
    if _all(AUTOENCODER)(names):
        return "an autoencoder alone; a whole checkpoint would fit"
    if _all(TEXT_ENCODER)(names):
        return "a text encoder alone; a whole checkpoint would fit"
    if _some(*NETWORK)(names) and not any(name.startswith((VAE, *TEXTS)) for name in names):
        return "a UNet alone; placed on the base that it was made from it would fit"
    if not any(name.startswith(UNET) for name in names):
        return "no model that is known here; a single file of Stable Diffusion 1.x, 2.x, XL or 3 or of Flux would fit"
    return None


def what_kind(names: Names) -> str | None:
    """The same of a file with a transformer inside: None where it may be SD3 or Flux."""
    for holds, what in OTHERS:
        if holds(names):
            return what
    model = next((model for part, model in FOREIGN if any(part in name for name in names)), None)
    return None if model is None or model in READ else _foreign(model)


def _foreign(model: str) -> str:
    return f"of {model}, whose single files need what does not come with this program; a folder that diffusers wrote may fit"


def _some(*parts: str) -> Callable[[Names], bool]:
    return lambda names: any(part in name for name in names for part in parts)


def _all(begin: tuple[str, ...]) -> Callable[[Names], bool]:
    return lambda names: all(name.startswith(begin) for name in names)


OTHERS: tuple[tuple[Callable[[Names], bool], str], ...] = (
    (lambda names: not names, "a file without weights; a checkpoint would fit"),
    (_some("lora_up.", "lora_down.", ".lora_A.", ".lora_B.", ".hada_w", ".lokr_w"),
     "a LoRA, which is put on a model; among the adapters, or placed on its base as a student, it would fit"),
    (lambda names: len(names) < 8 and set(names) <= ROWS, "a new word, which a model learns; among the adapters it would fit"),
    (_some("control_model.", "input_hint_block.", "controlnet_cond_embedding.", "controlnet_down_blocks.", "lllite_"),
     "a ControlNet, which is put on a model; among the ControlNets it would fit"),
    (_some("image_proj.", "ip_adapter."), "an IP-Adapter, which is put on a model; a checkpoint would fit"),
    (_some("motion_modules."), "a motion module of AnimateDiff, which is put on a model; a checkpoint would fit"),
)  # fmt: skip
SCALED = (
    _some("scaled_fp8", ".scale_weight"),
    "in scaled 8 bits, which are not read here; the model in half precision would fit",
)
