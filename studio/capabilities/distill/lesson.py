"""A teacher opened for teaching: its denoiser, the material, and how pictures are drawn and students saved.

What differs between kinds of data is here and in `studio.workshop.material.captions`; `distillation` does not know it. Imports
torch inside functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from studio.core.domain import Domain, Oracle, Said
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.paths import Paths
from studio.library.models import ModelEntry
from studio.workshop.tools import Tools

if TYPE_CHECKING:
    from torch import Tensor, nn

    from studio.capabilities.distill.request import DistillRequest
    from studio.core.denoiser import Cond, Denoiser
    from studio.core.material import Material
    from studio.core.method import Method

Say = Callable[[int, int], None]  # (done, total)
TEACHER_STEPS = 25
LESSONS: dict[str, Callable[[ModelEntry, DistillRequest, Bench, Say], Lesson]] = {}  # by domain: models that no family opens


class Bench(Protocol):
    """What a lesson asks of a run."""

    tools: Tools
    home: Paths


@dataclass
class Lesson:
    """encode, null, decode: of the teacher (`core.family.OpenModel`). save(folder, network, method, card) writes the student.
    `oracle` measures samples, where there is one; `hash` is that of the teacher's weights."""

    teacher: Denoiser
    material: Material
    hash: str
    encode: Callable[[Sequence[Said]], Cond]
    null: Callable[[Cond], Cond]
    decode: Callable[[Tensor, Cond], Tensor]
    save: Callable[[Path, nn.Module, Method, Json], None]
    said: tuple[Said, ...]
    domain: Domain
    oracle: Oracle | None = None


def open_lesson(entry: ModelEntry, request: DistillRequest, run: Bench, say: Say) -> Lesson:
    """Open a teacher. ValueError in one sentence when nothing can be taught from models of its kind.

    The world's own samples and captions are the material; its oracle measures.
    """
    if entry.domain in LESSONS:
        return LESSONS[entry.domain](entry, request, run, say)
    from studio.workshop.material import captions as teaching

    domain = domain_of(entry.domain)
    if not domain.has_world:
        raise ValueError(f"Models of the domain {entry.domain} cannot be taught from yet; those of a known world can.")
    model, start = run.tools.models.whole(entry), opened_start(request, run)
    oracle = run.tools.models.oracle(entry) if entry.oracle_here else None
    folder = run.home.material(entry.id, model.hash)
    material = teaching.world_material(model, domain, folder, seed=0, n_items=request.n_scenes, say=say, oracle=oracle)

    def save(target: Path, network: nn.Module, method: Method, card: Json) -> None:
        card = {**card, **request.model_dump(mode="json", include={"form", "start"}, exclude_none=True)}
        if request.form == "smaller":
            card |= request.model_dump(mode="json", include={"leave_out", "width"})
        if request.adapter_rank is not None:
            card["rank"] = request.adapter_rank
        model.save_student(target, network, method, entry.id, card)

    return Lesson(
        teacher=model.trainable(request.adapter_rank, start, request.smaller),
        material=material,
        hash=model.hash,
        encode=model.encode,
        null=model.null,
        decode=model.decode,
        save=save,
        said=tuple(domain.read(text) for text in domain.defaults.examples[:4]),
        domain=domain,
        oracle=oracle,
    )


def opened_start(request: DistillRequest, run: Bench) -> OpenModel | None:
    """The student that the run begins with, opened, where the request names one."""
    if request.start is None:
        return None
    entry = run.tools.registry.get(request.start)
    if not entry.available:  # it may have gone since the request was made
        raise ValueError(entry.reason)
    return run.tools.models.whole(entry)
