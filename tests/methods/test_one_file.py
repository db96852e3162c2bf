"""Adding an objective is adding one file: dropped into a copy of the program, it is listed, drawn as a form, and trains."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from studio.jobs.paths import ROOT

# A made-up objective, whole: the student must call the teacher's x0 by the middle of two of its guesses.
MADE_UP = '''
"""Halfway: regress the middle of the teacher's guesses at two times."""

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Denoiser
from studio.core.material import Material
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.rng import rand, randn
from studio.core.simulate import add_noise
from studio.methods.distill import METHODS


class HalfwayConfig(MethodConfig):
    batch: int = Field(2, ge=1, le=64, description="Samples an update")
    nearness: float = Field(0.5, ge=0, le=1, description="How near the second time is to the first")
    lr: float = Field(1e-4, gt=0, le=1, description="Learning rate")
    mood: bool = Field(True, description="A switch")


@METHODS.add("halfway")
class Halfway(Method[HalfwayConfig]):
    card = Card(title="Halfway", paper="none", status="made up", good_for="a test", family="plain", how="Meet in the middle.")
    Config = HalfwayConfig

    def __init__(self, config: HalfwayConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        network = teacher.network.requires_grad_(False).eval().trainable_copy()
        self.teacher, self.material = teacher, material
        self.student = Denoiser(network, teacher.process, teacher.prediction)
        self.trained = {"student": Trained(network, config.lr, ema=0.9)}

    def batch(self):
        return self.material.conditions(self.config.batch, self.streams["data"])

    def iteration(self, batch, step: int) -> Iterator[tuple[str, Tensor]]:
        x = randn((self.config.batch, *self.material.shape), self.streams["noise"])
        t = rand((self.config.batch,), self.streams["time"], torch.float64) * self.teacher.process.t_max
        with torch.no_grad():
            first = self.teacher.x0(x, t, batch)
            second = self.teacher.x0(add_noise(self.teacher.process, first, t * self.config.nearness, x), t, batch)
        yield "student", ((self.student.x0(x, t, batch) - (first + second) / 2) ** 2).mean()

    def sampling(self) -> Sampling:
        return Sampling((999.0, 499.0), "lcm", (2,))
'''

LOOK = """
import json, sys
from studio.library.stock import open_jobs
from studio.library.models import load_registry
from studio.library.method_cards import objectives
from studio.ui.kit.schema_form import fields
jobs = open_jobs(sys.argv[1])
catalogue = objectives(jobs.paths)
entry = catalogue["distill"]["methods"]["halfway"]
form = [(f.name, f.kind, f.default) for f in fields(entry["schema"])]
print(json.dumps({"card": entry["card"], "form": form, "others": len(catalogue["distill"]["methods"]),
                  "models": sorted(load_registry(jobs.paths).entries), "unavailable": catalogue["distill"]["unavailable"]}))
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A copy of the program with one more file. The models are those of the original."""
    copy = tmp_path / "program"
    for name in ("studio", "presets"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "assets").symlink_to(ROOT / "assets", target_is_directory=True)
    (copy / "studio" / "methods" / "distill" / "halfway.py").write_text(MADE_UP)
    return copy


def run(program: Path, *command: str) -> str:
    env = {k: v for k, v in os.environ.items() if k not in ("STUDIO_OBJECTIVES", "STUDIO_KINDS", "STUDIO_DATA_DIR")}
    env |= {"PYTHONPATH": str(program), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, *command], cwd=program, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.learning
def test_one_new_file_is_listed_drawn_trained_and_its_student_is_there(program: Path, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    spec: dict[str, Any] = {
        "kind": "distill", "name": "in-the-middle", "teacher": "nano/teacher", "objective": "halfway", "steps": 2,
        "settings": {"nearness": 0.25}, "n_scenes": 16, "sample_every": 0, "measure_every": 0,
    }  # fmt: skip
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(spec))
    command = ("-m", "studio", "jobs", "run", str(tmp_path / "spec.yaml"), "--data-dir", data, "--device", "cpu", "--json")
    ran = json.loads(run(program, *command))
    assert (ran["state"], ran["result"]["student"], ran["result"]["step"]) == ("done", "mine/in-the-middle", 2)
    assert ran["result"]["losses"]["student"] > 0
    seen = json.loads(run(program, "-c", LOOK, data).splitlines()[-1])
    assert (seen["card"]["title"], seen["card"]["how"]) == ("Halfway", "Meet in the middle.")
    assert seen["others"] > 10, "the shipped objectives are still there"
    assert seen["unavailable"] == {}
    names = {name: (kind, default) for name, kind, default in seen["form"]}
    assert {name: default for name, (_, default) in names.items()} == {"batch": 2, "nearness": 0.5, "lr": 1e-4, "mood": True}
    assert len({kind for kind, _ in names.values()}) == 3, "a whole number, two numbers and a switch"
    assert "mine/in-the-middle" in seen["models"]
    card = json.loads((tmp_path / "data" / "models" / "mine" / "in-the-middle" / "card.json").read_text())
    assert (card["objective"], card["method"]) == ("halfway", "Halfway")
    assert not list((ROOT / "studio").rglob("*halfway*")), "nothing is left behind"
