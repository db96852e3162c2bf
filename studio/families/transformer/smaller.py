"""Smaller students of transformers: every second block left out, the last one kept, which begins with its teacher's own weights.

Depth as in BK-SDM (Kim et al. 2023, arXiv 2305.15798, section 3), which leaves the second layer of every stage of a UNet out; a
transformer's blocks are all alike but the last, which ends the text's way (SD3). What a form does to a config needs no torch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar, cast

from studio.core.files import Json
from studio.core.footprint import Smaller

if TYPE_CHECKING:
    from torch import nn

    M = TypeVar("M", bound=nn.Module)

RUNS = {"num_layers": "transformer_blocks", "num_single_layers": "single_transformer_blocks"}  # numbers of blocks, by config key
BY_BLOCK = "dual_attention_layers"  # numbers of blocks of the first run that attend twice (SD3.5)


def smaller_config(config: Json, form: Smaller, name: str = "this model") -> Json:
    """The config of the smaller transformer. ValueError in one sentence when the form does not fit; ``name`` begins it."""
    if form.middle or form.width < 1:
        what = "no middle block" if form.middle else "no stages to narrow"
        raise ValueError(f"{name} is a transformer and has {what}; leaving layers out at a width of 1 would fit.")
    counts = {key: int(config[key]) for key in RUNS if config.get(key)}
    if max(counts.values(), default=0) < 2:
        raise ValueError(f"{name} has one block, so there is no second one to leave out; the form full would fit.")
    new = {**config, **{key: len(kept(n)) for key, n in counts.items()}}
    if config.get(BY_BLOCK):
        stay = kept(counts["num_layers"])
        new[BY_BLOCK] = [stay.index(i) for i in config[BY_BLOCK] if i in stay]
    return new


def kept(n: int) -> list[int]:
    """Which of n blocks stay, in order."""
    return list(range((n - 1) % 2, n, 2))


def staying(config: Json, name: str) -> str | None:
    """What a weight is called in the smaller network; None where its block goes."""
    found = re.match(r"(transformer_blocks|single_transformer_blocks)\.(\d+)\.(.*)", name)
    if found is None:
        return name
    stay = kept(int(next(config[key] for key, run in RUNS.items() if run == found[1])))
    block = int(found[2])
    return f"{found[1]}.{stay.index(block)}.{found[3]}" if block in stay else None


def make_smaller(transformer: M, form: Smaller) -> M:
    """A smaller network (float32, on the same device) with the weights of this one of diffusers that stay."""
    import torch
    from torch import nn

    config: Json = {k: v for k, v in transformer.config.items() if not k.startswith("_")}  # type: ignore[operator, union-attr]
    new = cast("M", type(transformer).from_config(smaller_config(config, form)))  # type: ignore[attr-defined]
    named = ((staying(config, name), weight.detach().float()) for name, weight in transformer.state_dict().items())
    new.load_state_dict({name: weight for name, weight in named if name is not None})
    where: torch.device = next(transformer.parameters()).device
    return nn.Module.to(new, where)
