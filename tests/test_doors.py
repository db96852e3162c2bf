"""What platforms read of the repository: a Space's front matter, `demo`, the files beside the program."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import studio
from studio.jobs.paths import ROOT

PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PYTHONS = SpecifierSet(re.findall(r'^requires-python = "(.*)"$', PROJECT, re.MULTILINE)[0])


def needed(name: str) -> Requirement:
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines())
    return next(found for found in map(Requirement, filter(None, lines)) if found.name == name)


def test_a_space_finds_what_it_needs_in_the_readme() -> None:
    begin, head, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    space = yaml.safe_load(head)
    assert begin == ""
    assert (space["sdk"], space["license"]) == ("gradio", "apache-2.0")
    assert (ROOT / space["app_file"]).is_file()
    assert needed("gradio").specifier.contains(space["sdk_version"])
    assert PYTHONS.contains(space["python_version"] + ".0")
    assert len(space["short_description"]) <= 60  # more is refused by the Hub
    assert space["suggested_hardware"] == "cpu-basic"
    assert space["tags"]


def test_what_is_installed_here_lies_in_the_ranges() -> None:
    for name in ("torch", "gradio", "diffusers", "transformers", "peft", "numpy", "pydantic", "typer", "huggingface-hub"):
        assert needed(name).specifier.contains(metadata.version(name).partition("+")[0]), name


def test_importing_app_starts_nothing_and_demo_is_the_page(tmp_path) -> None:  # type: ignore[no-untyped-def]
    code = """
import sys, app
assert not {"gradio", "torch"} & set(sys.modules)
from gradio import Blocks
assert isinstance(app.demo, Blocks) and app.demo is app.demo and not app.demo.is_running
assert "torch" not in sys.modules
try:
    app.nothing
except AttributeError:
    print("fine")
"""
    env = {"STUDIO_DATA_DIR": str(tmp_path), "PATH": "", "GRADIO_ANALYTICS_ENABLED": "False"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert done.stdout == "fine\n", done.stderr[-2000:]


def test_the_version_is_the_same_wherever_it_stands() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == studio.__version__
    assert f"## {studio.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_workflow_has_every_python_and_calls_what_must_pass() -> None:
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"].values()
    pythons = job["strategy"]["matrix"]["python"]
    assert [f"3.{minor}" for minor in range(8, 20) if PYTHONS.contains(f"3.{minor}.0")] == pythons
    assert job["steps"][-1]["run"].endswith("bash .ci/run")


@pytest.mark.parametrize("name", [".pre-commit-config.yaml", "CONTRIBUTING.md", "Dockerfile"])
def test_files_that_contributors_look_for_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for path in re.findall(r"\]\((docs/[\w.-]+)\)", text):
        assert (ROOT / path).is_file(), path


def test_pages_and_pictures_that_the_documentation_names_are_there() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    named = [(page, name) for page in pages for name in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))]
    gone = [f"{page.name}: {name}" for page, name in named if "://" not in name and not (page.parent / name).exists()]
    assert len(named) > 100 and not gone
    assert not {one.name for one in (ROOT / "docs").glob("*.md")} - {Path(name).name for _, name in named}, (
        "named by no other page"
    )
