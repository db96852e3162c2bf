"""Figures of models, each measured once: what is measured, and where figures are kept under all that they depend on.

Teacher, students and hybrids are measured alike: the same held-out prompts and seeds, the same number of pictures, each
sampled as its recipe (the teacher: as its listing) says. Only then may they be compared. Needs no torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio.core import compiling
from studio.core.files import Json, atomic_write, read_json
from studio.core.kept_hashes import KeptHashes
from studio.core.recipe import Recipe
from studio.jobs.paths import ASSETS, Paths
from studio.library.models import ModelEntry, Registry
from studio.sampling import plan as plans
from studio.sampling.plan import Plan

SAMPLES = 256  # pictures of each, unless somebody asks for more
MAX_SAMPLES = 4096
# What is the same for all: how figures are computed (counted up when that changes), scenes behind the prompts, pictures a
# prompt, renders that FD-oracle compares with.
HELD_OUT = {"version": 4, "prompts_seed": 424_242, "seeds_each": 8, "first_seed": 500, "renders": 1024, "renders_seed": 777_001}
SHIPPED = ASSETS / "shipped" / "figures"  # of the shipped models, under the same names: of other weights none is found
HASH_BYTES = 200 << 20  # larger models are not read while a person waits; measuring them reads them anyway
Role = Literal["teacher", "student", "hybrid"]


@dataclass(frozen=True)
class Arm:
    """A teacher, one of its students, or the two as a hybrid. The plan's models are called "teacher" and "student"."""

    role: Role
    teacher: ModelEntry
    student: ModelEntry | None
    plan: Plan

    @property
    def id(self) -> str:
        base = self.teacher.id if self.student is None else self.student.id
        return f"{base}+{self.plan.name}" if self.role == "hybrid" else base

    @property
    def title(self) -> str:
        if self.student is None:
            return self.teacher.title
        return f"Hybrid of {self.student.title}" if self.role == "hybrid" else self.student.title

    @property
    def entries(self) -> dict[str, ModelEntry]:
        """The models it draws with, by their names in the plan."""
        known = {"teacher": self.teacher} | ({"student": self.student} if self.student is not None else {})
        return {name: known[name] for name in self.plan.models}


def arms(registry: Registry, teacher_id: str) -> list[Arm]:
    """The teacher, then every student of it that can be opened, each with its hybrid (k = 1, no guidance) behind it.

    A student of one step has none: its hybrid would be the teacher alone. ValueError when there is no such teacher.
    """
    teacher = registry.get(teacher_id)
    if teacher.role != "teacher":
        raise ValueError(f"{teacher.id} is a student; a teacher is needed, and its own is {teacher.teacher}.")
    grid = teacher.timesteps(teacher.sampling.steps)
    found = [Arm("teacher", teacher, None, plans.teacher_plan("teacher", grid, teacher.sampling.rule, teacher.guidance))]
    for student in registry.entries.values():
        if student.teacher != teacher.id or not student.available or student.recipe is None:
            continue
        recipe = Recipe.model_validate(student.recipe)
        found.append(Arm("student", teacher, student, plans.student_plan("student", recipe)))
        if student.steps > 1:
            found.append(Arm("hybrid", teacher, student, plans.hybrid_plan("teacher", "student", recipe)))
    return found


def unmeasurable(teacher: ModelEntry) -> str:
    """Why nothing of this teacher can be measured, one sentence; "" when it can."""
    if not teacher.available:
        return teacher.reason
    if not teacher.has_oracle:
        return f"There is no oracle for the pictures of {teacher.title}, so nothing can be measured."
    if not teacher.oracle_here:
        return f"The oracle of {teacher.title} is not on this machine, so nothing can be measured."
    return ""


# -- figures that are kept -----------------------------------------------------------------------------------------------


def folder_hash(paths: Paths, folder: Path, limit_bytes: float = HASH_BYTES) -> str | None:
    """`weights_hash`, read once as long as the files stay what they are; None when they are larger than `limit_bytes`."""
    return KeptHashes(paths.hashes).of_folder(folder, limit_bytes)


def figures_file(paths: Paths, arm: Arm, samples: int, limit_bytes: float = HASH_BYTES) -> Path | None:
    """Where the figures of an arm are kept: a name made of weights, plan and samples. None when weights are unknown."""
    oracle = arm.teacher.oracle
    folders = {name: entry.folder for name, entry in arm.entries.items()} | ({"oracle": oracle} if oracle else {})
    hashes = {name: folder_hash(paths, folder, limit_bytes) for name, folder in folders.items()}
    if oracle is None or None in hashes.values():
        return None
    fed = {name: entry.card.get("embedded_guidance") for name, entry in arm.entries.items()}
    plan, how = arm.plan.model_dump(mode="json", exclude={"name"}), compiling.named()
    depends = {"weights": hashes, "fed": fed, "plan": plan, **HELD_OUT, **how}
    digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]
    own = hashes["student" if arm.student is not None and "student" in hashes else "teacher"]
    return paths.cache / "figures" / f"{own}-{digest}-{samples}.json"


def kept(paths: Paths, arm: Arm, samples: int) -> Json | None:
    """Figures of an arm, or None when it was not measured so: see `studio.workshop.held_out.summary`, with "nfe"; those that came
    with the program have "shipped": {"date"} besides."""
    file = figures_file(paths, arm, samples)
    if file is None:
        return None
    own = read_json(file)
    return own if own is not None else read_json(SHIPPED / file.name)


def keep(paths: Paths, arm: Arm, samples: int, figures: Mapping[str, object]) -> None:
    file = figures_file(paths, arm, samples, float("inf"))
    assert file is not None, "an arm that was drawn has weights"
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(file, json.dumps(figures, allow_nan=False))


def counts(paths: Paths, arm: Arm) -> set[int]:
    """Numbers of pictures for which figures of an arm are kept."""
    file = figures_file(paths, arm, SAMPLES)
    if file is None:
        return set()
    stem = file.name.removesuffix(f"-{SAMPLES}.json")
    found = (path.stem.rpartition("-")[2] for folder in (file.parent, SHIPPED) for path in folder.glob(f"{stem}-*.json"))
    return {int(n) for n in found if n.isdecimal()}
