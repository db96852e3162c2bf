"""How checkpoints are opened: families, a folder each, whose `face.py` reads a model's folder without torch.

`FAMILIES` finds them by scanning and in `$STUDIO_FAMILIES`; `describe(folder)` says what a folder is, or why it cannot be opened,
and `open_model` opens it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.explain import brief
from studio.core.family import Checkpoint, Family, Footprints, ForeignControls, Pipelines, Residents, SmallerStudents
from studio.core.footprint import Footprint, Smaller
from studio.core.registry import Registry
from studio.core.residency import Held, Precision
from studio.families.folder import INDEX, json_object

if TYPE_CHECKING:
    import torch

    from studio.core.family import OpenModel

FAMILIES: Registry[Family] = Registry("studio.families", "family of models", variable="STUDIO_FAMILIES", module="face")


def family_of(folder: Path) -> Family | None:
    """The family that knows a folder; None where none does."""
    return next((family for family in FAMILIES.all().values() if family.knows(folder)), None)


def describe(folder: Path) -> Checkpoint:
    """What a folder is, without torch; its `reason` says why it cannot be opened."""
    try:
        family = family_of(folder)
        if family is not None:
            return family.describe(folder)
    except Exception as error:  # a family from elsewhere, or a folder nobody thought of, must not take the list with it
        return Checkpoint(reason=f"it cannot be read ({type(error).__name__}: {brief(str(error))})")
    if not folder.is_dir():
        return Checkpoint(reason="it is not there")
    if (folder / INDEX).is_file():
        return Checkpoint(reason=_strange_pipeline(folder))
    broken = "".join(f"; the family {name} cannot be used here ({why})" for name, why in FAMILIES.unavailable.items())
    return Checkpoint(reason=f"it has no model_index.json, so it is no diffusers folder, and no other family knows it{broken}")


def _strange_pipeline(folder: Path) -> str:
    """Why a diffusers folder that no family knows cannot be opened."""
    try:
        name = json_object(folder / INDEX).get("_class_name")
    except ValueError as error:
        return str(error)
    *most, last = (one for family in FAMILIES.all().values() if isinstance(family, Pipelines) for one in family.pipelines)
    return f"it is a {brief(name)}; {', '.join(most)} and {last} folders can be opened"


def footprint(folder: Path, *, rank: int | None = None, smaller: Smaller | None = None, fused: bool = False) -> Footprint:
    """What a training takes (`core.family.Footprints`), nothing of a folder that no family knows. ValueError in one sentence
    where a family does not say, or a model cannot be cut so."""
    family = family_of(folder)
    if family is None:
        return Footprint(0.0, None)
    if not isinstance(family, Footprints):
        raise ValueError(f"What a training holds in memory is not known: models of the family {family.name} do not say.")
    return family.footprint(folder, rank=rank, smaller=smaller, fused=fused)


def residency(folder: Path, precision: Precision = "float32") -> tuple[Held, ...]:
    """What a model holds in memory once it is open, by its parts; nothing where no family says it. Parts of several models that
    are the same are counted once by `core.residency.by_role`."""
    family = family_of(folder)
    return tuple(family.held(folder, precision)) if isinstance(family, Residents) else ()


def check_smaller(folder: Path, form: Smaller, name: str) -> None:
    """ValueError in one sentence, which `name` begins, where a model cannot be cut to a smaller student."""
    family = family_of(folder)
    if not isinstance(family, SmallerStudents):
        kind = "of no family that is known here" if family is None else f"of the family {family.name}"
        raise ValueError(f"{name} is {kind}, which has no smaller students; the form full would fit.")
    family.check_smaller(folder, form, name)


def control_misfit(folder: Path, control: Path) -> str:
    """Why a ControlNet of another program is of another architecture than a model, to stand behind a colon; "" where it is not.
    ValueError, to stand behind a colon too, where models of that family take none."""
    family = family_of(folder)
    if not isinstance(family, ForeignControls):
        kind = "no family knows the model" if family is None else f"models of the family {family.name} take none"
        raise ValueError(kind)
    return family.control_misfit(folder, control)


def open_model(
    folder: Path | str,
    id: str | None = None,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
    beside: Sequence[OpenModel] = (),
) -> OpenModel:
    """Open a model's folder.

    id: what plans call it (default: the folder's name). dtype: of the networks (default float32), whatever the files
    store; latents are float32 throughout. beside: open models that may share their parts. ValueError or
    FileNotFoundError in one sentence where the folder does not fit.
    """
    folder = Path(folder)
    family, reason = family_of(folder), describe(folder).reason
    if family is None:
        kind = ValueError if (folder / INDEX).is_file() else FileNotFoundError
        raise kind(f"model folder {folder.name!r} cannot be opened: {reason}")
    if reason:
        raise ValueError(f"model folder {folder.name!r} cannot be opened: {reason}")
    return family.open(folder, id or folder.name, device, dtype, beside)
