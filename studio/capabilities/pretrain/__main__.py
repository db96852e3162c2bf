"""`python -m studio.capabilities.pretrain PART --size SIZE`: oracle, autoencoder, teacher; each resumes where it stopped.

What is trained is the domain's own (`core.pretraining.Curriculum`); how training runs, and what belongs to the family of the
models, is here.
"""

from __future__ import annotations

import importlib
import json
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
import typer
from torch import Tensor, nn

from studio.capabilities.pretrain.fitting import fitting
from studio.core.domain import Domain
from studio.core.files import Json
from studio.core.method import Method, Streams
from studio.core.pretraining import LICENCE, Asked, Curriculum, Part
from studio.core.recipe import Recipe, weights_hash
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains import DOMAINS, first
from studio.families import open_model
from studio.families.plain_call import write_readme
from studio.families.stable.folders import for_training, load_into, save_pipeline, tidy
from studio.families.stable.lines import TokenLines, tokens_of
from studio.families.stable.model import Model
from studio.jobs.paths import PRESETS

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_utils import SchedulerMixin
    from transformers import PreTrainedTokenizerBase

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

WORK = Path.home() / ".cache" / "distillation-studio"
ASSETS = Path("assets")

SizeName = Annotated[str, typer.Option(help="Of the domain's sets of models, e.g. pocket (128 px) or nano (32 px)")]
DomainName = Annotated[str, typer.Option("--domain", help="Whose models are made")]
Work = Annotated[Path, typer.Option(help="Rendered scenes and checkpoints")]
Out = Annotated[Path, typer.Option(help="Where finished weights go")]
Steps = Annotated[
    int | None,
    typer.Option(help="In all, the curriculum's own where left out; a larger number continues a finished run"),
]
Fresh = Annotated[bool, typer.Option(help="Ignore an existing checkpoint")]
Device = Annotated[str, typer.Option(help="cpu or cuda; draws, and so weights, differ between kinds of device")]
Override = Annotated[list[str] | None, typer.Option("--set", help="Override a field of the method, e.g. batch=512")]


class Bench:
    """What models shaped like Stable Diffusion bring (`core.pretraining.Bench`)."""

    def tokens(self, tokenizer: PreTrainedTokenizerBase, lines: Sequence[str]) -> Tensor:
        return tokens_of(tokenizer, lines)

    def laid_out(self, network: UNet2DConditionModel, device: str) -> UNet2DConditionModel:
        return for_training(network, device)

    def load(self, network: nn.Module, folder: Path) -> None:
        load_into(network, folder)

    def save(
        self,
        folder: Path,
        tokenizer: PreTrainedTokenizerBase,
        text: nn.Module,
        unet: UNet2DConditionModel,
        scheduler: SchedulerMixin,
        vae: AutoencoderTiny,
        example: str,
    ) -> None:
        save_pipeline(folder, tokenizer, text, unet, scheduler, vae)
        write_readme(folder, example)


def named(domain: str) -> Domain:
    """The domain of a command; "" is the first one."""
    try:
        return DOMAINS.get(domain) if domain else first()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def curriculum(domain: str, size: str, work: Path, out: Path) -> Curriculum:
    chosen = named(domain)
    try:
        if not chosen.pretraining:
            raise ValueError(f"the domain {chosen.name!r} makes no models of its own")
        module, _, cls = chosen.pretraining.partition(":")
        found: Curriculum = getattr(importlib.import_module(module), cls)(size, work, out, Bench())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return found


def overrides(items: list[str] | None) -> Json:
    """['batch=512', 'lr=1e-3'] as fields, with YAML's idea of numbers."""
    import yaml

    pairs = [item.partition("=") for item in items or []]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise typer.BadParameter(f"--set {wrong[0]!r} has no value; --set batch=512 fits")
    return {name: yaml.safe_load(value) for name, _, value in pairs}


def machine(device: str) -> str:
    own = f"{platform.machine()}, {torch.get_num_threads()} thread(s)"
    return f"{torch.cuda.get_device_name() if device.startswith('cuda') else own}, torch {torch.__version__}"


def train(trainer: Trainer, name: str, every: int = 50, fresh: bool = False) -> dict:
    """Run to the end with a line every ``every`` steps; returns what the model card says about the training."""
    if not fresh and trainer.resume():
        print(f"{name}: continues at step {trainer.step}", flush=True)
    begun, spent = time.time(), 0.0
    for p in trainer.run():
        spent += p.seconds
        if p.step % every == 0:
            numbers = " ".join(f"{k}={v:.4g}" for k, v in {**p.losses, **p.log}.items())
            print(f"{name} {p.step}/{p.steps} {spent / every * 1000:.0f} ms/step {numbers}", flush=True)
            spent = 0.0
    return {
        "licence": LICENCE,
        "steps": trainer.step,
        "seconds_this_run": round(time.time() - begun),
        "machine": machine(trainer.device),
    }


def run(part: Part, asked: Asked) -> None:
    trainer = Trainer(part.method, part.trainer, part.folder, asked.device)
    if not (part.folder / "checkpoint.pt").exists():
        part.begin(trainer)
    report = part.finish(trainer, train(trainer, part.name, part.every, asked.fresh))
    if report:
        print(json.dumps(report, indent=1))


@app.command()
def oracle(
    size: SizeName = "pocket",
    steps: Steps = None,
    work: Work = WORK,
    out: Out = ASSETS,
    fresh: Fresh = False,
    device: Device = "cpu",
    set_: Override = None,
    domain: DomainName = "",
) -> None:
    """Train the oracle on the world's own samples and print its held-out accuracy for every factor."""
    asked = Asked(steps, device, overrides(set_), fresh)
    run(curriculum(domain, size, work, out).oracle(asked), asked)


@app.command()
def autoencoder(
    size: SizeName = "pocket",
    steps: Steps = None,
    work: Work = WORK,
    out: Out = ASSETS,
    fresh: Fresh = False,
    device: Device = "cpu",
    set_: Override = None,
    decoder_only: Annotated[bool, typer.Option(help="Sharpen the decoder; latents, and so teachers, stay valid")] = False,
    domain: DomainName = "",
) -> None:
    """Train the autoencoder on crops and print PSNR and oracle agreement of reconstructions.

    ``--decoder-only`` goes on from WORK/SIZE/vae with a frozen encoder; `refresh` then puts the result in every folder.
    """
    asked = Asked(steps, device, overrides(set_), fresh, decoder_only)
    run(curriculum(domain, size, work, out).autoencoder(asked), asked)


@app.command()
def schedule(size: SizeName = "pocket", work: Work = WORK, domain: DomainName = "") -> None:
    """Print κ(t) on the four-step grid: how much a noisy state says about which sample it is."""
    for line in curriculum(domain, size, work, ASSETS).schedule():
        print(line)


@app.command()
def teacher(
    size: SizeName = "pocket",
    steps: Steps = None,
    work: Work = WORK,
    out: Out = ASSETS,
    fresh: Fresh = False,
    device: Device = "cpu",
    set_: Override = None,
    minutes: Annotated[float | None, typer.Option(help="Instead of --steps: as many as fit, by a short trial first")] = None,
    without: Annotated[str, typer.Option(help="A value that it never sees, e.g. subject=cat; goes to OUT/SIZE/without-cat")] = "",
    domain: DomainName = "",
) -> None:
    """Train the many-step teacher and its text encoder; write a diffusers folder to OUT/SIZE/teacher.

    One that never saw a concept (`--without`) is the control of unlearning: what forgetting would look like at its best.
    """
    lessons, settings = curriculum(domain, size, work, out), overrides(set_)
    try:
        if minutes is not None:
            steps = fitting(lessons.teacher(Asked(1, device, settings, fresh, without=without, seed=9)).method, device, minutes)
        asked = Asked(steps, device, settings, fresh, without=without)
        part = lessons.teacher(asked)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    run(part, asked)


def read_preset(size: str, name: str) -> Json:
    """presets/distill/SIZE-NAME.yaml: objective, title, steps, method (settings), trainer (settings)."""
    import yaml

    folder = PRESETS / "distill"
    known = sorted(path.stem.removeprefix(f"{size}-") for path in folder.glob(f"{size}-*.yaml"))
    if name not in known:
        raise typer.BadParameter(f"preset {name!r} is unknown; {', '.join(known)} fit {size}")
    return yaml.safe_load((folder / f"{size}-{name}.yaml").read_text())


@app.command()
def student(
    preset: Annotated[str, typer.Argument(help="One of presets/distill/SIZE-*.yaml, e.g. dmd2")],
    size: SizeName = "pocket",
    steps: Steps = None,
    work: Work = WORK,
    out: Out = ASSETS,
    fresh: Fresh = False,
    device: Device = "cpu",
    set_: Override = None,
    without: Annotated[str, typer.Option(help="Of the teacher that never saw this value, and without it as well")] = "",
    domain: DomainName = "",
) -> None:
    """Distil OUT/SIZE/teacher into OUT/SIZE/PRESET as presets/distill/SIZE-PRESET.yaml says, with its recipe and card.

    One of a teacher that never saw a concept never sees it either; it goes to OUT/SIZE/without-CONCEPT-PRESET.
    """
    from studio.methods.distill import METHODS
    from studio.workshop.material.captions import CaptionMaterial
    from studio.workshop.projection import noise_of

    lessons, given = curriculum(domain, size, work, out), read_preset(size, preset)
    cls = METHODS.get(given["objective"])
    config = cls.Config.model_validate(given["method"] | overrides(set_))
    try:
        tokens, empty, latents, taught_by = lessons.lessons(device, without)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    folder, teacher_id, made = out / size / taught_by, f"{size}/{taught_by}", f"{taught_by}-{preset}" if without else preset
    model = open_model(folder, teacher_id, device)
    assert isinstance(model, Model)
    lines, each = TokenLines(tokens.flatten(0, 1), empty, model.line_reader().text), tokens.shape[1]
    shape = tuple(latents.shape[1:])
    material = CaptionMaterial(lines, each, lambda: latents, shape, noise_of(named(domain), shape), device)
    guide = model.trainable()
    torch.manual_seed(0)
    make: Callable[..., Method] = cls
    method = make(config, Streams(0, device), guide, material)
    settings = TrainerConfig(steps=steps or given["steps"], **given["trainer"])
    trainer = Trainer(method, settings, work / size / f"{made}-training", device)
    trained = train(trainer, f"{size} {made}", every=25, fresh=fresh)
    best = trainer.ema["student"].module
    card = {
        "what": f"{given['title']}: a student of {teacher_id}",
        **({"data": f"no prompt with {without}"} if without else {}),
        "objective": given["objective"],
        "method": config.model_dump(mode="json"),
        "trainer": given["trainer"],
        **trained,
    }
    model.save_student(out / size / made, best, method, teacher_id, card)


@app.command()
def refresh(size: SizeName = "pocket", work: Work = WORK, out: Out = ASSETS, domain: DomainName = "") -> None:
    """Put WORK/SIZE/vae into every pipeline of the size, and the teacher's new hash into every recipe."""
    decoder = curriculum(domain, size, work, out).decoder()
    vae = nn.Module.to(decoder, dtype=torch.float16, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    folders = [p.parent for p in (out / size).glob("*/model_index.json")]
    for folder in folders:
        vae.save_pretrained(folder / "vae")
        tidy(folder)
    for folder in folders:
        if (folder / "recipe.json").exists():
            recipe = Recipe.load(folder)
            recipe.model_copy(update={"teacher_hash": weights_hash(out / size / "teacher")}).save(folder)
    print(f"refreshed {', '.join(sorted(f.name for f in folders))}")


if __name__ == "__main__":
    torch.set_num_threads(int(__import__("os").environ.get("OMP_NUM_THREADS", "1")))
    app()
