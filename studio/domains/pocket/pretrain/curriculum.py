"""How the models of Pocket World are made (`studio.core.pretraining.Curriculum`): oracle, autoencoder, teacher."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from studio.core.files import Json, read_json
from studio.core.method import Streams
from studio.core.pretraining import Asked, Bench, Part
from studio.core.trainer import Trainer, TrainerConfig
from studio.core.weights import channels_last, load_weights, save_weights
from studio.domains.pocket.captions import EXAMPLES, TEACHER_FREE_RATE, caption
from studio.domains.pocket.dataset import scene_set, scenes, to_images
from studio.domains.pocket.oracle import Oracle
from studio.domains.pocket.pretrain import assemble, measure
from studio.domains.pocket.pretrain.autoencoder import AutoencoderConfig, AutoencoderTraining
from studio.domains.pocket.pretrain.denoising import CaptionedLatents, DenoisingConfig, DenoisingTraining, TextConditioned
from studio.domains.pocket.pretrain.oracle import OracleConfig, OracleTraining, restored_set, spoilt_set
from studio.domains.pocket.pretrain.oracle_report import oracle_report, set_threshold, trial
from studio.domains.pocket.pretrain.sizes import SIZES
from studio.domains.pocket.render import subject_centre
from studio.domains.pocket.scene import FACTORS

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
    from transformers import CLIPTokenizer

SHIPPED = Path("assets")
HELD_OUT_SEED = 999_983  # scenes no training command ever draws
CAPTIONS_EACH = 8  # of every scene
GRID = (999, 899, 849, 799, 749, 699, 649, 599, 549, 499, 399, 249, 124)  # where the schedule is looked at


class Curriculum:
    def __init__(self, size: str, work: Path, out: Path, bench: Bench):
        if size not in SIZES:
            raise ValueError(f"size {size!r} is unknown; {' or '.join(SIZES)} fits")
        self.size, self.work, self.out, self.bench, self.s = size, work, out, bench, SIZES[size]

    # -- oracle ----------------------------------------------------------------------------------------------------

    def oracle(self, asked: Asked) -> Part:
        """Trained on renders and on spoilt ones, through the autoencoder too where there is one."""
        s, kept = self.s, self.work / self.size
        data = scene_set(self.work, s.n_scenes, s.pixels, seed=0)
        spoilt = spoilt_set(self.work, s.n_scenes // 2, s.pixels, seed=2)
        torch.manual_seed(asked.seed)
        network = channels_last(Oracle(s.pixels, s.oracle_width)).to(asked.device)
        through = None
        if (codec := self._vae_folder()).exists():
            vae, n = measure.load_vae(codec), s.n_scenes // 4
            through = (
                restored_set(kept / "restored-scenes.npy", vae, data.pixels, n),
                restored_set(kept / "restored-spoilt.npy", vae, spoilt.pixels, n),
            )
        settings, streams = OracleConfig.model_validate(asked.settings), Streams(asked.seed, asked.device)
        config = TrainerConfig(
            steps=asked.steps or 6000, warmup=100, decay_from=0.3, decay_to=0.02, precision="fp32", checkpoint_every=250
        )
        method = OracleTraining(settings, streams, network, data, spoilt, through)
        return Part(f"{self.size} oracle", method, config, kept / "oracle", self._finish_oracle)

    def _finish_oracle(self, trainer: Trainer, trained: Json) -> Json:
        s, best = self.s, trainer.ema["oracle"].module.cpu()
        assert isinstance(best, Oracle)
        held_out, folder = scene_set(self.work, 4000, s.pixels, seed=HELD_OUT_SEED), self._vae_folder(SHIPPED)
        restored = None
        if folder.exists():
            restored = measure.reconstruct(measure.load_vae(folder), to_images(held_out.pixels[:1000]))
        set_threshold(best, trial(held_out, s.pixels, seed=1), restored)
        report = oracle_report(best, held_out, trial(held_out, s.pixels, seed=2), restored)
        target = self.out / self.size / "oracle"
        best.save(target)
        said = {"what": f"Oracle of Pocket World at {s.pixels} px", "data": f"{s.n_scenes} renders, seed 0"}
        _write_card(target, {**said, **trained, **report})
        return report

    # -- autoencoder -----------------------------------------------------------------------------------------------

    def autoencoder(self, asked: Asked) -> Part:
        """Trained on crops. `decoder_only` goes on from the last one with a frozen encoder, so latents, and teachers, stay."""
        from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

        s, sharper = self.s, asked.decoder_only
        data = scene_set(self.work, s.n_scenes, s.pixels, seed=0)
        torch.manual_seed(asked.seed)
        vae = AutoencoderTiny(latent_channels=s.latent_channels, scaling_factor=1.0, **s.autoencoder)
        nn.Module.to(channels_last(vae), asked.device)
        if sharper:
            vae.load_state_dict(self.decoder().state_dict())
            vae.encoder.requires_grad_(False)
        fields = {"crop": s.crop, **({"lr": 5e-4} if sharper else {}), **asked.settings}
        settings, streams = AutoencoderConfig.model_validate(fields), Streams(asked.seed, asked.device)
        method = AutoencoderTraining(settings, streams, vae, data)
        config = TrainerConfig(
            steps=asked.steps or 7000, warmup=100, decay_from=0.3 if sharper else 0.5, decay_to=0.03, precision="auto"
        )
        folder = self.work / self.size / ("decoder" if sharper else "autoencoder")
        return Part(f"{self.size} autoencoder", method, config, folder, self._finish_autoencoder)

    def _finish_autoencoder(self, trainer: Trainer, trained: Json) -> Json:
        vae = cast("AutoencoderTiny", trainer.ema["vae"].module.cpu())
        folder = self.work / self.size / "vae"
        vae.save_pretrained(folder)
        held_out = scene_set(self.work, 4000, self.s.pixels, seed=HELD_OUT_SEED)
        report = measure.autoencoder_report(vae, self.out / self.size / "oracle", held_out)
        _write_card(folder, {"what": "AutoencoderTiny", "data": f"{self.s.n_scenes} renders, seed 0", **trained, **report})
        return report

    def decoder(self) -> AutoencoderTiny:
        return measure.load_vae(self.work / self.size / "vae")

    def _vae_folder(self, out: Path | None = None) -> Path:
        """WORK/SIZE/vae, or on a machine that trained none a shipped teacher's: its latents are what teachers continue on."""
        places = [self.work / self.size / "vae"]
        places += [folder / self.size / "teacher" / "vae" for folder in (out or self.out, SHIPPED)]
        return next((place for place in places if place.exists()), places[0])

    # -- teacher ---------------------------------------------------------------------------------------------------

    def teacher(self, asked: Asked) -> Part:
        """The many-step model and its text encoder. One that never saw a concept (`without`) is the control of unlearning: what
        forgetting would look like at its best."""
        s = self.s
        tokenizer, data = self._captioned(asked.device)
        name = "teacher"
        if asked.without:
            data, name = self._never_seeing(data, asked.without)
        torch.manual_seed(asked.seed)
        unet = self.bench.laid_out(assemble.build_unet(s), asked.device)
        if asked.device.startswith("cuda"):
            unet.compile()  # a network this small waits for its kernels to be launched
        network = TextConditioned(unet, assemble.build_text_encoder(s, len(tokenizer)).to(asked.device))
        settings = DenoisingConfig.model_validate({"batch": 64, **asked.settings})
        method = DenoisingTraining(settings, Streams(asked.seed, asked.device), network, assemble.process_of(s), data)
        steps, muon = asked.steps or 20000, {"precision": "auto", "optimizer": "muon", "checkpoint_every": 250}
        config = TrainerConfig.model_validate({"steps": steps, "warmup": 100, "decay_from": 0.4, "decay_to": 0.02, **muon})
        shipped = self.out / self.size / "teacher"

        def begin(trainer: Trainer) -> None:
            if not (asked.fresh or asked.without) and (shipped / "unet").exists():
                print(f"{self.size} teacher: no checkpoint, so training goes on from the weights in {shipped}")
                self.bench.load(method.network, shipped)
                trainer.ema["teacher"].module.load_state_dict(method.network.state_dict())

        def finish(trainer: Trainer, trained: Json) -> Json:
            best = cast(TextConditioned, trainer.ema["teacher"].module)
            vae, folder = measure.load_vae(self._vae_folder()), self.out / self.size / name
            self.bench.save(folder, tokenizer, best.text, best.unet, assemble.build_scheduler(s), vae, EXAMPLES[0])
            said = f"{len(data.latents)} renders, seed 0" + (f", none with {asked.without}" if asked.without else "")
            what = f"Teacher, {s.pixels} px" + (f", that never saw {asked.without}" if asked.without else "")
            like = (read_json(shipped / "card.json") or {}) if asked.without else {}
            guidance = {name: like[name] for name in ("default_guidance",) if name in like}  # as the teacher it stands beside
            _write_card(folder, {"what": what, "data": said, **guidance, **trained})
            return {}

        folder = self.work / self.size / f"{name}-training"
        return Part(f"{self.size} {name}", method, config, folder, finish, begin, every=100)

    def _captioned(self, device: str) -> tuple[CLIPTokenizer, CaptionedLatents]:
        """(tokenizer, every scene encoded once and kept in the work folder, with its captions)"""
        s, kept = self.s, self.work / self.size
        tokenizer = assemble.build_tokenizer(kept / "tokenizer")
        path = kept / "latents.safetensors"
        if not path.exists():
            vae = nn.Module.to(measure.load_vae(self._vae_folder(SHIPPED)), device)
            latents = measure.encode_all(vae, scene_set(self.work, s.n_scenes, s.pixels, seed=0))
            save_weights(path, {"latents": latents})
        drawn, rng = scenes(s.n_scenes, 0), np.random.default_rng(1)
        lines = [caption(x, rng, free_rate=TEACHER_FREE_RATE) for x in drawn for _ in range(CAPTIONS_EACH)]
        tokens = self.bench.tokens(tokenizer, lines).view(len(drawn), CAPTIONS_EACH, -1)
        boxes = torch.tensor([(x.x, subject_centre(x), x.scale) for x in drawn], dtype=torch.float32)
        latents = load_weights(path)[0]["latents"]
        return tokenizer, CaptionedLatents(latents, tokens, self.bench.tokens(tokenizer, [""])[0], boxes).to(device)

    def _never_seeing(self, data: CaptionedLatents, without: str) -> tuple[CaptionedLatents, str]:
        """(the material without the scenes that show a value such as "subject=cat", the folder's name)"""
        factor, _, value = without.partition("=")
        if factor not in FACTORS or value not in FACTORS[factor].values:
            raise ValueError(f"--without {without!r} names no value of the world; subject=cat fits")
        kept = [getattr(scene, factor) != value for scene in scenes(self.s.n_scenes, 0)]
        rows = torch.tensor(kept, device=data.latents.device)
        return CaptionedLatents(data.latents[rows], data.tokens[rows], data.empty, data.boxes[rows]), f"without-{value}"

    # -- for students ----------------------------------------------------------------------------------------------

    def lessons(self, device: str, without: str = "") -> tuple[Tensor, Tensor, Tensor, str]:
        _, data = self._captioned(device)
        name = "teacher"
        if without:
            data, name = self._never_seeing(data, without)
        return data.tokens, data.empty, data.latents, name

    def schedule(self) -> Iterator[str]:
        """κ(t): how much a noisy state says about which picture it is."""
        _, data = self._captioned("cpu")
        group = torch.tensor([hash((x.subject, x.color, x.place, x.time)) for x in scenes(self.s.n_scenes, 0)])
        x = data.latents.float()
        by_channel = [round(v, 2) for v in x.std((0, 2, 3)).tolist()]
        yield f"latents: mean {x.mean():.3f}, std {x.std():.3f}, by channel {by_channel}"
        process = assemble.process_of(self.s)
        for t in GRID:
            alpha, sigma = process.alpha_sigma(t)
            k = float(measure.kappa(data.latents, group, (alpha / sigma) ** 2))
            yield f"t {t}: alpha² {alpha**2:.4f}  noise level {sigma / alpha:.2f}  kappa {k:.2f}"


def _write_card(folder: Path, card: Json) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n")
