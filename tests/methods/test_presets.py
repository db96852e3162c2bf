"""Every preset names an objective that exists, with settings it accepts."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from studio.core.trainer import TrainerConfig
from studio.jobs.paths import ROOT
from studio.library.models import load_registry
from studio.methods.distill import METHODS

FILES = sorted((ROOT / "presets" / "distill").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_preset_fits_its_objective(path: Path) -> None:
    preset = yaml.safe_load(path.read_text())
    assert set(preset) - {"start"} == {"objective", "title", "steps", "method", "trainer"}
    needs_start = METHODS.get(preset["objective"]).Config.model_json_schema().get("needs_start", False)
    assert needs_start == ("start" in preset)
    if needs_start:
        start = load_registry().get(preset["start"])
        assert (start.role, start.teacher) == ("student", f"{path.stem.split('-')[0]}/teacher")
    METHODS.get(preset["objective"]).Config.model_validate(preset["method"])
    TrainerConfig(steps=preset["steps"], **preset["trainer"])


def test_every_objective_has_a_preset_for_every_size() -> None:
    used = {(path.stem.split("-")[0], yaml.safe_load(path.read_text())["objective"]) for path in FILES}
    ours = [name for name, cls in METHODS.all().items() if cls.__module__.startswith("studio.")]
    assert used == {(size, name) for size in ("nano", "pocket") for name in ours}
