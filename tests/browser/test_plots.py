"""Plots that are saved: an SVG stands alone and opens elsewhere, a PNG is of the same plot, and the name tells the run."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import saved_by

PROMPT = "a red cat <b> & co"


def stands_alone(chromium: Any, path: Path, colours: int) -> None:
    """Well-formed, of no address and of no variable, and drawn in a page that has nothing but it."""
    text = path.read_text(encoding="utf-8")
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and float(root.get("width", 0)) > 100
    assert "var(" not in text and "<script" not in text
    assert "http" not in text.replace("http://www.w3.org/", "")
    page = chromium.new_page(viewport={"width": 900, "height": 700})
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.set_content(f'<body style="margin:0;background:#f0f">{text}')
    shot = path.with_suffix(".shot.png")
    page.locator("svg").first.screenshot(path=str(shot))
    page.close()
    assert not [url for url in seen if url.startswith("http")]
    drawn = Image.open(shot).convert("RGB")
    found = drawn.getcolors(1 << 20) or []
    assert len(found) > colours
    assert max(found)[1] != (255, 0, 255)  # it brings its own background


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_plot_of_a_comparison(visit: Any, chromium: Any, site: SimpleNamespace, tmp_path: Path, scheme: str) -> None:
    run = site.jobs.submit("compare", {"prompt": PROMPT, "pair": "test/dmd2", "seeds": [0, 1]})
    page = visit(scheme=scheme, query=f"?run={run}")
    page.wait_for_selector(".board[data-state=done]")
    page.wait_for_selector("#plot [data-ready]", state="attached")
    drawing = saved_by(page, "#board", "svg")
    assert drawing.name == f"compare-{run}-plot.svg"
    stands_alone(chromium, drawing, colours=8)
    with page.expect_download() as download:
        page.click("#board [data-save=plot]")
    assert download.value.suggested_filename == f"compare-{run}-plot.png"
    download.value.save_as(tmp_path / "plot.png")
    assert Image.open(tmp_path / "plot.png").width > 300


def test_the_plots_of_a_scrub_are_one_drawing(visit: Any, chromium: Any, site: SimpleNamespace, tmp_path: Path) -> None:
    run = site.jobs.submit("scrub", {"draw": {"prompt": PROMPT, "pair": "test/dmd2", "seeds": [0, 1]}})
    page = visit(query=f"?tab=scrub&scrub={run}")
    page.wait_for_selector(".scrub[data-state=done]")
    page.wait_for_selector(".cv svg")
    for kind in ("svg", "png"):
        with page.expect_download() as download:
            page.click(f".sc-exports [data-plot={kind}]")
        assert download.value.suggested_filename == f"scrub-{run}-plot.{kind}"
        download.value.save_as(tmp_path / f"plot.{kind}")
    stands_alone(chromium, tmp_path / "plot.svg", colours=8)
    assert "Schedule" in (tmp_path / "plot.svg").read_text() and "<b>" not in (tmp_path / "plot.svg").read_text()
    assert Image.open(tmp_path / "plot.png").width > 600
    if folder := os.environ.get("SHOTS"):
        Image.open(tmp_path / "plot.png").save(f"{folder}/scrub-plot.png")
