"""Signals on the page: a field for what stands beside their text, and their own viewer, from `tests/support/signals` alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import note_faults
from tests.support.serving import serving

FACES = {"STUDIO_DOMAINS": "tests.support.signals.face", "STUDIO_FAMILIES": "tests.support.signals.family"}
MAKE = """
import sys
from pathlib import Path
from studio.core.recipe import Recipe
from tests.support.signals.model import Network, write
folder = Path(sys.argv[1])
for name in ("teacher", "student"):
    write(folder / name, Network(), {"title": name.title(), "default_guidance": 1.0})
Recipe(teacher="signals/teacher", teacher_hash="", timesteps=(999, 499), rule="lcm", prediction="v",
       valid_steps=(2,)).save(folder / "student")
(folder / "oracle").mkdir()
(folder / "oracle" / "oracle.json").write_text("{}")
"""


def models(data: Path) -> None:
    (data / "models").mkdir(parents=True)
    subprocess.run([sys.executable, "-c", MAKE, str(data)], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, timeout=120)
    for role in ("teacher", "student"):
        entry = {"id": f"signals/{role}", "title": f"Signals {role}", "role": role, "domain": "signals", "size": 32,
                 "folder": str(data / role), "oracle": str(data / "oracle")}  # fmt: skip
        entry |= {"teacher": "signals/teacher"} if role == "student" else {"sampling": {"steps": 4, "guidance": 1}}
        (data / "models" / f"{role}.yaml").write_text(json.dumps(entry))


def test_signals_have_their_own_field_and_their_own_viewer(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, module in FACES.items():
        monkeypatch.setenv(name, module)
    models(tmp_path)
    with serving(tmp_path) as studio:
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(120_000)
        faults: list[str] = []
        note_faults(page, faults)
        page.goto(studio.address)
        page.wait_for_selector("html[data-page=ready]", state="attached")
        assert not page.is_visible("#signals-length")  # what it draws first takes nothing beside its text
        page.click("#pair input")
        page.click("li:has-text('Signals')")
        page.wait_for_selector("#signals-length", state="visible")
        assert page.inner_text("#examples") == "a low sine\na saw"
        page.fill("#prompt textarea", "a low sine")
        page.fill("#seeds input", "2")
        page.fill("#signals-length input", "90")
        page.click("#run")
        page.wait_for_selector("#problem .line")
        assert "length" in page.inner_text("#problem").lower() and "32" in page.inner_text("#problem")
        page.fill("#signals-length input", "20")
        page.click("#run")
        page.wait_for_selector(".board[data-state=done]")
        page.wait_for_selector(".s-own-left svg")
        shown = page.locator(".s-own svg").evaluate_all("drawn => drawn.map((one) => one.getAttribute('aria-label'))")
        assert [said.split(": ")[1] for said in shown] == ["20 samples", "20 samples"]
        page.reload()
        page.wait_for_selector("html[data-page=ready]", state="attached")
        assert page.input_value("#signals-length input") == "20"
        assert faults == []
        page.close()
