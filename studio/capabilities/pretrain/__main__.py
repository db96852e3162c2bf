"""`python -m studio.methods.pretrain PART --size SIZE`: oracle, autoencoder, teacher; each resumes where it stopped."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import numpy as np
import torch
import typer

from studio.capabilities.pretrain.fitting import fitting
from studio.core.files import Json
from studio.core.method import Streams
from studio.core.trainer import Trainer, TrainerConfig
from studio.core.weights import channels_last, load_weights, save_weights
from studio.domains.pocket.dataset import scene_set
from studio.domains.pocket.pretrain.sizes import SIZES, Size
from studio.families.stable.folders import for_training, link_equal, load_into, save_pipeline, tidy
from studio.jobs.paths import PRESETS

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

WORK = Path.home() / ".cache" / "distillation-studio"
ASSETS = Path("assets")
HELD_OUT_SEED = 999_983  # scenes no training command ever draws
CAPTIONS_EACH = 8  # of every scene, for teachers

SizeName = Annotated[str, typer.Option(help="pocket (128 px) or nano (32 px)")]
Work = Annotated[Path, typer.Option(help="Rendered scenes and checkpoints")]
Out = Annotated[Path, typer.Option(help="Where finished weights go")]
Steps = Annotated[int, typer.Option(help="Iterations in all; a larger number continues a finished run")]
Fresh = Annotated[bool, typer.Option(help="Ignore an existing checkpoint")]
Device = Annotated[str, typer.Option(help="cpu or cuda; draws, and so weights, differ between kinds of device")]
Override = Annotated[list[str] | None, typer.Option("--set", help="Override a field of the method, e.g. batch=512")]


def choose(size: str) -> Size:
    if size not in SIZES:
        raise typer.BadParameter(f"size {size!r} is unknown; pocket or nano fits")
    return SIZES[size]


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
        "steps": trainer.step,
        "seconds_this_run": round(time.time() - begun),
        "machine": machine(trainer.device),
    }


def write_card(folder: Path, card: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n")


@app.command()
def oracle(
    size: SizeName = "pocket",
    steps: Steps = 6000,
    work: Work = WORK,
    out: Out = ASSETS,
    fresh: Fresh = False,
    device: Device = "cpu",
    set_: Override = None,
) -> None:
    """Train the oracle on renders and print its held-out accuracy for every factor."""
    from studio.domains.pocket.dataset import to_images
    from studio.domains.pocket.oracle import Oracle
    from studio.domains.pocket.pretrain.measure import reconstruct
    from studio.domains.pocket.pretrain.oracle import OracleConfig, OracleTraining, restored_set, spoilt_set
    from studio.domains.pocket.pretrain.oracle_report import oracle_report, set_threshold, trial

    s = choose(size)
    data = scene_set(work, s.n_scenes, s.pixels, seed=0)
    spoilt = spoilt_set(work, s.n_scenes // 2, s.pixels, seed=2)
    torch.manual_seed(0)
    network = channels_last(Oracle(s.pixels, s.oracle_width)).to(device)
    codec, through = vae_folder(s, work, out), None
    if codec.exists():
        vae, n = load_vae(codec), s.n_scenes // 4
        kept = work / s.name
        through = (
            restored_set(kept / "restored-scenes.npy", vae, data.pixels, n),
            restored_set(kept / "restored-spoilt.npy", vae, spoilt.pixels, n),
        )
    method = OracleTraining(OracleConfig.model_validate(overrides(set_)), Streams(0, device), network, data, spoilt, through)
    config = TrainerConfig(steps=steps, warmup=100, decay_from=0.3, decay_to=0.02, precision="fp32", checkpoint_every=250)
    trainer = Trainer(method, config, work / s.name / "oracle", device)
    trained = train(trainer, f"{s.name} oracle", fresh=fresh)
    best: Any = trainer.ema["oracle"].module.cpu()
    held_out = scene_set(work, 4000, s.pixels, seed=HELD_OUT_SEED)
    restored = (
        reconstruct(load_vae(folder), to_images(held_out.pixels[:1000])) if (folder := vae_folder(s, work)).exists() else None
    )
    set_threshold(best, trial(held_out, s.pixels, seed=1), restored)
    report = oracle_report(best, held_out, trial(held_out, s.pixels, seed=2), restored)
    folder = out / s.name / "oracle"
    best.save(folder)
    write_card(
        folder,
        {
            "what": f"Oracle of Pocket World at {s.pixels} px",
            "data": f"{s.n_scenes} renders, seed 0",
            **trained,
            **report,
        },
    )
    print(json.dumps(report, indent=1))


@app.command()
def autoencoder(
    size: SizeName = "pocket",
    steps: Steps = 7000,
    work: Work = WORK,
    out: Out = ASSETS,
    fresh: Fresh = False,
    device: Device = "cpu",
    set_: Override = None,
    decoder_only: Annotated[bool, typer.Option(help="Sharpen the decoder; latents, and so teachers, stay valid")] = False,
) -> None:
    """Train the autoencoder on crops and print PSNR and oracle agreement of reconstructions.

    ``--decoder-only`` goes on from WORK/SIZE/vae with a frozen encoder; `refresh` then puts the result in every folder.
    """
    from diffusers import AutoencoderTiny

    from studio.domains.pocket.pretrain.autoencoder import AutoencoderConfig, AutoencoderTraining
    from studio.domains.pocket.pretrain.measure import autoencoder_report

    s = choose(size)
    data = scene_set(work, s.n_scenes, s.pixels, seed=0)
    torch.manual_seed(0)
    vae: Any = AutoencoderTiny(latent_channels=s.latent_channels, scaling_factor=1.0, **s.autoencoder)
    vae = channels_last(vae).to(device)
    if decoder_only:
        vae.load_state_dict(load_vae(work / s.name / "vae").state_dict())
        vae.encoder.requires_grad_(False)
    fields = {"crop": s.crop, **({"lr": 5e-4} if decoder_only else {}), **overrides(set_)}
    method = AutoencoderTraining(AutoencoderConfig.model_validate(fields), Streams(0, device), vae, data)
    config = TrainerConfig(steps=steps, warmup=100, decay_from=0.3 if decoder_only else 0.5, decay_to=0.03, precision="auto")
    trainer = Trainer(method, config, work / s.name / ("decoder" if decoder_only else "autoencoder"), device)
    trained = train(trainer, f"{s.name} autoencoder", fresh=fresh)
    vae = trainer.ema["vae"].module.cpu()
    folder = work / s.name / "vae"
    vae.save_pretrained(folder)
    report = autoencoder_report(vae, out / s.name / "oracle", scene_set(work, 4000, s.pixels, seed=HELD_OUT_SEED))
    write_card(folder, {"what": "AutoencoderTiny", "data": f"{s.n_scenes} renders, seed 0", **trained, **report})
    print(json.dumps(report, indent=1))


def load_vae(folder: Path) -> Any:
    from diffusers import AutoencoderTiny

    vae: Any = AutoencoderTiny.from_pretrained(folder)
    return channels_last(vae).eval()


def vae_folder(s: Size, work: Path, out: Path = ASSETS) -> Path:
    """WORK/SIZE/vae, or on a machine that trained none a shipped teacher's: its latents are what teachers continue on."""
    places = [work / s.name / "vae", *(folder / s.name / "teacher" / "vae" for folder in (out, ASSETS))]
    return next((place for place in places if place.exists()), places[0])


def captioned_latents(s: Size, work: Path, device: str = "cpu") -> tuple:
    """(tokenizer, CaptionedLatents): every scene encoded once and kept in ``work``, with eight captions each."""
    from studio.domains.pocket.captions import TEACHER_FREE_RATE, caption
    from studio.domains.pocket.dataset import scenes
    from studio.domains.pocket.pretrain.assemble import build_tokenizer
    from studio.domains.pocket.pretrain.denoising import CaptionedLatents
    from studio.domains.pocket.pretrain.measure import encode_all
    from studio.domains.pocket.render import subject_centre
    from studio.families.stable.lines import tokens_of

    tokenizer = build_tokenizer(work / s.name / "tokenizer")
    path = work / s.name / "latents.safetensors"
    if not path.exists():
        latents = encode_all(load_vae(vae_folder(s, work)).to(device), scene_set(work, s.n_scenes, s.pixels, seed=0))
        save_weights(path, {"latents": latents})
    drawn = scenes(s.n_scenes, 0)
    rng = np.random.default_rng(1)
    lines = [caption(x, rng, free_rate=TEACHER_FREE_RATE) for x in drawn for _ in range(CAPTIONS_EACH)]
    tokens = tokens_of(tokenizer, lines).view(len(drawn), CAPTIONS_EACH, -1)
    boxes = torch.tensor([(x.x, subject_centre(x), x.scale) for x in drawn], dtype=torch.float32)
    latents = load_weights(path)[0]["latents"]
    return tokenizer, CaptionedLatents(latents, tokens, tokens_of(tokenizer, [""])[0], boxes).to(device)


@app.command()
def schedule(size: SizeName = "pocket", work: Work = WORK) -> None:
    """Print κ(t) on the four-step grid: how much a noisy state says about which picture it is."""
    from studio.domains.pocket.dataset import scenes
    from studio.domains.pocket.pretrain.assemble import process_of
    from studio.domains.pocket.pretrain.measure import kappa

    s = choose(size)
    _, data = captioned_latents(s, work)
    group = torch.tensor([hash((x.subject, x.color, x.place, x.time)) for x in scenes(s.n_scenes, 0)])
    x = data.latents.float()
    print(f"latents: mean {x.mean():.3f}, std {x.std():.3f}, by channel {[round(v, 2) for v in x.std((0, 2, 3)).tolist()]}")
    process = process_of(s)
    for t in (999, 899, 849, 799, 749, 699, 649, 599, 549, 499, 399, 249, 124):
        alpha, sigma = process.alpha_sigma(t)
        k = float(kappa(data.latents, group, (alpha / sigma) ** 2))
        print(f"t {t}: alpha² {alpha**2:.4f}  noise level {sigma / alpha:.2f}  kappa {k:.2f}")


@app.command()
def teacher(
    size: SizeName = "pocket",
    steps: Steps = 20000,
    work: Work = WORK,
    out: Out = ASSETS,
    fresh: Fresh = False,
    device: Device = "cpu",
    set_: Override = None,
    minutes: Annotated[float | None, typer.Option(help="Instead of --steps: as many as fit, by a short trial first")] = None,
    without: Annotated[str, typer.Option(help="A value that it never sees, e.g. subject=cat; goes to OUT/SIZE/without-cat")] = "",
) -> None:
    """Train the many-step teacher and its text encoder; write a diffusers folder to OUT/SIZE/teacher.

    One that never saw a concept (`--without`) is the control of unlearning: what forgetting would look like at its best.
    """
    from studio.domains.pocket.captions import EXAMPLES
    from studio.domains.pocket.pretrain import assemble
    from studio.domains.pocket.pretrain.denoising import DenoisingConfig, DenoisingTraining, TextConditioned
    from studio.families.stable.plain_call import write_readme

    s = choose(size)
    tokenizer, data = captioned_latents(s, work, device)
    name = "teacher"
    if without:
        data, name = never_seeing(data, s, without)
    settings = DenoisingConfig.model_validate({"batch": 64, **overrides(set_)})

    def made(seed: int) -> DenoisingTraining:
        torch.manual_seed(seed)
        unet = for_training(assemble.build_unet(s), device)
        if device.startswith("cuda"):
            unet.compile()  # a network this small waits for its kernels to be launched
        network = TextConditioned(unet, assemble.build_text_encoder(s, len(tokenizer)).to(device))
        return DenoisingTraining(settings, Streams(seed, device), network, assemble.process_of(s), data)

    if minutes is not None:
        steps = fitting(made(9), device, minutes)
    method = made(0)
    config = TrainerConfig(
        steps=steps, warmup=100, decay_from=0.4, decay_to=0.02, precision="auto", optimizer="muon", checkpoint_every=250
    )
    training = work / s.name / f"{name}-training"
    trainer = Trainer(method, config, training, device)
    shipped = out / s.name / "teacher"
    if not (fresh or without) and not (training / "checkpoint.pt").exists() and (shipped / "unet").exists():
        print(f"{s.name} teacher: no checkpoint, so training goes on from the weights in {shipped}")
        load_into(method.network, shipped)
        trainer.ema["teacher"].module.load_state_dict(method.network.state_dict())
    trained = train(trainer, f"{s.name} {name}", every=100, fresh=fresh)
    best: Any = trainer.ema["teacher"].module
    folder = out / s.name / name
    vae = load_vae(vae_folder(s, work, out))
    save_pipeline(folder, tokenizer, best.text, best.unet, assemble.build_scheduler(s), vae)
    data_said = f"{len(data.latents)} renders, seed 0" + (f", none with {without}" if without else "")
    what = f"Teacher, {s.pixels} px" + (f", that never saw {without}" if without else "")
    write_card(folder, {"what": what, "data": data_said, **trained})
    write_readme(folder, EXAMPLES[0])


def never_seeing(data: Any, s: Size, without: str) -> tuple[Any, str]:
    """(the material without the scenes that show a value such as "subject=cat", the folder's name)"""
    from studio.domains.pocket.dataset import scenes
    from studio.domains.pocket.pretrain.denoising import CaptionedLatents
    from studio.domains.pocket.scene import FACTORS

    factor, _, value = without.partition("=")
    if factor not in FACTORS or value not in FACTORS[factor].values:
        raise typer.BadParameter(f"--without {without!r} names no value of the world; subject=cat fits")
    kept = torch.tensor([getattr(scene, factor) != value for scene in scenes(s.n_scenes, 0)], device=data.latents.device)
    return CaptionedLatents(data.latents[kept], data.tokens[kept], data.empty, data.boxes[kept]), f"without-{value}"


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
    steps: Annotated[int | None, typer.Option(help="Iterations; the preset's where left out")] = None,
    work: Work = WORK,
    out: Out = ASSETS,
    fresh: Fresh = False,
    device: Device = "cpu",
    set_: Override = None,
) -> None:
    """Distil OUT/SIZE/teacher into OUT/SIZE/PRESET as presets/distill/SIZE-PRESET.yaml says, with its recipe and card."""
    from diffusers import StableDiffusionPipeline

    from studio.core.denoiser import Denoiser
    from studio.core.recipe import weights_hash
    from studio.core.unet import UNetNetwork
    from studio.domains.pocket.pretrain import assemble
    from studio.families.stable.lines import TokenLines
    from studio.families.stable.student_folder import student_folder
    from studio.methods.distill import METHODS
    from studio.workshop.material.captions import CaptionMaterial

    s = choose(size)
    given = read_preset(s.name, preset)
    cls: Any = METHODS.get(given["objective"])
    config = cls.Config.model_validate(given["method"] | overrides(set_))
    folder = out / s.name / "teacher"
    pipe = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, dtype=torch.float32)
    _, data = captioned_latents(s, work, device)
    shape = tuple(data.latents.shape[1:])
    lines = TokenLines(data.tokens.flatten(0, 1), data.empty, pipe.text_encoder.to(device).eval().requires_grad_(False))
    material = CaptionMaterial(lines, CAPTIONS_EACH, lambda: data.latents, shape, device)
    guide = Denoiser(UNetNetwork(for_training(pipe.unet, device)), assemble.process_of(s), "v")
    torch.manual_seed(0)
    method = cls(config, Streams(0, device), guide, material)
    settings = TrainerConfig(steps=steps or given["steps"], **given["trainer"])
    trainer = Trainer(method, settings, work / s.name / f"{preset}-training", device)
    trained = train(trainer, f"{s.name} {preset}", every=25, fresh=fresh)
    parts = SimpleNamespace(tokenizers=[pipe.tokenizer], encoders=[pipe.text_encoder], vae=pipe.vae)
    model = SimpleNamespace(parts=parts, folder=folder, hash=weights_hash(folder), denoiser=guide)
    best: Any = trainer.ema["student"].module
    card = {
        "what": f"{given['title']}: a student of {s.name}/teacher",
        "objective": given["objective"],
        "method": config.model_dump(mode="json"),
        "trainer": given["trainer"],
        **trained,
    }
    target = out / s.name / preset
    student_folder(target, model, best.unet, method, teacher_id=f"{s.name}/teacher", card=card)
    print(f"shared with the teacher: {', '.join(link_equal(target, folder)) or 'nothing'}")


@app.command()
def refresh(size: SizeName = "pocket", work: Work = WORK, out: Out = ASSETS) -> None:
    """Put WORK/SIZE/vae into every pipeline of the size, and the teacher's new hash into every recipe."""
    from studio.core.recipe import Recipe, weights_hash

    s = choose(size)
    vae = load_vae(work / s.name / "vae").to(dtype=torch.float16, memory_format=torch.contiguous_format)
    folders = [p.parent for p in (out / s.name).glob("*/model_index.json")]
    for folder in folders:
        (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink(missing_ok=True)  # it may be a link
        vae.save_pretrained(folder / "vae")
        tidy(folder)
        if folder.name != "teacher":
            link_equal(folder, out / s.name / "teacher")
    for folder in folders:
        if (folder / "recipe.json").exists():
            recipe = Recipe.load(folder)
            recipe.model_copy(update={"teacher_hash": weights_hash(out / s.name / "teacher")}).save(folder)
    print(f"refreshed {', '.join(sorted(f.name for f in folders))}")


if __name__ == "__main__":
    torch.set_num_threads(int(__import__("os").environ.get("OMP_NUM_THREADS", "1")))
    app()
