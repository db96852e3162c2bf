"""The program as a package: everything is in the wheel, everything it imports is declared, and it draws where no checkout is."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

import studio
from studio.jobs.executors import hf_parcel
from studio.jobs.paths import ROOT

AWAY = """
from pathlib import Path
from studio.jobs.paths import ROOT
from studio.jobs.spec_file import read_submission
from studio.library.stock import open_jobs
from studio.ui.app import build
build(open_jobs())
print(ROOT, read_submission(Path("presets/studies/pocket-k-sweep.yaml")).kind)
"""
PARTS = ("studio", "presets", "assets")
BESIDE = ("pyproject.toml", "setup.py", "MANIFEST.in", "requirements.txt", "README.md", "LICENSE")
OWN_NAMES = {"PIL": "pillow", "yaml": "pyyaml", "huggingface_hub": "huggingface-hub"}
COMES_WITH = {"starlette": "gradio", "gradio_client": "gradio", "httpx": "huggingface-hub", "filelock": "huggingface-hub",
              "anyio": "gradio", "pydantic_core": "pydantic"}  # fmt: skip
ASKED_FOR = {"ray", "imageio", "trackio"}  # named in a sentence where they are missing


def declared() -> set[str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return {re.split(r"[<>=!~\[ ]", line)[0].lower() for line in lines if line and not line.startswith("#")}


def imported() -> Iterator[str]:
    for file in (ROOT / "studio").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                yield node.module.split(".")[0]


def test_everything_that_is_imported_is_declared() -> None:
    outside = set(imported()) - set(sys.stdlib_module_names) - {"studio"} - ASKED_FOR
    wanted = {COMES_WITH.get(name) or OWN_NAMES.get(name, name) for name in outside}
    assert wanted - declared() == set()


def test_what_comes_with_another_package_is_declared_by_it() -> None:
    for name, other in COMES_WITH.items():
        needs = {re.split(r"[<>=!~\[; (]", line)[0].replace("_", "-") for line in metadata.requires(other) or []}
        assert name.replace("_", "-") in needs, other


def test_an_installed_program_sends_the_requirements_of_its_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf_parcel, "ROOT", Path("elsewhere"))
    monkeypatch.setattr(hf_parcel.metadata, "requires", lambda name: ["torch<2.14,>=2.8", 'x; extra == "dev"'])
    assert hf_parcel._requirements() == b"torch<2.14,>=2.8\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, as building leaves a folder behind."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BESIDE:
        shutil.copy2(ROOT / name, source / name)
    alone = ["--no-build-isolation"] if find_spec("setuptools") else []  # then nothing is fetched
    pip("wheel", str(source), "--no-deps", *alone, "--wheel-dir", str(made))
    (found,) = made.glob("*.whl")
    return found


def pip(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "-q", *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_the_wheel_has_every_file_and_says_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        inside = {name: file.getinfo(name).file_size for name in file.namelist()}
        about = file.read(next(name for name in inside if name.endswith("METADATA"))).decode()
        commands = file.read(next(name for name in inside if name.endswith("entry_points.txt"))).decode()
    for part in PARTS:
        for path in (ROOT / part).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(ROOT).as_posix()
                assert inside.get(name if part == "studio" else f"studio/_data/{name}") == path.stat().st_size, name
    assert not [name for name in inside if not name.startswith(("studio/", "distillation_studio-"))]
    assert wheel.stat().st_size < 95_000_000  # PyPI takes 100 MB
    assert f"\nVersion: {studio.__version__}\n" in about
    needs = {re.split(r"[<>=!~\[ ;]", line)[0].lower() for line in re.findall(r"^Requires-Dist: (.*)$", about, re.MULTILINE)}
    assert needs == declared() - {"pytest"}
    assert {"distillation-studio = studio.ui.serve:main", "distillation-studio-cli = studio.cli.app:main"} < set(
        commands.splitlines()
    )


@pytest.mark.slow
def test_it_draws_where_no_checkout_is(wheel: Path, tmp_path: Path) -> None:
    pip("install", "--no-deps", "--target", str(tmp_path / "site"), str(wheel))
    away = tmp_path / "away"
    away.mkdir()
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "STUDIO_DATA_DIR": str(tmp_path / "data")}

    def run(*words: str) -> str:
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, cwd=away, env=env, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    words = ("a red house", "--pair", "nano/dmd2", "--seeds", "1", "--arms", "student", "--device", "cpu", "--out", "pictures")
    assert json.loads(run("studio", "compare", *words, "--json"))["state"] == "done"
    assert len(list((away / "pictures").rglob("*.png"))) == 1
    assert "--data-dir" in run("studio", "serve", "--help")
    (away / "away.py").write_text(AWAY)
    done = run("away")
    assert done.split() == [str(tmp_path / "site" / "studio" / "_data"), "study"]
