"""The oracle: one small CNN that reads a picture back into the factors of the world.

Trained on renders only (never on a model's samples). Besides a head per factor it has a *clean* head, trained to tell
renders from spoilt renders (blurred, noised, two scenes blended, scenes cut apart): its logit is the in-distribution
score, so that blur and noise are never counted as diversity.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.core.weights import channels_last, load_weights, save_weights
from studio.domains.pocket.dataset import CONTINUOUS
from studio.domains.pocket.scene import FACTORS


@dataclass
class Readings:
    """What the oracle saw in N pictures."""

    labels: dict[str, Tensor]  # factor -> int64 [N]
    values: dict[str, Tensor]  # "x", "size", "horizon" -> float [N], fractions of the side
    features: Tensor  # [N, D]
    score: Tensor  # [N], logit of "this is a clean picture of the world"
    in_distribution: Tensor  # bool [N], score above the shipped threshold

    def __len__(self) -> int:
        return len(self.score)

    def rows(self, index: Tensor) -> Readings:
        return Readings(
            {k: v[index] for k, v in self.labels.items()},
            {k: v[index] for k, v in self.values.items()},
            self.features[index],
            self.score[index],
            self.in_distribution[index],
        )


class _Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
        self.b = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.b(self.a(x)))


def _down(cin: int, cout: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(cin, cout, 3, 2, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(), _Residual(cout))


class Oracle(nn.Module):
    """CNN over [N, 3, size, size] in [0, 1]; positions survive because the last 4 × 4 map is flattened, not pooled."""

    def __init__(self, size: int = 128, width: int = 24, features: int = 128, threshold: float = 0.0):
        super().__init__()
        self.config = {"size": size, "width": width, "features": features, "threshold": threshold}
        stem = nn.Sequential(nn.Conv2d(3, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        stages, c, s = [stem], width, size // 2
        while s > 4:
            stages.append(_down(c, min(2 * c, 128)))
            c, s = min(2 * c, 128), s // 2
        self.body = nn.Sequential(*stages)
        self.neck = nn.Sequential(nn.Flatten(), nn.Linear(c * s * s, features), nn.LayerNorm(features), nn.GELU())
        self.heads = nn.ModuleDict({name: nn.Linear(features, len(f.values)) for name, f in FACTORS.items()})
        self.continuous = nn.Linear(features, len(CONTINUOUS))
        self.clean = nn.Sequential(nn.Conv2d(c, 64, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * s * s, 1))

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor, Tensor]:
        """(features [N, D], logits by factor, continuous [N, 3], clean logit [N])"""
        h = self.body(images * 2 - 1)
        z = self.neck(h)
        return z, {k: head(z) for k, head in self.heads.items()}, self.continuous(z), self.clean(h).squeeze(1)

    @torch.inference_mode()
    def read(self, images: Tensor, batch: int = 128) -> Readings:
        """Read pictures [N, 3, H, W] in [0, 1]; other sizes than its own are resized by area."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"The oracle reads pictures [N, 3, H, W] in [0, 1]; got shape {tuple(images.shape)}")
        self.eval()
        parts = []
        for chunk in images.split(batch):
            if chunk.shape[-1] != self.config["size"]:
                chunk = F.interpolate(chunk, size=int(self.config["size"]), mode="area")
            parts.append(self(chunk.to(next(self.parameters()).device).contiguous(memory_format=torch.channels_last)))
        logits = {k: torch.cat([p[1][k] for p in parts]) for k in FACTORS}
        values = torch.cat([p[2] for p in parts])
        score = torch.cat([p[3] for p in parts])
        return Readings(
            labels={k: v.argmax(1).cpu() for k, v in logits.items()},
            values={k: values[:, i].cpu() for i, k in enumerate(CONTINUOUS)},
            features=torch.cat([p[0] for p in parts]).float().cpu(),
            score=score.cpu(),
            in_distribution=(score > self.config["threshold"]).cpu(),
        )

    def save(self, folder: Path, header: dict | None = None) -> None:
        """Weights in half precision with the configuration in the header, plus config.json for people."""
        tensors = {k: v.half() if v.is_floating_point() else v for k, v in self.state_dict().items()}
        save_weights(folder / "oracle.safetensors", tensors, {"config": self.config, **(header or {})})
        (folder / "config.json").write_text(json.dumps(self.config, indent=2) + "\n")


def load_oracle(folder: Path | str, device: str = "cpu") -> Oracle:
    """The oracle saved in ``folder``; FileNotFoundError names the folder when it holds none."""
    path = Path(folder) / "oracle.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"No oracle in {folder}; train one with `python -m studio.methods.pretrain oracle`")
    tensors, header = load_weights(path)
    oracle = Oracle(**json.loads(header["config"]))
    oracle.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    return channels_last(oracle.to(device)).eval()
