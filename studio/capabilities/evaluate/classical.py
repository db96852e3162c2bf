"""The classical figures of a candidate, each with what it means in one sentence. In a worker."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.core.domain import Domain, OracleReadings, Said
from studio.core.files import Json
from studio.metrics import diversity as dv
from studio.metrics import report, second_witness
from studio.metrics.bootstrap import resample_counts
from studio.metrics.frechet import frechet_interval
from studio.metrics.interval import Estimate, Interval, pool
from studio.metrics.paired import mean
from studio.metrics.precision_recall import K_NEAREST, precision_recall
from studio.metrics.readings import accepted, correct

REFERENCE_SEED = 626_001  # of the world's own samples under the same prompts
REFERENCES = 512  # of them, at least
BOOT = 200  # draws of an eigenvalue problem


@dataclass(frozen=True)
class Figure:
    """title: in tables. about: what it means, one sentence."""

    name: str
    title: str
    about: str
    percent: bool = False
    digits: int = 2
    better: str = ""


KNOWN = (
    Figure("accuracy", "All right", "Share of samples in which the oracle sees everything that the prompt states.",
           percent=True, better="higher"),
    Figure("in_distribution", "In distribution", "Share of samples that the oracle takes for the world's own.",
           percent=True, better="higher"),
    Figure("fd", "Fréchet distance", "How far samples as a whole are from the world's own under the same prompts, in features; "
           "it grows when samples are fewer, and sees neither a wrong prompt nor one bad sample.", better="lower"),
    Figure("precision", "Precision", "Share of samples among the world's own: few of them are strange when it is high.",
           percent=True, better="higher"),
    Figure("recall", "Recall", "Share of the world's own samples among these: few of them are missed when it is high.",
           percent=True, better="higher"),
    Figure("coverage", "Coverage", "Share of the world's own samples that have one of these near by; strangers cannot raise it.",
           percent=True, better="higher"),
    Figure("diversity", "Diversity", "How evenly what a prompt leaves open is varied: 0 is always the same, 1 all values alike.",
           better="higher"),
    Figure("default_behaviour", "Default behaviour",
           "Share of what prompts leave open in which four of five samples have the same value.", percent=True, better="lower"),
    Figure("vendi", "Vendi score", "How many really different samples of a prompt there are, by the cosine of features.",
           better="higher"),
    Figure("spread", "Spread", "How far two samples of a prompt are apart, in features.", better="higher"),
    Figure("seed_identifiability", "Seeds told apart",
           "Share of samples whose seed is told by what other prompts drew with it: the noise still matters when it is high.",
           percent=True, better="higher"),
)  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """The world's own samples under the same prompts, by prompt: features [M, D]."""

    features: Sequence[Tensor]

    @property
    def all(self) -> Tensor:
        return torch.cat(list(self.features))


Read = Callable[[Tensor], Tensor]  # samples -> features [N, D]


def reference(domain: Domain, read: Read, shape: Sequence[int], prompts: Sequence[Said], each: int) -> Reference:
    """each: samples of a prompt that will be compared with it. shape: of a sample."""
    hands, n = domain.hands(), max(each, math.ceil(REFERENCES / len(prompts)))
    return Reference(
        [read(hands.samples(hands.items(n, [REFERENCE_SEED, i], said.stated), shape)) for i, said in enumerate(prompts)]
    )


def by_oracle(domain: Domain, seen: Sequence[OracleReadings], prompts: Sequence[Said], world: Reference) -> dict[str, Json]:
    """seen: of the samples of each prompt, on the same seeds. Figures by name, as intervals."""
    stated = {str(i): said.stated for i, said in enumerate(prompts)}
    rows = {str(i): row for i, row in enumerate(seen)}
    worlds = {name: domain.world(says) for name, says in stated.items()}
    features, every = torch.cat([row.features for row in seen]), world.all
    each = len(seen[0])
    spread = [report.diversity_estimate(row, stated[name], domain.factors, world=worlds[name]) for name, row in rows.items()]
    return {
        "accuracy": mean(_by_prompt(seen, lambda i, row: _right(domain, row, prompts[i]))).to_dict(),
        "in_distribution": mean(_by_prompt(seen, lambda _, row: accepted(row))).to_dict(),
        "fd": frechet_interval(features, every).to_dict(),
        **_manifold(features, every),
        "coverage": second_witness.coverage(
            [row.features for row in seen], [part[:each] for part in world.features]
        ).interval().to_dict(),
        "diversity": pool(spread).interval().to_dict(),
        "default_behaviour": second_witness.default_behaviour(rows, stated, domain.factors, worlds).interval().to_dict(),
        **by_features([row.features for row in seen]),
    }  # fmt: skip


def by_witness(features: Sequence[Tensor], world: Reference) -> dict[str, Json]:
    """By another network's features [S, D] of each prompt's samples."""
    each = [part[: len(features[0])] for part in world.features]
    return {
        "fd": frechet_interval(torch.cat(list(features)), world.all).to_dict(),
        "coverage": second_witness.coverage(features, each).interval().to_dict(),
        **by_features(features),
    }


def by_features(features: Sequence[Tensor]) -> dict[str, Json]:
    """Those that need no world: features [S, D] of each prompt's samples."""
    return {
        "vendi": pool([_vendi(rows) for rows in features]).interval().to_dict(),
        "spread": second_witness.spread(features).interval().to_dict(),
        "seed_identifiability": second_witness.seed_identifiability(features).interval().to_dict(),
    }


def shown(found: Mapping[str, Json], read_by: str) -> list[Json]:
    """Rows of a table, those that could be measured; read_by: whose features and readings these are."""
    return [{**vars(one), **found[one.name], "read_by": read_by} for one in KNOWN if one.name in found]


def _right(domain: Domain, row: OracleReadings, said: Said) -> Tensor:
    found = correct(row, said.stated, domain.factors)
    return torch.stack(list(found.values())).all(0) if found else torch.ones(len(row), dtype=torch.bool)


def _by_prompt(seen: Sequence[OracleReadings], ask: Callable[[int, OracleReadings], Tensor]) -> Tensor:
    return torch.stack([ask(i, row).double() for i, row in enumerate(seen)])


def _manifold(features: Tensor, every: Tensor) -> dict[str, Json]:
    n = min(len(features), len(every))
    if n <= K_NEAREST or not bool(features.isfinite().all()):
        none = Interval(None, n=n).to_dict()
        return {"precision": none, "recall": none}
    rows = torch.linspace(0, len(every) - 1, n).long()  # as many, of all prompts
    found = precision_recall(features, every[rows])
    return {"precision": found.precision.to_dict(), "recall": found.recall.to_dict()}


def _vendi(features: Tensor) -> Estimate:
    n = len(features)
    if n < 2:
        return Estimate.missing(n)
    similarity = dv.kernel(features, "cosine")
    draws = dv.vendi_of_kernel(similarity, resample_counts(n, BOOT))
    return Estimate.centred(float(dv.vendi_of_kernel(similarity)), draws, n, (1.0, float(n)))
