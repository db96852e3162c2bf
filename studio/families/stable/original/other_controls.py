"""What is taken for a ControlNet and is none that these networks wear: what it is, and what would fit. No torch.

Names of weights are those of diffusers' `models/controlnets/` and `models/adapter.py` (0.42), of lllyasviel's ControlNet, of
ComfyUI's `comfy/controlnet.py` (Control-LoRA) and of kohya's sd-scripts, `networks/control_net_lllite.py`.
"""

from __future__ import annotations

from collections.abc import Collection

from studio.families.stable.original.names import TEXT, UNET

CLASS = "ControlNetModel"
NONE_FOR = "{} has no ControlNets here, so it fits no model; one of Stable Diffusion 1.x, 2.x or XL would fit"
ALONE = "a ControlNetModel of one kind of picture would fit"
UNION = f"a ControlNet-Union, which reads several kinds of pictures and is told which; {ALONE}"
XS = f"a ControlNet-XS, which is woven into its base's layers; {ALONE}"
CLASSES = {
    "ControlNetUnionModel": UNION,
    "ControlNetXSAdapter": XS,
    "UNetControlNetXSModel": XS,
    "T2IAdapter": "a T2I adapter, which is no ControlNet; a ControlNetModel would fit",
    "MultiAdapter": "a T2I adapter, which is no ControlNet; a ControlNetModel would fit",
    "SparseControlNetModel": f"a ControlNet of AnimateDiff, for frames of a film; {ALONE}",
    "SD3ControlNetModel": f"a ControlNet of Stable Diffusion 3; {NONE_FOR.format('that family')}",
    "FluxControlNetModel": f"a ControlNet of Flux; {NONE_FOR.format('that family')}",
    "UNet2DConditionModel": "a whole UNet; among the models it would fit",
}
# Parts of a weight's name, and what has them. The first that is found counts.
SIGNS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("lora_controlnet",), f"a Control-LoRA, which needs its base's encoder; {ALONE}"),
    (("task_embedding", "control_add_embedding.", "spatial_ch_projs."), UNION),
    (("ctrl_to_base.", "control_to_base_for_conv_in."), XS),
    (("motion_modules.",), CLASSES["SparseControlNetModel"]),
    (("single_transformer_blocks.", "controlnet_x_embedder.", "double_blocks."), CLASSES["FluxControlNetModel"]),
    (("pos_embed_input.", "joint_blocks."), CLASSES["SD3ControlNetModel"]),
    (("controlnet_blocks.",), f"a ControlNet of a transformer; {NONE_FOR.format('its family')}"),
    (("lllite_",), f"a ControlNet-LLLite, which is put into attention layers; {ALONE}"),
    (("lora_up.", "lora_down.", ".lora_A.", ".lora_B."), "a LoRA; among the adapters it would fit"),
    (("image_proj.", "ip_adapter."), f"an IP-Adapter; {ALONE}"),
)
HINTED = ("input_hint_block.", "controlnet_cond_embedding.")


def other_class(found: object) -> str:
    """What a folder holds whose config names this class, to stand behind "is"; "" for a ControlNetModel."""
    if found == CLASS:
        return ""
    name = str(found)[:60]
    if name in CLASSES:
        return CLASSES[name]
    if "ControlNet" in name:
        return f"a {name}; {NONE_FOR.format('its family')}"
    return f"a {name if found else 'folder whose config.json names no class'}, which is no ControlNet; a {CLASS} would fit"


def what_else(names: Collection[str]) -> str:
    """What a file with weights of these names is, to stand behind "is"; "" where it looks like a ControlNet of a UNet."""
    if not names:
        return "a file without weights; a ControlNet would fit"
    for parts, what in SIGNS:
        if any(part in name for name in names for part in parts):
            return what
    if "difference" in names:
        return f"the difference between a ControlNet and its base, which is not a whole one; {ALONE}"
    if any(part in name for name in names for part in HINTED):
        return ""
    if any(name.startswith(("adapter.body.", "body.")) for name in names):
        return CLASSES["T2IAdapter"]
    if any(name.startswith((UNET, "first_stage_model.", *(way[0] for ways in TEXT.values() for way in ways))) for name in names):
        return "a checkpoint without a ControlNet; among the models it would fit"
    return "no ControlNet that is known here; one of Stable Diffusion 1.x, 2.x or XL would fit"
