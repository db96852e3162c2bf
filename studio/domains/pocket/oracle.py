"""The oracle: one small CNN that reads a picture back into the factors of the world.

Trained on renders only (never on a model's samples). Besides a head per factor it counts subjects (none, one, several) and
judges twice, by what it learned of spoilt renders (`studio.domains.pocket.spoils`): a picture is *clean* when nothing in it is
spoilt, and *recognisable* when it still shows one of each thing that varies, however badly drawn. In distribution is what is
clean and has exactly one subject. Diversity counts what is recognisable and has exactly one subject: a melted or noisy house is
one house, while pieces of two pictures, no picture at all, or a missing or doubled subject are not to count as diversity.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.core.weights import channels_last, load_weights, save_weights
from studio.domains.pocket.dataset import CONTINUOUS
from studio.domains.pocket.scene import COUNT, FACTORS, ONE

COUNTED = ("none", "one", "several")


@dataclass
class Readings:
    """What the oracle saw in N pictures."""

    labels: dict[str, Tensor]  # factor -> int64 [N]
    values: dict[str, Tensor]  # "x", "size", "horizon" -> float [N], fractions of the side
    features: Tensor  # [N, D]
    score: Tensor  # [N], logit of "this is a clean picture of the world", or of "it has one subject" where that is lower
    in_distribution: Tensor  # bool [N], score above the shipped threshold
    count: Tensor  # int64 [N], how many subjects: 0, 1, 2 for several
    recognisable: Tensor | None = None  # bool [N], exactly one subject, and all that varies can be told: what diversity counts

    def __len__(self) -> int:
        return len(self.score)

    @property
    def always(self) -> dict[str, Tensor]:
        """What a right picture shows whatever was asked for: [N] bool each."""
        return {ONE: self.count == 1}

    def rows(self, index: Tensor) -> Readings:
        return Readings(
            {k: v[index] for k, v in self.labels.items()},
            {k: v[index] for k, v in self.values.items()},
            self.features[index],
            self.score[index],
            self.in_distribution[index],
            self.count[index],
            None if self.recognisable is None else self.recognisable[index],
        )


class _Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
        self.b = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.b(self.a(x)))


def _down(cin: int, cout: int, side: int) -> nn.Sequential:
    """Half the side; a residual block where the map is small, since at 32 × 32 it would cost as much as all the rest."""
    more = [_Residual(cout)] if side <= 16 else []
    return nn.Sequential(nn.Conv2d(cin, cout, 3, 2, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(), *more)


class Oracle(nn.Module):
    """CNN over [N, 3, size, size] in [0, 1]; positions survive because the last 4 × 4 map is flattened, not pooled."""

    key = ""  # of the file it was loaded from

    def __init__(self, size: int = 128, width: int = 24, features: int = 128, threshold: float = 0.0):
        super().__init__()
        self.config = {"size": size, "width": width, "features": features, "threshold": threshold}
        stem = nn.Sequential(nn.Conv2d(3, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        stages, c, s = [], width, size // 2
        while s > 4:
            stages.append(_down(c, min(2 * c, 128), s // 2))
            c, s = min(2 * c, 128), s // 2
        self.stem, self.body = stem, nn.Sequential(*stages)
        self.neck = nn.Sequential(nn.Flatten(), nn.Linear(c * s * s, features), nn.LayerNorm(features), nn.GELU())
        self.heads = nn.ModuleDict({name: nn.Linear(features, len(f.values)) for name, f in FACTORS.items()})
        self.continuous = nn.Linear(features, len(CONTINUOUS))
        self.heads[COUNT] = nn.Linear(features, len(COUNTED))
        # what stands where, from the last map; blur and noise, from how strongly edges and the first filters answer
        self.composed = nn.Sequential(nn.Conv2d(c, 64, 1), nn.ReLU(), nn.Flatten())
        self.texture = nn.Sequential(nn.Linear(2 * width + 2 * len(STEPS), 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.judged = nn.Sequential(nn.Linear(64 * s * s + 32, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor, Tensor]:
        """(features [N, D], logits by factor and of the count, continuous [N, 3], logits of clean and recognisable [N, 2])"""
        filtered = self.stem(images * 2 - 1)
        h = self.body(filtered)
        z = self.neck(h)
        answers = filtered.flatten(2)
        texture = self.texture(torch.cat([answers.mean(2), answers.std(2), sharpness(images)], 1))
        judged = self.judged(torch.cat([self.composed(h), texture], 1))
        return z, {k: head(z) for k, head in self.heads.items()}, self.continuous(z), judged

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, int(self.config["size"]), int(self.config["size"]))

    def seen(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor, Tensor]:
        """`forward` of pictures of any size, with gradient."""
        if tuple(images.shape[1:]) != self.shape:
            images = F.interpolate(images, size=int(self.config["size"]), mode="area")
        return self(images.to(next(self.parameters()).device).contiguous(memory_format=torch.channels_last))

    def features_of(self, samples: Tensor) -> Tensor:
        return self.seen(samples)[0]

    @torch.inference_mode()
    def read(self, samples: Tensor, batch: int = 128) -> Readings:
        """Read pictures [N, 3, H, W] in [0, 1]; other sizes than its own are resized by area."""
        if samples.ndim != 4 or samples.shape[1] != 3:
            raise ValueError(f"The oracle reads pictures [N, 3, H, W] in [0, 1]; got shape {tuple(samples.shape)}")
        self.eval()
        parts = [self.seen(chunk) for chunk in samples.split(batch)]
        logits = {k: torch.cat([p[1][k] for p in parts]) for k in self.heads}
        values = torch.cat([p[2] for p in parts])
        threshold = float(self.config["threshold"])
        clean, recognisable = torch.cat([p[3] for p in parts]).unbind(1)
        score = gate_score(clean, logits[COUNT], threshold)
        return Readings(
            labels={k: logits[k].argmax(1).cpu() for k in FACTORS},
            values={k: values[:, i].cpu() for i, k in enumerate(CONTINUOUS)},
            features=torch.cat([p[0] for p in parts]).float().cpu(),
            score=score.cpu(),
            in_distribution=(score > threshold).cpu(),
            count=logits[COUNT].argmax(1).cpu(),
            recognisable=((logits[COUNT].argmax(1) == 1) & (recognisable > 0)).cpu(),
        )

    def save(self, folder: Path, header: dict | None = None) -> None:
        """Weights in half precision with the configuration in the header, plus config.json for people."""
        tensors = {k: v.half() if v.is_floating_point() else v for k, v in self.state_dict().items()}
        save_weights(folder / "oracle.safetensors", tensors, {"config": self.config, **(header or {})})
        (folder / "config.json").write_text(json.dumps(self.config, indent=2) + "\n")


def gate_score(clean: Tensor, count: Tensor, threshold: float) -> Tensor:
    """[N]: the clean logit [N], but at most `threshold` plus the log odds of exactly one subject by the count's logits [N, 3]:
    above the threshold only what is clean and more likely one subject than none or several."""
    one = count[:, 1] - torch.logsumexp(count[:, [0, 2]], 1)
    return torch.minimum(clean, threshold + one)


STEPS = (0.0, 0.03, 0.08, 0.16, 0.28, 0.45)  # heights of edges, shares of the range


def sharpness(images: Tensor) -> Tensor:
    """How much of a picture's slopes and of its second differences lies above each of `STEPS`, [N, 12], on a log scale.

    The world's drawings have flat areas and hard edges: noise lifts the small values, blur takes the large ones away.
    """
    grey = images.mean(1)
    slope = (grey[:, :, 1:] - grey[:, :, :-1]).abs()
    bend = (grey[:, 1:-1, 2:] + grey[:, 1:-1, :-2] + grey[:, 2:, 1:-1] + grey[:, :-2, 1:-1] - 4 * grey[:, 1:-1, 1:-1]).abs()
    above = [(x - step).clamp_min(0).mean((1, 2)) for x in (slope, bend) for step in STEPS]
    return torch.stack(above, 1).add(1e-6).log10() / 1.5 + 2


def load_oracle(folder: Path | str, device: str = "cpu") -> Oracle:
    """The oracle saved in ``folder``, frozen; FileNotFoundError names the folder when it holds none."""
    path = Path(folder) / "oracle.safetensors"
    if not path.exists():
        raise FileNotFoundError(f"No oracle in {folder}; train one with `python -m studio.capabilities.pretrain oracle`")
    tensors, header = load_weights(path)
    oracle = Oracle(**json.loads(header["config"]))
    oracle.key = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    oracle.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    return channels_last(oracle.to(device)).eval().requires_grad_(False)
