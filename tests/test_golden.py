"""What must stay as it is while the code is arranged anew: names, schemas, plans, places of kept figures, samples, checkpoints.

Compared with `tests/golden/*.json`; what is long is held as a digest. A change that is meant is written down with
`STUDIO_GOLDEN=write python -m pytest tests/test_golden.py` and shows in the diff.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.capabilities.lab.request import StudyRequest, study_of
from studio.capabilities.leaderboard import kept_figures
from studio.core.domain import told
from studio.core.method import Streams
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains import domain_of
from studio.families import open_model
from studio.jobs.events import EventLog
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths, open_paths
from studio.library import catalogue
from studio.library.draw_request import CompareRequest, plans_for
from studio.library.models import Registry, load_registry
from studio.library.stock import open_jobs
from studio.methods.distill import METHODS
from studio.sampling.loop import finished, sample
from studio.sampling.plan import Plan
from studio.sampling.prompts import encode_plans
from studio.workshop.sample_cache import Cells
from studio.workshop.training.describe import _read_classes
from tests.support.tiny_world import Blobs, teacher

GOLDEN = Path(__file__).parent / "golden"
DRAWN = {"prompt": "a red house at night", "pair": "nano/dmd2", "seeds": "0-3", "teacher_steps": 8}
REQUESTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "all arms": {"arms": ["teacher-unguided", "hybrid-2", "hybrid-4", "student-first", "mask-BSSB", "mask-S-SS"]},
    "remedies": {"arms": ["student", "cads", "particles", "prompt-noise", "blend", "more-re-noise", "guided-hybrid",
                          "guidance-interval"]},
    "otherwise": {"pair": "pocket/lcm", "teacher_guidance": 2, "base_guidance": 3, "rho": 0.5, "student_steps": 2,
                  "off_recipe": True, "adapters": "pocket/size=1.5@first", "hints": ["pocket/layout#7"]},
}  # fmt: skip
STUDIES = ["k-sweep", "position-sweep", "handover", "masks", "base-guidance", "commitment", "fork", "arena", "transfer"]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return open_paths(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def registry(paths: Paths) -> Registry:
    return load_registry(paths)


def same(name: str, found: Any) -> None:
    """Compare with what is written down, or write it down."""
    file, plain = GOLDEN / f"{name}.json", json.loads(json.dumps(found))
    if os.environ.get("STUDIO_GOLDEN") == "write":
        file.write_text(json.dumps(plain, indent=1, sort_keys=True) + "\n")
    assert plain == json.loads(file.read_text())


def digest(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def spoken(script: str) -> str:
    """A script without the lines that are comments."""
    return "\n".join(line for line in script.splitlines() if not line.lstrip().startswith(("//", "/**", "*")))


def digests(values: dict[str, Any]) -> dict[str, str]:
    return {name: digest(value) for name, value in values.items()}


def test_kinds_of_jobs_and_the_schemas_of_their_requests() -> None:
    kinds = {kind.name: kind for kind in KINDS.all() if kind.config.__module__.startswith("studio.")}
    schemas = {name: kind.config.model_json_schema() for name, kind in kinds.items()}
    same("kinds", {
        name: {"title": kind.title, "lane": kind.lane, "resumable": kind.resumable,
               "fields": digests(schemas[name]["properties"]), "$defs": digests(schemas[name].get("$defs", {})),
               "schema": digest(schemas[name])}
        for name, kind in kinds.items()
    })  # fmt: skip


def test_what_forms_are_drawn_from(registry: Registry) -> None:
    built = catalogue.build(registry, "")
    built["kinds"] = {name: kind for name, kind in built["kinds"].items() if name != "sleepy"}
    same("catalogue", {**digests(built), "models": digests({model["id"]: model for model in built["models"]})})


def plainly(methods: dict[str, Any]) -> dict[str, Any]:
    """Card and schema alone."""
    return {name: {"card": entry["card"], "schema": entry["schema"]} for name, entry in methods.items()}


def test_objectives_methods_of_sliders_and_the_trainer() -> None:
    built, plain = _read_classes(""), ("title", "low", "high", "unit", "factors", "words")
    attributes = {name: {field: getattr(a, field) for field in plain} for name, a in domain_of("pocket").attributes.items()}
    same("objectives", {
        "trainer": digest(built["trainer"]), "attributes": digests(attributes),
        "sliders": digests(plainly(built["sliders"]["methods"])),
        "objectives": digests({name: entry for name, entry in plainly(built["distill"]["methods"]).items() if name != "toy"}),
    })  # fmt: skip


def test_requests_give_the_same_plans_and_cells(paths: Paths, registry: Registry) -> None:
    known, context = {}, {"registry": registry, "home": paths}
    for name, more in REQUESTS.items():
        request = CompareRequest.model_validate({**DRAWN, **more}, context=context)
        known[name] = {"request": digest(request.model_dump(mode="json")), "cost": {}, "cells": {}}
        for plan in plans_for(request, registry):
            known[name]["cost"][plan.name] = plan.nfe
            known[name]["cells"][plan.name] = Cells(paths.cache).name(plan, request.prompt, dict.fromkeys(plan.models, "0" * 12))
    same("plans", known)


def test_studies_draw_the_same_arms(paths: Paths, registry: Registry) -> None:
    known = {}
    for name in STUDIES:
        given = {"study": name, "pair": "nano/dmd2", "seeds": 32, **({"teacher_steps": 10} if name == "transfer" else {})}
        request = StudyRequest.model_validate(given, context={"registry": registry, "home": paths})
        study = study_of(request, registry, paths)
        cells = Cells(paths.cache)
        known[name] = {
            "request": digest(request.model_dump(mode="json")), "steps": study.steps,
            "arms": {plan.name: cells.name(plan, "", {}) for plan in study.plans()},
            "control": {plan.name: cells.name(plan, "", {}) for plan in study.control()},
        }  # fmt: skip
    same("studies", known)


def test_figures_are_kept_in_the_same_places(paths: Paths, registry: Registry) -> None:
    arms = [*kept_figures.arms(registry, "nano/teacher"), *kept_figures.arms(registry, "pocket/teacher")]
    same("figures", {arm.id: str(kept_figures.figures_file(paths, arm, 256).relative_to(paths.root)) for arm in arms})


def test_the_page_has_the_same_addresses_names_and_look(tmp_path: Path) -> None:
    from studio.ui.app import build, css
    from studio.ui.kit import scripts

    def called(script: str | None) -> str:
        return (script or "").replace(scripts.version(), "…")  # the version is every script's digest, which stand below

    page = build(open_jobs(tmp_path / "data")).config
    ids = [part["props"].get("elem_id") for part in page["components"]]
    parts = {part["props"].get("elem_id"): part["props"] for part in page["components"] if part["type"] == "html"}
    html = {name: [digest(spoken(props.get("html_template") or "")), called(props.get("js_on_load"))]
            for name, props in parts.items() if name}  # fmt: skip
    same("page", {
        "api": sorted(call["api_name"] for call in page["dependencies"] if call["api_visibility"] == "public"),
        "ids": sorted({name for name in ids if name}), "html": html,
        "css": digest(css()), "scripts": digests({name: spoken(text) for name, text in scripts.scripts().items()}),
    })  # fmt: skip


def test_shipped_models_draw_the_same_samples(registry: Registry) -> None:
    """Four by four means of every channel: close on any processor, and far apart for another plan, prompt or seed."""
    request = CompareRequest.model_validate({**DRAWN, "arms": ["teacher", "student", "hybrid-1"]})
    models = {name: open_model(registry.get(name).folder) for name in ("nano/teacher", "nano/dmd2")}
    plans = plans_for(request, registry)
    cond = encode_plans(plans, models, told([request.prompt]))
    drawn = {}
    for plan in plans:
        image = models["nano/teacher"].decode(draw(plan, models, cond))
        drawn[plan.name] = torch.nn.functional.adaptive_avg_pool2d(image, 4).flatten().tolist()
    file = GOLDEN / "samples.json"
    if os.environ.get("STUDIO_GOLDEN") == "write":
        file.write_text(json.dumps({name: [round(v, 3) for v in values] for name, values in drawn.items()}) + "\n")
    known = json.loads(file.read_text())
    assert drawn.keys() == known.keys()
    for name, values in drawn.items():
        assert values == pytest.approx(known[name], abs=0.004), name


def draw(plan: Plan, models: dict[str, Any], cond: Any) -> torch.Tensor:
    return finished(sample(plan, models, cond, [0, 1], models["nano/teacher"].shape))


def test_checkpoints_are_built_alike() -> None:
    """Names, shapes and kinds of everything a checkpoint of each objective holds."""

    def tree(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name): tree(part) for name, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [tree(part) for part in value]
        return [str(value.dtype), *value.shape] if isinstance(value, torch.Tensor) else type(value).__name__

    small = {"pool": 16, "pairs": 16, "pool_steps": 2, "pair_steps": 2, "start": 2, "forget": "left"}
    built = {}
    for name, cls in METHODS.all().items():
        if name == "toy":
            continue
        config = cls.Config(batch=8, **{k: v for k, v in small.items() if k in cls.Config.model_fields})
        trainer = Trainer(cls(config, Streams(3), teacher(), Blobs()), TrainerConfig(steps=4, warmup=2, checkpoint_every=100))
        list(trainer.run())
        state = trainer.state_dict()
        built[name] = {"keys": sorted(state), "digest": digest(tree(state))}
    same("checkpoints", built)


def test_run_directories_are_laid_out_alike(tmp_path: Path) -> None:
    jobs = open_jobs(tmp_path / "data")
    folder = jobs.paths.run(jobs.submit("compare", DRAWN))
    with EventLog(folder / "events.jsonl") as log:
        log.write("state", state="loading", note="x")
    spec = json.loads((folder / "spec.json").read_text())
    assert re.fullmatch(r"[0-9]{8}-[0-9]{6}-[0-9]{3}-[a-z2-7]{6}", spec["id"])
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    same("run", {
        "files": sorted(path.name for path in folder.iterdir()), "spec": {**spec, "id": "", "created": 0},
        "events": [{**event, "time": 0} for event in events],
        "data": sorted(path.name for path in jobs.paths.root.iterdir()),
    })  # fmt: skip
