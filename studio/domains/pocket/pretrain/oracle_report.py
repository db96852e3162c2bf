"""What an oracle is worth, on renders it never saw: right readings, spoils let through, and how far an attack gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from studio.domains.pocket import spoils
from studio.domains.pocket.dataset import SceneSet, scenes, to_images
from studio.domains.pocket.oracle import Oracle, gate_score
from studio.domains.pocket.pretrain.oracle import EPSILON
from studio.domains.pocket.scene import COUNT, FACTORS

Loss = Callable[[dict[str, Tensor], Tensor], Tensor]

LET_THROUGH = 0.02  # of every kind of spoil, at the threshold that is chosen
KEPT = 0.995  # of fresh renders, whatever the spoils want
RESTORED = 0.95  # of renders that the size's autoencoder wrote and read, whatever the spoils want


@dataclass
class Trial:
    """Pictures an oracle is tried on: fresh ones, the same softened, and every kind of spoil."""

    fresh: Tensor
    softened: Tensor
    spoilt: dict[str, Tensor]


def trial(held_out: SceneSet, size: int, each: int = 400, seed: int = 0) -> Trial:
    """``each`` pictures of every spoil; scenes of drawn spoils are of a seed that no training draws."""
    g, fresh = torch.Generator().manual_seed(seed), to_images(held_out.pixels)
    drawn = {}
    for number, kind in enumerate(spoils.DRAWN):
        rng = np.random.default_rng([seed, number])
        pictures = [spoils.drawn(kind, s, rng, size) for s in scenes(each, 10_000_019 + 1000 * seed + number)]
        drawn[kind] = to_images(np.stack(pictures))
    # twenty strengths of each, so that what a call draws once for all its pictures varies
    few = max(2, each // 20)
    of_images = {
        kind: torch.cat([spoils.of_image(kind, fresh[i : i + few], g) for i in range(0, min(each, len(fresh)), few)])
        for kind in spoils.IMAGE
    }
    softened = torch.cat([spoils.softened(x, g) for x in fresh.split(few)])
    return Trial(fresh, softened, drawn | of_images)


def set_threshold(oracle: Oracle, tried: Trial, restored: Tensor | None = None) -> float:
    """The lowest clean logit at which no kind of spoil passes more often than `LET_THROUGH`, but `KEPT` of fresh renders do, and
    `RESTORED` of those that an autoencoder restored: a gate that refuses them would grade the autoencoder, not the models."""
    spoilt = []
    for x in tried.spoilt.values():
        clean, one = _clean(oracle, x), oracle.read(x).count == 1  # several subjects do not pass, however clean
        spoilt.append(torch.quantile(clean.where(one, clean.min()), 1 - LET_THROUGH))
    kept = [torch.quantile(_clean(oracle, tried.fresh), 1 - KEPT)]
    if restored is not None:
        kept.append(torch.quantile(_clean(oracle, restored), 1 - RESTORED))
    oracle.config["threshold"] = round(float(torch.minimum(torch.stack(spoilt).max(), torch.stack(kept).min())), 3)
    return float(oracle.config["threshold"])


@torch.inference_mode()
def _clean(oracle: Oracle, images: Tensor) -> Tensor:
    oracle.eval()
    return torch.cat([oracle(x.contiguous(memory_format=torch.channels_last))[3][:, 0] for x in images.split(100)])


def oracle_report(oracle: Oracle, held_out: SceneSet, tried: Trial, restored: Tensor | None = None) -> dict:
    """Accuracy a factor and of the count, error a value (share of the side), shares accepted and recognised of fresh, softened
    and spoilt pictures, and what attacks of 4/255 do (`attacked`)."""
    seen = oracle.read(tried.fresh)

    def accepted(x: Tensor) -> float:
        return round(float(oracle.read(x).in_distribution.float().mean()), 4)

    def counted(x: Tensor) -> float:
        recognised = oracle.read(x).recognisable
        assert recognised is not None
        return round(float(recognised.float().mean()), 4)

    return {
        "accuracy": {
            **{k: round(float((seen.labels[k] == v).float().mean()), 4) for k, v in held_out.labels.items()},
            COUNT: round(float((seen.count == 1).float().mean()), 4),
        },
        "error": {k: round(float((v - held_out.values[k]).abs().mean()), 4) for k, v in seen.values.items()},
        "counted_none": round(float((oracle.read(tried.spoilt["no subject"]).count == 0).float().mean()), 4),
        "counted_several": round(float((oracle.read(tried.spoilt["two subjects"]).count == 2).float().mean()), 4),
        "accepted": accepted(tried.fresh),
        "softened_accepted": accepted(tried.softened),
        **({} if restored is None else {"restored_accepted": accepted(restored)}),
        "spoilt_accepted": {kind: accepted(x) for kind, x in tried.spoilt.items()},
        "recognised": counted(tried.fresh),
        **({} if restored is None else {"restored_recognised": counted(restored)}),
        "spoilt_recognised": {kind: counted(x) for kind, x in tried.spoilt.items()},
        "counted_one": {k: round(float((oracle.read(tried.spoilt[k]).count == 1).float().mean()), 4) for k in _of_one()},
        "each": len(next(iter(tried.spoilt.values()))),
        "held_out": len(held_out),
        "attacks": attacked(oracle, tried),
    }


def _of_one() -> list[str]:
    """Drawn spoils that have one subject, however spoilt."""
    return [kind for kind in spoils.DRAWN if spoils.truth(kind, {}, -1)[COUNT] == 1]


def attacked(oracle: Oracle, tried: Trial, n: int = 200, steps: int = 20) -> dict:
    """Projected gradient descent within 4/255 (Madry et al. 2018): shares of pictures then read as another subject of the
    attacker's choice, and of spoilt pictures then accepted (a quarter each of four drawn kinds)."""
    fresh, names = tried.fresh[:n], FACTORS["subject"].values
    own = oracle.read(fresh).labels["subject"]
    target = (own + 1 + torch.arange(len(own)) % (len(names) - 1)) % len(names)
    taken = []
    for x, wanted in zip(fresh.split(50), target.split(50), strict=True):
        moved = _descended(oracle, x, partial(_as_subject, wanted=wanted), steps)
        taken.append(oracle.read(moved).labels["subject"] == wanted)
    bad = torch.cat([tried.spoilt[k][: n // 4] for k in ("no subject", "two subjects", "box shuffled", "half a subject")])
    accepted = partial(_as_accepted, threshold=float(oracle.config["threshold"]))
    worse = [_descended(oracle, x, accepted, steps) for x in bad.split(50)]
    return {
        "epsilon": "4/255",
        "steps": steps,
        "subject_taken": round(float(torch.cat(taken).float().mean()), 4),
        "spoilt_accepted": round(float(oracle.read(torch.cat(worse)).in_distribution.float().mean()), 4),
    }


def _as_subject(logits: dict[str, Tensor], clean: Tensor, wanted: Tensor) -> Tensor:
    return F.cross_entropy(logits["subject"], wanted)


def _as_accepted(logits: dict[str, Tensor], clean: Tensor, threshold: float) -> Tensor:
    return -gate_score(clean, logits[COUNT], threshold).mean()


def _descended(oracle: Oracle, images: Tensor, loss: Loss, steps: int) -> Tensor:
    """Pictures within `EPSILON` of the given ones at which loss(logits, clean logit) is small."""
    oracle.eval()
    x = images
    for _ in range(steps):
        with torch.enable_grad():
            at = x.detach().requires_grad_()
            _, logits, _, judged = oracle(at)
            (gradient,) = torch.autograd.grad(loss(logits, judged[:, 0]), at)
        x = at.detach() - EPSILON / 4 * gradient.sign()
        x = torch.minimum(torch.maximum(x, images - EPSILON), images + EPSILON).clamp(0, 1)
    return x
