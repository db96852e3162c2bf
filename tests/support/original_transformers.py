"""SD3 and Flux as the original code calls their weights, and whole checkpoints of them as ComfyUI keeps them: the way back from
what the program reads, spelled out beside it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.support.original_layout import of_clip, of_vae

Weights = dict[str, Tensor]
HEADS = {  # in front of the blocks and behind them, of both
    "time_text_embed.timestep_embedder.linear_1": ("t_embedder.mlp.0", "time_in.in_layer"),
    "time_text_embed.timestep_embedder.linear_2": ("t_embedder.mlp.2", "time_in.out_layer"),
    "time_text_embed.text_embedder.linear_1": ("y_embedder.mlp.0", "vector_in.in_layer"),
    "time_text_embed.text_embedder.linear_2": ("y_embedder.mlp.2", "vector_in.out_layer"),
    "time_text_embed.guidance_embedder.linear_1": ("", "guidance_in.in_layer"),
    "time_text_embed.guidance_embedder.linear_2": ("", "guidance_in.out_layer"),
    "context_embedder": ("context_embedder", "txt_in"),
    "x_embedder": ("", "img_in"),
    "pos_embed.proj": ("x_embedder.proj", ""),
    "proj_out": ("final_layer.linear", "final_layer.linear"),
}


class _Taken:
    """Weights of a network that are taken out one after another; none may stay."""

    def __init__(self, network: nn.Module):
        self.left = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        self.out: Weights = {}

    def move(self, there: str, *here: str, swap: bool = False) -> None:
        for kind in ("weight", "bias"):
            if f"{here[0]}.{kind}" in self.left:
                tensor = torch.cat([self.left.pop(f"{name}.{kind}") for name in here])
                if swap:
                    scale, shift = tensor.chunk(2)
                    tensor = torch.cat([shift, scale])
                self.out[f"{there}.{kind}"] = tensor

    def norm(self, there: str, here: str) -> None:
        if f"{here}.weight" in self.left:
            self.out[there] = self.left.pop(f"{here}.weight")

    def whole(self) -> Weights:
        assert not self.left, sorted(self.left)
        return self.out


def of_sd3(network: Any) -> Weights:
    w, last = _Taken(network), network.config.num_layers - 1
    for here, (there, _) in HEADS.items():
        if there:
            w.move(there, here)
    w.out["pos_embed"] = w.left.pop("pos_embed.pos_embed")
    w.move("final_layer.adaLN_modulation.1", "norm_out.linear", swap=True)
    for i in range(last + 1):
        b, x, c = f"transformer_blocks.{i}", f"joint_blocks.{i}.x_block", f"joint_blocks.{i}.context_block"
        w.move(f"{x}.attn.qkv", f"{b}.attn.to_q", f"{b}.attn.to_k", f"{b}.attn.to_v")
        w.move(f"{c}.attn.qkv", f"{b}.attn.add_q_proj", f"{b}.attn.add_k_proj", f"{b}.attn.add_v_proj")
        w.move(f"{x}.attn2.qkv", f"{b}.attn2.to_q", f"{b}.attn2.to_k", f"{b}.attn2.to_v")
        for block, there, here in ((x, "attn.proj", "attn.to_out.0"), (x, "attn2.proj", "attn2.to_out.0"),
                                   (c, "attn.proj", "attn.to_add_out"), (x, "adaLN_modulation.1", "norm1.linear"),
                                   (x, "mlp.fc1", "ff.net.0.proj"), (x, "mlp.fc2", "ff.net.2"),
                                   (c, "mlp.fc1", "ff_context.net.0.proj"), (c, "mlp.fc2", "ff_context.net.2")):  # fmt: skip
            w.move(f"{block}.{there}", f"{b}.{here}")
        w.move(f"{c}.adaLN_modulation.1", f"{b}.norm1_context.linear", swap=i == last)
        for attention in ("attn", "attn2"):
            for n in "qk":
                w.norm(f"{x}.{attention}.ln_{n}.weight", f"{b}.{attention}.norm_{n}")
        for n in "qk":
            w.norm(f"{c}.attn.ln_{n}.weight", f"{b}.attn.norm_added_{n}")
    return w.whole()


def of_flux(network: Any) -> Weights:
    w = _Taken(network)
    for here, (_, there) in HEADS.items():
        if there:
            w.move(there, here)
    w.move("final_layer.adaLN_modulation.1", "norm_out.linear", swap=True)
    for i in range(network.config.num_layers):
        b, d = f"transformer_blocks.{i}", f"double_blocks.{i}"
        w.move(f"{d}.img_attn.qkv", f"{b}.attn.to_q", f"{b}.attn.to_k", f"{b}.attn.to_v")
        w.move(f"{d}.txt_attn.qkv", f"{b}.attn.add_q_proj", f"{b}.attn.add_k_proj", f"{b}.attn.add_v_proj")
        for there, here in (("img_attn.proj", "attn.to_out.0"), ("txt_attn.proj", "attn.to_add_out"),
                            ("img_mod.lin", "norm1.linear"), ("txt_mod.lin", "norm1_context.linear"),
                            ("img_mlp.0", "ff.net.0.proj"), ("img_mlp.2", "ff.net.2"),
                            ("txt_mlp.0", "ff_context.net.0.proj"), ("txt_mlp.2", "ff_context.net.2")):  # fmt: skip
            w.move(f"{d}.{there}", f"{b}.{here}")
        for word, n in (("query", "q"), ("key", "k")):
            w.norm(f"{d}.img_attn.norm.{word}_norm.scale", f"{b}.attn.norm_{n}")
            w.norm(f"{d}.txt_attn.norm.{word}_norm.scale", f"{b}.attn.norm_added_{n}")
    for i in range(network.config.num_single_layers):
        b, s = f"single_transformer_blocks.{i}", f"single_blocks.{i}"
        w.move(f"{s}.linear1", f"{b}.attn.to_q", f"{b}.attn.to_k", f"{b}.attn.to_v", f"{b}.proj_mlp")
        w.move(f"{s}.linear2", f"{b}.proj_out")
        w.move(f"{s}.modulation.lin", f"{b}.norm.linear")
        for word, n in (("query", "q"), ("key", "k")):
            w.norm(f"{s}.norm.{word}_norm.scale", f"{b}.attn.norm_{n}")
    return w.whole()


def of_network(network: Any) -> Weights:
    return of_flux(network) if "Flux" in type(network).__name__ else of_sd3(network)


def of_whole(pipe: Any, vae: str = "first_stage_model.") -> Weights:
    """Network, autoencoder and encoders in one."""
    out = {f"model.diffusion_model.{n}": t for n, t in of_network(pipe.transformer).items()}
    out |= {f"{vae}{n}": t for n, t in of_vae(pipe.vae).items()}
    for part, name in (("text_encoder", "clip_l"), ("text_encoder_2", "clip_g"), ("text_encoder_3", "t5xxl")):
        encoder = getattr(pipe, part, None)
        if encoder is None:
            continue
        begin = f"text_encoders.{'t5xxl' if 'T5' in type(encoder).__name__ else name}.transformer."
        out |= {f"{begin}{n}": t for n, t in _encoder(encoder).items()}
    return out


def _encoder(encoder: nn.Module) -> Weights:
    if "T5" in type(encoder).__name__:
        return {n: t for n, t in encoder.state_dict().items() if n != "encoder.embed_tokens.weight"}
    found = {n.removeprefix("text_model."): t for n, t in of_clip(encoder).items()}
    plain = ("text_projection.weight", "logit_scale")
    return {n if n in plain else f"text_model.{n}": t for n, t in found.items()}
