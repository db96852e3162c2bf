"""A world of signals of different lengths, put in by a folder alone (`tests/support/signals`), through everything that draws.

Every run is the command line in a process of its own, which knows the folder by `$STUDIO_DOMAINS` and `$STUDIO_FAMILIES` alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.learning

FACES = {"STUDIO_DOMAINS": "tests.support.signals.face", "STUDIO_FAMILIES": "tests.support.signals.family"}
OFFLINE = {"HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False", "OMP_NUM_THREADS": "1"}


class Desk:
    """A data folder whose models draw signals, and the command line over it."""

    def __init__(self, data: Path):
        self.data = data

    def studio(self, *words: str, fails: bool = False) -> str:
        command = [sys.executable, "-m", "studio", *words, "--data-dir", str(self.data)]
        done = subprocess.run(command, env={**os.environ, **FACES, **OFFLINE}, capture_output=True, text=True, timeout=300)
        assert (done.returncode != 0) == fails, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stderr if fails else done.stdout

    def job(self, **spec: Any) -> tuple[Path, dict[str, Any]]:
        """A run of any kind from a file: (its folder, its result)."""
        file = self.data / f"{spec['kind']}-{len(list(self.data.glob('*.json')))}.json"
        file.write_text(json.dumps(spec))
        return self.run("jobs", "run", str(file))

    def run(self, *words: str) -> tuple[Path, dict[str, Any]]:
        before = set((self.data / "runs").iterdir())
        self.studio(*words)
        (folder,) = set((self.data / "runs").iterdir()) - before
        return folder, json.loads((folder / "result.json").read_text())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    data = tmp_path_factory.mktemp("signals")
    (data / "models").mkdir()
    make = (
        "import sys, torch\nfrom pathlib import Path\nfrom tests.support.signals.model import taught, write\n"
        "torch.set_num_threads(1)\nfolder = Path(sys.argv[1])\n"
        "write(folder / 'teacher', taught(), {'title': 'Signals', 'default_guidance': 1.0})\n"
        "(folder / 'oracle').mkdir()\n(folder / 'oracle' / 'oracle.json').write_text('{}')\n"
    )
    subprocess.run([sys.executable, "-c", make, str(data)], env={**os.environ, **OFFLINE}, check=True, timeout=300)
    entry = {"id": "signals/teacher", "title": "Signals", "role": "teacher", "domain": "signals", "size": 32}
    entry |= {"folder": str(data / "teacher"), "oracle": str(data / "oracle"), "sampling": {"steps": 12, "guidance": 1}}
    (data / "models" / "teacher.yaml").write_text(json.dumps(entry))
    made = Desk(data)
    (data / "runs").mkdir(exist_ok=True)
    folder, result = made.job(
        kind="distill", objective="dmd2", teacher="signals/teacher", name="student", steps=60, n_scenes=400, sample_every=30,
        measure_every=60, measure_samples=32, settings={"timesteps": [999, 749, 499, 249], "batch": 16, "gan": 0.0, "pool": 64,
                                                        "pool_steps": 4}, trainer={"checkpoint_every": 30},
    )  # fmt: skip
    made.taught, made.lesson = folder, result  # type: ignore[attr-defined]
    made.student = result["student"]  # type: ignore[attr-defined]
    return made


def signals(folder: Path, images: list[dict[str, Any]]) -> list[list[float]]:
    found = []
    for image in images:
        (file,) = image["files"]
        assert (folder / image["path"]).is_file() and file.endswith(".signal.json")
        found.append(json.loads((folder / file).read_text())["samples"])
    return found


def test_a_student_is_taught_and_measured(desk: Any) -> None:
    assert (desk.taught / "measures.json").is_file() and list((desk.taught / "artifacts" / "strips").rglob("*.jpg"))
    rows = json.loads((desk.taught / "measures.json").read_text())
    assert rows["teacher"]["accuracy"]["value"] > 0.7, rows["teacher"]


def test_compare_draws_signals_as_long_as_was_asked(desk: Any) -> None:
    folder, result = desk.run("compare", "a low sine", "--pair", desk.student, "--seeds", "4", "--given", "length=20",
                                  "--arms", "teacher,student,hybrid-1")  # fmt: skip
    arms = {row["arm"]: row for row in result["arms"]}
    for row in arms.values():
        assert [len(one) for one in signals(folder, row["images"])] == [20] * 4
    assert arms["teacher"]["measures"]["accuracy"]["value"] >= 0.75
    assert result["request"]["given"] == {"length": 20}
    whole, again = desk.run("compare", "a low sine", "--pair", desk.student, "--seeds", "2", "--arms", "student")
    assert [len(one) for one in signals(whole, again["arms"][0]["images"])] == [32, 32] and "given" not in again["request"]
    said = desk.studio("compare", "a sine", "--pair", desk.student, "--given", "length=90", fails=True)
    assert "32" in said and "length" in said.lower()
    assert "length" in desk.studio("compare", "a sine", "--pair", desk.student, "--given", "lenght=9", fails=True)


def test_scrub_replays_and_branches(desk: Any) -> None:
    draw = {"prompt": "a high saw", "pair": desk.student, "seeds": [1, 2], "arms": ["student"], "given": {"length": 15}}
    folder, _ = desk.job(kind="scrub", draw=draw, states=True)
    assert list((folder / "artifacts" / "student").glob("noisy-*.jpg"))
    again, result = desk.job(kind="scrub", source=folder.name, branches=[{"arm": "student", "step": 1}])
    branch, own = result["rows"][-1]["arm"], "student"
    last = sorted((again / "artifacts" / own).glob("step-*.jpg"))[-1]
    assert (again / "artifacts" / branch / last.name).read_bytes() == last.read_bytes()  # the same states, the same noise


def test_a_study_reads_signals(desk: Any) -> None:
    _, result = desk.job(kind="study", study="k-sweep", pair=desk.student, prompts=["a sine", "a high saw"], seeds=6,
                         teacher_steps=6, control=1, given={"length": 24}, settings={"references": [6]})  # fmt: skip
    assert result["control"]["exact"] and not result["control"]["fired"]
    assert result["sweep"]["points"][0]["accuracy"]["value"] > 0.5


def test_a_slider_moves_loudness(desk: Any) -> None:
    folder, result = desk.job(
        kind="slider", name="loudness", base="signals/teacher", method="pairs", attribute="loudness", steps=150, n_scenes=64,
        measure_seeds=8, settings={"batch": 16, "layers": "everything", "lr": 0.01},
    )  # fmt: skip
    assert result["calibration"]["reached"], result["calibration"]  # half of what loud and quiet differ by
    assert list((folder / "artifacts" / "strips").rglob("*.jpg"))
    on = f"{result['adapter']}=1@teacher"
    worn, drawn = desk.run("compare", "a sine", "--pair", desk.student, "--seeds", "3", "--arms", "teacher", "--adapter", on)
    assert list(drawn["adapters"]) == [result["adapter"]] and len(signals(worn, drawn["arms"][0]["images"])) == 3
