"""The pictures of the documentation: every tab with a result on it, taken in a browser from runs made for them.

    python -m benchmarks.screenshots [--only grid live]      # docs/screenshots/<tab>.jpg

A studio is started on a data folder of its own; the runs are drawn by its worker with the built-in models, a few minutes in all.
Chromium and playwright are those of the browser tests (`tests/browser/conftest.py`).
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.start import HERE, PATIENCE_S, free_port
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.stock import open_jobs

OUT = HERE / "docs" / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZE = {"width": 1440, "height": 900}
QUALITY = 82
DRAW = {"prompt": "a red house at night", "pair": "pocket/dmd2", "seeds": "16"}
LONG_S = 900.0  # that a run may take
SETTLED_MS = 700  # after the last picture came


@dataclass(frozen=True)
class Shot:
    """A tab. kind, request: of the run that is on it; none where `kind` is empty. address: of the page, with {run}. there: what
    is on the page when it can be taken. before: what is done on it first. plot:
    whether one is waited for."""

    name: str
    address: str
    there: str
    kind: str = ""
    request: Json | None = None
    before: Callable[[Any], None] = lambda page: None
    height: int = SIZE["height"]
    plot: bool = False


def typed(page: Any) -> None:
    """On the live canvas."""
    page.click("#live-prompt textarea")
    page.keyboard.press("End")
    page.keyboard.type(" in the snow", delay=150)
    page.wait_for_function("document.querySelectorAll('.liv-fig[data-stale=false] img').length === 3")
    page.wait_for_selector(".liv-texts figure")


def headline(page: Any) -> None:
    """The shipped study that the README quotes."""
    page.click(".lab-pick:has-text('headline')")


HOUSE = {**DRAW, "prompt": "a house", "seeds": "8"}
AXES = ["arms=teacher,student,hybrid-1", "teacher_guidance=1..5 step 2"]
SLIDER = {"draw": HOUSE, "vary": "pocket/size", "strengths": [-3, -1, 0, 1, 3]}
FORGET = {"name": "no-cat", "base": "nano/dmd2", "forget": "cat", "method": "uce"}
ASKED = {"candidates": ["nano/dmd2", "nano/teacher", "nano/dmd2@hybrid-1"], "n_prompts": 16, "seeds": "0-7"}
SHOTS = (
    Shot("compare", "?run={run}", ".board[data-state=done] img:visible", "compare", DRAW, height=1250, plot=True),
    Shot("live", "?tab=live", "#live-prompt textarea", before=typed),
    Shot("scrub", "?tab=scrub&scrub={run}", ".sc-wall canvas:visible", "scrub", {"draw": HOUSE}, height=1100),
    Shot("grid", "?tab=grid&grid={run}", ".grd-box img:visible", "grid", {"draw": HOUSE, "axes": AXES}),
    Shot("control", "?tab=control&control={run}", ".board[data-state=done] img:visible", "control", SLIDER, height=1250),
    Shot("lab", "?tab=lab", "#lab-saved button:visible", before=headline, height=1250, plot=True),
    Shot("distill", "?tab=distill", ".o-card:visible", height=1250),
    Shot("personalize", "?tab=personalize", ".p-cards img:visible", height=1100),
    Shot("unlearn", "?tab=unlearn&unlearn={run}", ".u-board[data-state=done] .u-wall:visible", "unlearn", FORGET, height=1250),
    Shot("evaluate", "?tab=evaluate&evaluate={run}", ".ev-sample img:visible", "evaluate", ASKED, height=1250),
    Shot("models", "?tab=models", ".m-list > :not(.m-wait):visible"),
    Shot("gallery", "?tab=gallery", ".g-card img:visible"),
)


@contextmanager
def studio(data: str) -> Iterator[str]:
    """The address of a studio with its workers."""
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu", "--data-dir", data]
    served = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL)
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < until:
            with suppress(OSError):
                urllib.request.urlopen(address, timeout=20).close()
                break
            time.sleep(0.3)
        yield address
    finally:
        served.terminate()
        served.wait()


def drawn(jobs: Jobs, shots: Sequence[Shot]) -> dict[str, str]:
    """The runs, by the name of the shot."""
    runs = {shot.name: jobs.submit(shot.kind, shot.request or {}) for shot in shots if shot.kind}
    until = time.monotonic() + LONG_S * max(1, len(runs))
    while any(not jobs.get(run).final for run in runs.values()):
        if time.monotonic() > until:
            raise RuntimeError("the runs did not end")
        time.sleep(0.5)
    bad = {name: jobs.get(run).note for name, run in runs.items() if jobs.get(run).state != "done"}
    if bad:
        raise RuntimeError(f"not drawn: {bad}")
    return runs


def take(page: Any, address: str, shot: Shot, run: str, out: Path) -> None:
    page.set_viewport_size({**SIZE, "height": shot.height})
    page.goto(f"{address}/{shot.address.format(run=run)}")
    page.wait_for_selector(shot.there)
    shot.before(page)
    page.evaluate("document.querySelector('.welcome')?.setAttribute('hidden', '')")
    page.wait_for_load_state("networkidle")
    if shot.plot:
        page.wait_for_selector(".js-plotly-plot .main-svg:visible")
    page.wait_for_timeout(SETTLED_MS)
    page.mouse.move(2, 2)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").save(out / f"{shot.name}.jpg", quality=QUALITY, optimize=True)
    print(f"{shot.name}: {out / shot.name}.jpg", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=[shot.name for shot in SHOTS], default=[shot.name for shot in SHOTS])
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    from playwright.sync_api import TimeoutError, sync_playwright

    shots = [shot for shot in SHOTS if shot.name in asked.only]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data, studio(data) as address, sync_playwright() as driver:
        runs = drawn(open_jobs(data), shots)
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(60_000)
        failed = []
        for shot in shots:
            try:
                take(page, address, shot, runs.get(shot.name, ""), asked.out)
            except TimeoutError as late:
                failed.append(shot.name)
                print(f"{shot.name}: {late}", file=sys.stderr, flush=True)
        browser.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
