"""What a plan costs beside the bare network, beside diffusers' pipeline, and what sharing prefixes saves. One run.

    python benchmarks/sampling.py [--model FOLDER] [--seeds 8] [--rounds 5] [--threads N] [--device cpu]

Without --model it takes assets/pocket/teacher, else assets/nano/teacher, else a pocket-shaped model with random
weights. Every round runs all three ways one after another and the ratios are medians over rounds, so that a busy
machine disturbs them alike. Targets: plan ÷ bare ≤ 1.10, plan ÷ pipeline ≤ 0.90.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from studio.core.domain import told  # noqa: E402
from studio.core.recipe import Recipe  # noqa: E402
from studio.core.rng import INITIAL, noise  # noqa: E402
from studio.families import open_model  # noqa: E402
from studio.families.stable.folders import save_pipeline  # noqa: E402
from studio.sampling import grids, plan, variants  # noqa: E402
from studio.sampling.branch import forks  # noqa: E402
from studio.sampling.guidance import guide, is_plain, rows, stacked  # noqa: E402
from studio.sampling.loop import finished, sample, sample_many  # noqa: E402
from studio.sampling.prompts import encode_once  # noqa: E402

PROMPT = "a red house at night"


def random_pocket(folder: Path) -> Path:
    """A pocket-shaped pipeline folder with random weights."""
    from diffusers import AutoencoderTiny

    from studio.domains.pocket.pretrain import assemble
    from studio.domains.pocket.pretrain.sizes import POCKET

    torch.manual_seed(0)
    words = assemble.build_tokenizer(folder / "words")
    vae = AutoencoderTiny(latent_channels=POCKET.latent_channels, **POCKET.autoencoder)
    save_pipeline(
        folder / "model", words, assemble.build_text_encoder(POCKET, len(words)), assemble.build_unet(POCKET),
        assemble.build_scheduler(POCKET), vae,
    )  # fmt: skip
    return folder / "model"


def pipeline_of(folder: Path, device: str) -> Any:
    from diffusers import DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True).to(device)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def bare(model: Any, cond: Any, ts: tuple[float, ...], w: float, x: torch.Tensor) -> Callable[[], Any]:
    """The network and decoder calls of the same plan, and nothing else."""
    given, null = cond
    n = x.shape[0]
    tree = stacked(rows(given, n, 0, n), None if is_plain(w) else rows(null, n, 0, n), w)

    def go() -> None:
        with torch.inference_mode():
            y = x
            for t in ts:
                part = y if is_plain(w) else torch.cat([y, y])
                F = model.denoiser.network(part, torch.full((part.shape[0],), t, device=x.device), tree)
                F = F if is_plain(w) else guide(F, w)
            model.decode(F)

    return go


def timed(work: Callable[[], Any], device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    begun = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def compare(model: Any, pipe: Any, steps: int, w: float, seeds: list[int], rounds: int, device: str) -> None:
    ts = grids.trailing(steps)
    run = plan.teacher_plan("m", ts, "ddim", w)
    models = {"m": model}
    x = noise(seeds, INITIAL, model.shape).to(device)
    bare_work = bare(model, encode_once(models, told([PROMPT]))["m"], ts, w, x)

    def plan_work() -> torch.Tensor:  # encoding included
        return model.decode(finished(sample(run, models, encode_once(models, told([PROMPT])), seeds, model.shape)))

    size = {"height": model.image_size, "width": model.image_size}

    def pipe_work() -> Any:
        return pipe(
            [PROMPT] * len(seeds), num_inference_steps=steps, guidance_scale=w, latents=x, output_type="pt", **size
        ).images

    works = {"bare": bare_work, "plan": plan_work, "pipeline": pipe_work}
    difference = (plan_work() - pipe_work()).abs().max().item()
    bare_work()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            seconds[name].append(timed(work, device))
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = {
        other: statistics.median(p / o for p, o in zip(seconds["plan"], seconds[other], strict=True))
        for other in ("bare", "pipeline")
    }
    print(
        f"{steps:>3} steps, guidance {w:g}: plan {middle['plan']:.3f} s | plan ÷ bare {ratios['bare']:.3f} | "
        f"plan ÷ pipeline {ratios['pipeline']:.3f} | images differ by {difference:.1e}"
    )


def sharing(model: Any, seeds: list[int]) -> None:
    """Three hybrids begin with the same base step."""
    recipe = Recipe(
        teacher="m", teacher_hash=model.hash, timesteps=grids.trailing(4), rule="lcm", prediction="v", valid_steps=(4,)
    )
    plans = [plan.hybrid_plan("m", "s", recipe, k) for k in (1, 2, 3)]
    models = {"m": model, "s": model}
    before = model.denoiser.calls
    records = [record for _, record in sample_many(plans, models, encode_once(models, told([PROMPT])), seeds, model.shape)]
    calls, alone = model.denoiser.calls - before, sum(p.nfe for p in plans)
    print(
        f"hybrids k = 1, 2, 3: {calls} network calls for {alone} evaluations per image ({sum(r.shared for r in records)} shared)"
    )


def forking(model: Any, seeds: list[int], n: int = 4) -> None:
    """The fork test: n continuations from every step of a few-step student."""
    recipe = Recipe(
        teacher="m", teacher_hash=model.hash, timesteps=grids.trailing(4), rule="lcm", prediction="v", valid_steps=(4,)
    )
    student = plan.student_plan("m", recipe)
    plans = [student, *(fork for index in range(4) for fork in forks(student, index, n))]
    before = model.denoiser.calls
    for _ in sample_many(plans, {"m": model}, encode_once({"m": model}, told([PROMPT])), seeds, model.shape):
        pass
    calls, alone = model.denoiser.calls - before, sum(p.nfe for p in plans)
    print(f"{n} forks at each of 4 steps: {calls} network calls for {alone} evaluations per image")


def remedies(model: Any, seeds: list[int], rounds: int, device: str) -> None:
    """What a remedy costs beside its evaluations: the same 4 steps with and without."""
    plain = plan.teacher_plan("m", grids.trailing(4))
    arms = {
        "CADS": variants.with_cads(plain, 0.0, 0.5), "prompt noise": variants.with_prompt_noise(plain),
        "particles": variants.with_particles(plain, low=0.0),
    }  # fmt: skip

    def work(p: plan.Plan) -> Callable[[], Any]:
        return lambda: finished(sample(p, {"m": model}, encode_once({"m": model}, told([PROMPT])), seeds, model.shape))

    ratios: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds):
        base = timed(work(plain), device)
        for name, arm in arms.items():
            ratios[name].append(timed(work(arm), device) / base)
    print("remedies ÷ plain, 4 steps: " + ", ".join(f"{name} {statistics.median(r):.3f}" for name, r in ratios.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    a = parser.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    shipped = [ROOT / "assets" / size / "teacher" for size in ("pocket", "nano")]
    found = [p for p in ([a.model] if a.model else shipped) if (p / "model_index.json").is_file()]
    with tempfile.TemporaryDirectory() as scratch:
        folder = found[0] if found else random_pocket(Path(scratch))
        label = "/".join(folder.parts[-2:]) if found else "pocket-shaped, random weights"
        seeds = list(range(a.seeds))
        model, pipe = open_model(folder, "m", device=a.device), pipeline_of(folder, a.device)
        parameters = sum(p.numel() for p in model.parts.unet.parameters()) / 1e6
        print(f"{label}: {parameters:.1f} M UNet parameters, {a.seeds} seeds, {torch.get_num_threads()} threads, {a.device}")
        for steps, w in ((4, 1.0), (25, 1.0), (25, 5.0)):
            compare(model, pipe, steps, w, seeds, a.rounds, a.device)
        sharing(model, seeds)
        forking(model, seeds)
        remedies(model, seeds, a.rounds, a.device)
    if a.device.startswith("cuda"):
        print(f"peak device memory {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB (both copies open)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**10 if sys.platform != "darwin" else 2**20)
    print(f"peak memory {peak:.0f} MiB (both copies of the model open)")


if __name__ == "__main__":
    main()
