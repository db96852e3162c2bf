"""docs/api.md and docs/api.json say what the program does, and what they show works as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from studio.jobs.paths import ROOT
from studio.library.stock import open_jobs
from studio.ui.api import described
from tests.support.serving import serving

DOCS = ROOT / "docs"


def test_the_page_and_the_schemas_are_those_of_the_program() -> None:
    """In a process of its own: kinds that other tests bring stand in nobody's docs."""
    written = run("import json, sys\nfrom studio.ui.api.__main__ import text\nprint(json.dumps([text(False), text(True)]))")
    for name, text, how in zip(("api.md", "api.json"), json.loads(written), ("", " --json"), strict=True):
        again = f"a request or an answer has changed; python -m studio.ui.api{how} > docs/{name} writes it anew"
        assert (DOCS / name).read_text(encoding="utf-8") == text, again


def test_schemas_stand_alone(tmp_path: Path) -> None:
    found = described(open_jobs(tmp_path))
    assert "$ref" not in json.dumps(found)
    compare = found["compare"]["takes"]["request"]
    assert compare["additionalProperties"] is False and compare["required"] == ["prompt"]
    assert compare["properties"]["seeds"]["description"]
    assert found["compare"]["gives"]["required"] == ["run", "ahead"]
    assert found["wait"]["takes"]["seconds"] == {"type": "number", "default": 20.0}


def run(program: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("STUDIO_")}
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


@pytest.mark.slow
def test_examples_run_as_they_stand_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "api.md").read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 3
    with serving(tmp_path / "data") as site:
        program = "\n".join(blocks).replace("http://127.0.0.1:7860", site.address)
        ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert {path.name for path in tmp_path.glob("*.png")} == {
        f"{arm} {seed}.png" for arm in ("teacher", "student") for seed in (0, 1)
    }
    lines = ran.stdout.splitlines()
    assert "('teacher', -1.0)" in ran.stdout and any(line.startswith("teacher 25 run-file/") for line in lines)
    assert any("run-file/" in line and line.rpartition(" ")[2].isdigit() for line in lines)
