"""Figures for the model cards: what the autoencoder preserves, and how much a noisy state says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from studio.core.weights import channels_last
from studio.domains.pocket.dataset import SceneSet, to_images
from studio.domains.pocket.oracle import load_oracle

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny


def load_vae(folder: Path) -> AutoencoderTiny:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    vae = AutoencoderTiny.from_pretrained(folder)
    return channels_last(vae).eval()


@torch.inference_mode()
def reconstruct(vae: AutoencoderTiny, images: torch.Tensor) -> torch.Tensor:
    """Encode and decode pictures [N, 3, H, W] in [0, 1]."""
    vae.eval()
    out = [
        vae.decode(vae.encode(x.to(vae.device) * 2 - 1).latents).sample.add(1).div(2).clamp(0, 1).cpu() for x in images.split(50)
    ]
    return torch.cat(out)


@torch.inference_mode()
def autoencoder_report(vae: AutoencoderTiny, oracle_folder: Path, held_out: SceneSet, n: int = 1000) -> dict:
    """PSNR (dB, mean over pictures) and the share of reconstructions that the oracle reads like their originals."""
    images = to_images(held_out.pixels[:n])
    again = reconstruct(vae, images)
    psnr = -10 * torch.log10(((again - images) ** 2).flatten(1).mean(1))
    report: dict = {
        "psnr_db": round(float(psnr.mean()), 2),
        "psnr_worst_db": round(float(psnr.min()), 2),
        "held_out": n,
    }
    if (oracle_folder / "oracle.safetensors").exists():
        oracle = load_oracle(oracle_folder)
        before, after = oracle.read(images), oracle.read(again)
        same = torch.stack([before.labels[k] == after.labels[k] for k in before.labels])
        report["oracle_unchanged"] = {k: round(float(row.float().mean()), 4) for k, row in zip(before.labels, same, strict=True)}
        report["oracle_unchanged_all"] = round(float(same.all(0).float().mean()), 4)
        report["in_distribution"] = round(float(after.in_distribution.float().mean()), 4)
    return report


@torch.inference_mode()
def encode_all(vae: AutoencoderTiny, data: SceneSet, batch: int = 100) -> torch.Tensor:
    """Latents of every picture, float16 [N, C, h, w]."""
    vae.eval()
    parts = []
    for i in range(0, len(data), batch):
        images = to_images(data.pixels[i : i + batch]).to(vae.device, memory_format=torch.channels_last)
        parts.append(vae.encode(images * 2 - 1).latents.half().cpu())
    return torch.cat(parts).contiguous()


def kappa(latents: torch.Tensor, groups: torch.Tensor, snr: torch.Tensor) -> torch.Tensor:
    """κ(t) = sqrt(SNR(t) · mean ‖x_i − x_j‖²) over pairs of the same group (caption); one value a time.

    Evidence about *which* picture a noisy state carries: the four-step grid wants κ(t0) ≲ 2–3 and κ(t1) ≳ 3–5, or a
    student's first decision cannot be undone by re-noising and no hybrid can recover anything.
    """
    total, pairs = 0.0, 0
    for g in groups.unique():
        x = latents[groups == g].float().flatten(1)
        n = len(x)
        if n < 2:
            continue
        # sum over pairs of ‖x_i − x_j‖² = n Σ‖x_i‖² − ‖Σ x_i‖²
        total += float(n * (x**2).sum() - (x.sum(0) ** 2).sum())
        pairs += n * (n - 1) // 2
    return (snr * total / pairs).sqrt()
