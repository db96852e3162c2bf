"""What drawing costs in every family: beside the bare network, and beside diffusers' own pipeline. One run.

    python -m benchmarks.families [--only sd1 flux] [--rounds 7] [--write]
    python -m benchmarks.families --device cuda --true-sizes [--only sdxl]

Small models have random weights and draw from prompt to pixels, theirs and ours; the same files, steps, guidance and size.
`--true-sizes` takes networks of published sizes with random bfloat16 weights (`family_models`), conditions that are made up, and
leaves text encoders out on both sides. Every round runs all ways one after another, so that a busy machine disturbs them
alike; ratios are medians over rounds with the range of the middle half. **Loop ÷ bare** is the sampling loop over the calls of
diffusers' network that it made, with the same tensors and nothing between them. **Plan ÷ pipeline** is everything of a picture.
On a CPU seconds are this process's processor time. Targets: 1.10 and 1.00.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.family_models import TITLES, small
from benchmarks.family_true import true_ways
from studio.core.domain import told
from studio.core.rng import INITIAL, noise
from studio.families import family_of, open_model
from studio.jobs.paths import ROOT
from studio.sampling.loop import finished, sample
from studio.sampling.plan import Plan, teacher_plan
from studio.sampling.prompts import encode_once
from studio.workshop.prompt_cache import PromptCache

PAGE, COMMAND = ROOT / "docs" / "speed.md", "python -m benchmarks.families --write"
BEGIN, END = "<!-- families -->", "<!-- end of families -->"
PROMPT, STEPS, SEEDS = "a red boat", 4, (1, 2, 3, 4)
GUIDANCE = (1.0, 4.0)
Work = Callable[[], Tensor]


@dataclass(frozen=True)
class Ways:
    """A picture drawn by the loop alone, by the whole of a plan and by diffusers' pipeline. network: diffusers' module."""

    loop: Work
    whole: Work
    pipeline: Work
    network: nn.Module
    images: int
    nfe: int
    again: Work | None = None  # a whole plan whose prompt was read before


@dataclass(frozen=True)
class Row:
    family: str
    guidance: float
    to_bare: Sequence[float]
    to_pipeline: Sequence[float]
    to_whole: Sequence[float]  # of a plan whose prompt was read before
    seconds: float  # of the loop, median
    images: int
    nfe: int
    differ: float  # largest difference of a sample's numbers


def small_ways(name: str, folder: Path, guidance: float) -> Ways:
    pipe, model = small(name, folder), open_model(folder / "model", "m")
    family = family_of(folder / "model")
    assert family is not None
    flow = name in ("sd3", "flux")
    plan = teacher_plan("m", family.timesteps(folder / "model", STEPS, None), "euler" if flow else "ddim", guidance)
    models = {"m": model}
    ours = model.parts.unet if hasattr(model.parts, "unet") else model.parts.transformer  # type: ignore[attr-defined]
    conds, prompts = encode_once(models, told([PROMPT])), PromptCache()
    x = noise(SEEDS, INITIAL, model.shape)
    return Ways(
        loop=lambda: drawn(plan, models, conds, model.shape),
        whole=lambda: model.decode(drawn(plan, models, encode_once(models, told([PROMPT])), model.shape)),
        pipeline=lambda: piped(name, pipe, x, guidance),
        network=ours,
        images=len(SEEDS),
        nfe=plan.nfe,
        again=lambda: model.decode(drawn(plan, models, encode_once(models, told([PROMPT]), prompts), model.shape)),
    )


def drawn(plan: Plan, models: Mapping[str, Any], conds: Any, shape: Sequence[int]) -> Tensor:
    return finished(sample(plan, models, conds, list(SEEDS), shape))


def piped(name: str, pipe: Any, x: Tensor, guidance: float) -> Tensor:
    """Pictures of diffusers' pipeline."""
    (b, c, high, wide), prompts = x.shape, [PROMPT] * len(x)
    how: dict[str, Any] = {"num_inference_steps": STEPS, "output_type": "pt"}
    how |= {"height": high * pipe.vae_scale_factor, "width": wide * pipe.vae_scale_factor}
    if name == "flux":
        packed = pipe._pack_latents(x, b, c, high, wide)
        pictures: Tensor = pipe(prompts, negative_prompt=[""] * b, true_cfg_scale=guidance, latents=packed, **how).images
        return pictures
    if name == "pixart":
        how |= {"clean_caption": False, "use_resolution_binning": False}
    pictures = pipe(prompts, guidance_scale=guidance, latents=x, **how).images
    return pictures


def bare(ways: Ways) -> Work:
    """The calls of the network that the loop makes, with the tensors it makes them with."""
    calls: list[tuple[Any, Any]] = []
    network = ways.network
    hook = network.register_forward_pre_hook(lambda _, args, kwargs: calls.append((args, kwargs)), with_kwargs=True)
    ways.loop()
    hook.remove()

    def go() -> Tensor:
        with torch.inference_mode():
            for args, kwargs in calls:
                out = network(*args, **kwargs)
        said: Tensor = out[0]
        return said

    return go


def timed(work: Work, device: str) -> float:
    """Seconds; on a CPU those of this process alone, whatever else the machine does."""
    if not device.startswith("cuda"):
        begun = time.process_time()
        work()
        return time.process_time() - begun
    torch.cuda.synchronize()
    begun = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - begun


def measured(name: str, ways: Ways, guidance: float, rounds: int, device: str) -> Row:
    works = {"loop": ways.loop, "bare": bare(ways), "whole": ways.whole, "pipeline": ways.pipeline}
    works |= {"again": ways.again} if ways.again else {}
    differ = float((ways.whole().float() - ways.pipeline().float()).abs().max())
    seconds: dict[str, list[float]] = {key: [] for key in works}
    for key in {"bare", "again"} & set(works):
        works[key]()
    for number in range(rounds):
        order = list(works.items())
        for key, work in order[number % len(order) :] + order[: number % len(order)]:
            seconds[key].append(timed(work, device))

    def ratio(one: str, other: str) -> list[float]:
        return [a / b for a, b in zip(seconds[one], seconds[other], strict=True)]

    kept = ratio("again", "whole") if ways.again else []
    loop = statistics.median(seconds["loop"])
    return Row(name, guidance, ratio("loop", "bare"), ratio("whole", "pipeline"), kept, loop, ways.images, ways.nfe, differ)


def middle(values: Sequence[float]) -> str:
    """The median, and between what the middle half lies."""
    if not values:
        return "–"
    low, median, high = statistics.quantiles(values, n=4)
    return f"{median:.3f} [{low:.3f}, {high:.3f}]"


def said(row: Row) -> str:
    rate = row.images / row.seconds
    ratios = {"loop ÷ bare": row.to_bare, "plan ÷ pipeline": row.to_pipeline, "prompt kept ÷ read": row.to_whole}
    parts = [f"{TITLES[row.family]:<16} guidance {row.guidance:g}"]
    parts += [f"{name} {middle(values)}" for name, values in ratios.items()]
    parts += [f"{rate:.2f} images/s, {rate * row.nfe:.1f} NFE/s", f"differ by {row.differ:.1e}"]
    return " | ".join(parts)


def page(rows: Sequence[Row], rounds: int) -> str:
    lines = [
        BEGIN,
        f"Written by `{COMMAND}`: small models with random weights on a CPU, one thread, {len(SEEDS)} pictures, {STEPS} steps, "
        f"{rounds} rounds in which all ways take turns. Medians, and in brackets the range of the middle half.",
        "",
        "| family | guidance | loop ÷ bare network | plan ÷ diffusers' pipeline | prompt kept ÷ read anew | pictures differ by |",
        "|---|---|---|---|---|---|",
        *(
            f"| {TITLES[r.family]} | {r.guidance:g} | {middle(r.to_bare)} | {middle(r.to_pipeline)} | {middle(r.to_whole)} "
            f"| {r.differ:.0e} |"
            for r in rows
        ),
        END,
    ]
    return "\n".join(lines)


def write(text: str) -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + text + rest.partition(END)[2], encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--true-sizes", action="store_true", help="networks of published sizes, random, in bfloat16")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}; small models of all families")
    options = parser.parse_args()
    if options.write and (options.true_sizes or len(options.only) < len(TITLES)):
        parser.error("--write takes the small models of all families; leave --only and --true-sizes out")
    rows = []
    for name in options.only:
        for guidance in GUIDANCE:
            with tempfile.TemporaryDirectory() as scratch:
                if options.true_sizes:
                    ways = Ways(**true_ways(name, options.device, guidance, STEPS, SEEDS))
                else:
                    ways = small_ways(name, Path(scratch), guidance)
                rows.append(measured(name, ways, guidance, options.rounds, options.device))
            peak = f" | peak {torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if options.device.startswith("cuda") else ""
            print(said(rows[-1]) + peak, flush=True)
            del ways
            if peak:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
    if options.write:
        write(page(rows, options.rounds))


if __name__ == "__main__":
    main()
