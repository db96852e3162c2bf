"""Tabs are found: those of the program in their order, and one that is put in by its file alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from studio.jobs.paths import ROOT
from studio.ui.tabs import TABS, in_order

TAB = """
import gradio as gr
from studio.ui.tabs import TABS, Tab


class Notes:
    def __init__(self, page):
        self.text = gr.Textbox("", label="Notes", elem_id="notes-text")

    def place(self, page, tab):
        assert "compare" in page.built
        tab.select(lambda: "seen", None, self.text, queue=False, api_visibility="private")


TABS.add("notes")(Tab("notes", "Notes", 25, Notes, css="#notes { color: plum; }"))
"""
PROGRAM = """
import sys
from studio.library.stock import open_jobs
from studio.ui.app import build, css
from studio.ui.kit.later import begun
page = build(open_jobs(sys.argv[1]))
parts = begun(page.config)["components"]
tabs = [part["props"]["label"] for part in parts if part["type"] == "tabitem"]
come = page.default_config.get_config(page.later["notes"])["components"]
ids = [{part["props"].get("elem_id") for part in some} for some in (parts, come)]
print(tabs, "notes" in ids[0], "notes-text" in ids[0], "notes-text" in ids[1], css().endswith("#notes { color: plum; }"))
"""


def test_the_tabs_of_the_page_are_folders() -> None:
    assert TABS.unavailable == {}
    assert [tab.name for tab in in_order()] == [
        "compare",
        "live",
        "scrub",
        "grid",
        "control",
        "personalize",
        "unlearn",
        "distill",
        "evaluate",
        "lab",
        "models",
        "gallery",
    ]
    assert all((ROOT / "studio" / "ui" / tab.name / "tab.py").is_file() for tab in in_order())


def test_a_tab_is_put_in_by_its_file_alone(tmp_path: Path) -> None:
    (tmp_path / "notes_tab.py").write_text(TAB)
    env = {**os.environ, "STUDIO_TABS": "notes_tab", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "data")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    shown = [
        "Compare",
        "Live",
        "Scrub",
        "Grid",
        "Notes",
        "Control",
        "Personalize",
        "Unlearn",
        "Distill",
        "Evaluate",
        "Lab",
        "Models",
        "Gallery",
    ]
    assert done.stdout.splitlines()[-1] == f"{shown} True False True True"
