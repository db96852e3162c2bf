"""Folders shaped like SD3, Flux and PixArt-α, read without torch: what they are, why one cannot be opened
(`core.family.Family`)."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.explain import brief
from studio.core.family import Checkpoint
from studio.core.files import Json, read_json
from studio.core.footprint import Footprint, Smaller
from studio.core.residency import Held, Precision, Role
from studio.families import FAMILIES
from studio.families.folder import INDEX, Remembering, check_parts, json_object, one_of, pipeline_of, pixels_a_position
from studio.families.held_parts import held_parts
from studio.families.layout import original_of
from studio.families.schedulers import PREDICTIONS
from studio.families.stable.original.header import Header, read_header
from studio.families.transformer.grid import SCHEDULER, UNREAD, Ends, flow_grid
from studio.families.transformer.kinds import KINDS, OLD_PIXART, Kind
from studio.families.transformer.original.kinds import check_part
from studio.families.transformer.original.names import names_of, shapes_here
from studio.families.transformer.smaller import smaller_config, staying
from studio.families.weight_shapes import weight_shapes
from studio.sampling.grids import leading, linspace, spaced

if TYPE_CHECKING:
    import torch

    from studio.core.family import OpenModel

MOST_GUIDANCE = 20.0  # of guidance by a null, not of the scale that a network takes as an input; a bound of this house
SOLVER = "DPMSolverMultistepScheduler"  # lays "leading" and "linspace" one point differently
POSITIONS = "pos_embed.pos_embed"  # a table in the weight files that nothing trains
# What decides which layers a transformer has, and so which adapters fit it.
SHAPE = ("in_channels", "out_channels", "patch_size", "num_layers", "num_single_layers", "attention_head_dim",
         "num_attention_heads", "joint_attention_dim", "caption_projection_dim", "pooled_projection_dim", "cross_attention_dim",
         "caption_channels", "dual_attention_layers", "qk_norm", "guidance_embeds")  # fmt: skip


class PatchTransformers(Remembering):
    name = "transformer"
    pipelines = tuple(KINDS)

    def knows(self, folder: Path) -> bool:
        return pipeline_of(folder) in self.pipelines

    def _read(self, folder: Path) -> Checkpoint:
        try:
            index = json_object(folder / INDEX)
            kind = KINDS[one_of(index.get("_class_name"), self.pipelines, "pipeline")]
            _check_parts(folder, index, kind)
            _check_words(folder, kind)
            prediction = _prediction(folder, kind)
            shape, network = _shape(folder, kind), json_object(folder / "transformer" / "config.json")
        except ValueError as error:
            return Checkpoint(reason=str(error))
        return Checkpoint(
            shape=shape,
            prediction=prediction,
            architecture=self.architecture(folder),
            embeds_guidance=bool(network.get("guidance_embeds")),
            sample_shape=(3, *(side * pixels_a_position(json_object(folder / "vae" / "config.json")) for side in shape[1:])),
            step=_patch(kind, network),
            most=_patch(kind, network) * int(network.get("pos_embed_max_size") or 0),
            guidance=kind.guidance,
            most_guidance=MOST_GUIDANCE,
            crosses=kind.crosses,
        )

    def timesteps(self, folder: Path, n: int, spacing: str | None) -> tuple[float, ...]:
        """As the folder's pipeline lays them, unless a spacing is named. A flow has "trailing" (n equal steps from pure noise
        to clean) and "linspace" (both ends of its schedule), shifted as the scheduler says."""
        return self.timesteps_at(folder, n, spacing, _shape(folder, KINDS[str(pipeline_of(folder))]))

    def timesteps_at(self, folder: Path, n: int, spacing: str | None, shape: Sequence[int]) -> tuple[float, ...]:
        kind, scheduler = KINDS[str(pipeline_of(folder))], read_json(folder / "scheduler" / "scheduler_config.json") or {}
        if not kind.flow:
            return _vp_grid(scheduler, n, spacing)
        usual: Ends = "trailing" if kind.packed > 1 else "linspace"
        if spacing not in (None, "trailing", "linspace"):
            raise ValueError(f"spacing {spacing!r} does not fit a flow; trailing or linspace would")
        ends: Ends = "trailing" if spacing == "trailing" else "linspace" if spacing == "linspace" else usual
        _, height, width = shape
        patch = _patch(kind, read_json(folder / "transformer" / "config.json") or {})
        return flow_grid(scheduler, n, (height // patch) * (width // patch), ends)

    def architecture(self, folder: Path) -> str:
        """12 hexadecimal digits over what decides which layers the transformer has; "" where it has none."""
        config, kind = read_json(folder / "transformer" / "config.json"), KINDS.get(str(pipeline_of(folder)))
        if config is None or kind is None:
            return ""
        # newer versions write what older ones leave out because it is empty
        shape = {"network": kind.network, **{name: config.get(name) or None for name in SHAPE}}
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:12]

    def footprint(self, folder: Path, *, rank: int | None, smaller: Smaller | None, fused: bool) -> Footprint:
        """Numbers that are trained; what the backward pass keeps is not counted."""
        shapes = _shapes(folder)
        if smaller is not None:
            config = json_object(folder / "transformer" / "config.json")
            smaller_config(config, smaller, folder.name)  # refuses what does not fit
            shapes = {name: shape for name, shape in shapes.items() if staying(config, name) is not None}
        if rank is not None:  # two thin matrices a layer of the blocks, as `network.PatchTransformer.adaptable` has them all
            worn = [s for name, s in shapes.items() if "transformer_blocks." in name and name.endswith(".weight") and len(s) == 2]
            return Footprint(float(sum(rank * sum(s) for s in worn)), None)
        return Footprint(float(sum(math.prod(s) for name, s in shapes.items() if name != POSITIONS)), None)

    def check_smaller(self, folder: Path, form: Smaller, name: str) -> None:
        smaller_config(json_object(folder / "transformer" / "config.json"), form, name)

    def held(self, folder: Path, precision: Precision) -> list[Held]:
        present = KINDS[str(pipeline_of(folder))].present(read_json(folder / INDEX) or {})
        parts: dict[str, Role] = {"transformer": "network", "vae": "vae"}
        parts |= {part: "encoders" for part in present if part.startswith("text_encoder")}
        return held_parts(folder, parts, precision, _numbers)

    def open(
        self, folder: Path, id: str, device: str, dtype: torch.dtype | None = None, beside: Sequence[OpenModel] = ()
    ) -> OpenModel:
        from studio.families.transformer.opening import open_transformer

        kind = KINDS[str(pipeline_of(folder))]
        shape, prediction = _shape(folder, kind), _prediction(folder, kind)
        return open_transformer(folder, id, kind, device=device, dtype=dtype, shape=shape, prediction=prediction, beside=beside)


def _check_parts(folder: Path, index: Json, kind: Kind) -> None:
    """`check_parts`, where the original layout has names for the network's weights."""
    headers: dict[Path, Header] = {}

    def original(file: Path, part: str, config: Json) -> None:
        headers[file] = headers.get(file) or read_header(file)
        check_part(headers[file], part, config)

    check_parts(folder, index, kind.present(index), original if kind.flow else None)


def _shapes(folder: Path) -> dict[str, list[int]]:
    """Of the transformer's weights under the names of diffusers, from the headers of its files."""
    file = original_of(folder / "transformer")
    if file is None:
        return weight_shapes(folder / "transformer")
    try:
        return shapes_here(read_json(folder / "transformer" / "config.json") or {}, read_header(file).shapes)
    except (OSError, ValueError, KeyError):
        return {}


def _numbers(file: Path, part: str, config: Json) -> int:
    """Weights of a part in a file of the original layout; 0 where it cannot be read."""
    try:
        there = read_header(file).shapes
        return sum(math.prod(there[name]) for name in names_of(part, config, there) & there.keys())
    except (OSError, ValueError):
        return 0


def _check_words(folder: Path, kind: Kind) -> None:
    """ValueError where a tokenizer has no file that can be read here."""
    for part in kind.parts:
        words = folder / part
        if part.startswith("tokenizer") and (words / "spiece.model").is_file() and not (words / "tokenizer.json").is_file():
            missing = [name for name in ("sentencepiece", "google.protobuf") if not _there(name)]
            if missing:
                raise ValueError(
                    f"its {part} has spiece.model alone, and {' and '.join(missing)}, which read it, are not installed; "
                    "tokenizer.json would fit"
                )


def _there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it
        return False


def _prediction(folder: Path, kind: Kind) -> str:
    """What the network predicts. ValueError where the scheduler is none that can be followed."""
    scheduler = json_object(folder / "scheduler" / "scheduler_config.json")
    if not kind.flow:
        return PREDICTIONS[one_of(scheduler.get("prediction_type", "epsilon"), PREDICTIONS, "prediction_type")]
    one_of(scheduler.get("_class_name"), (SCHEDULER,), "scheduler")
    for setting in UNREAD:
        if scheduler.get(setting):
            raise ValueError(f"its scheduler has {setting}, whose timesteps are not known here; one without it would fit")
    return "flow"


def _shape(folder: Path, kind: Kind) -> tuple[int, int, int]:
    """Of one latent sample: the network's own size, or what the autoencoder was trained on where it has none (Flux).
    ValueError where the network does not take the autoencoder's latents."""
    network, vae = json_object(folder / "transformer" / "config.json"), json_object(folder / "vae" / "config.json")
    if network.get("_class_name") == OLD_PIXART:
        one_of(network.get("norm_type"), ("ada_norm_single",), "transformer's norm_type")
    channels = _latent_channels(network, vae, kind)
    side = network.get("sample_size") if kind.packed == 1 else _side(vae)
    if not isinstance(side, int):
        raise ValueError(f"it has no plain sample_size but {brief(side)}; a whole number would fit")
    patch = _patch(kind, network)
    if side % patch:
        raise ValueError(f"its latents have sides of {side}, which patches of {patch} do not fill; a multiple would fit")
    return channels, side, side


def _patch(kind: Kind, network: Json) -> int:
    """Latent positions of a side of one token."""
    return max(kind.packed, int(network.get("patch_size") or 1))


def _latent_channels(network: Json, vae: Json, kind: Kind) -> int:
    channels, taken, said = vae.get("latent_channels", 4), network.get("in_channels"), network.get("out_channels")
    if not isinstance(channels, int) or not isinstance(taken, int):
        raise ValueError(f"its transformer has in_channels {brief(taken)} and its vae {brief(channels)}; whole numbers fit")
    whole = channels * kind.packed**2
    if taken != whole:
        raise ValueError(
            f"its transformer reads {taken} channels and {whole} are the noise's; a model that reads noise and text alone would "
            "fit, none for inpainting, filling or control"
        )
    fits = (whole, None) if kind.flow else (whole, 2 * whole, None)
    if said not in fits:
        raise ValueError(f"its transformer gives {brief(said)} channels; {' or '.join(str(n) for n in fits if n)} would fit")
    return channels


def _side(vae: Json) -> int | None:
    """Positions of a side of the latents of the pictures that an autoencoder was trained on."""
    size, blocks = vae.get("sample_size"), vae.get("block_out_channels") or vae.get("encoder_block_out_channels")
    if not isinstance(size, int) or not isinstance(blocks, list):
        return None
    return size // 2 ** (len(blocks) - 1)


def _vp_grid(scheduler: Json, n: int, spacing: str | None) -> tuple[float, ...]:
    train, offset = int(scheduler.get("num_train_timesteps", 1000)), int(scheduler.get("steps_offset", 0))
    solver = scheduler.get("_class_name") == SOLVER
    own = scheduler.get("timestep_spacing", "linspace" if solver else "leading")
    if spacing is None and solver and own in ("leading", "linspace"):
        return leading(n, train, offset, solver=True) if own == "leading" else linspace(n, train, solver=True)
    return spaced(spacing or str(own), n, train, offset)


FAMILIES.add("transformer")(PatchTransformers())
