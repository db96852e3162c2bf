"""The page: from navigation to a Run button that can be pressed, of the studio and of a bare Gradio page, alternating in one run.

    python -m benchmarks.page --rounds 7
    python -m benchmarks.page --against ../before

A bare page has one field and one button. "New visitor" has an empty cache, "back again" has everything in it. Neither page has
a worker, so that models being loaded do not take the processor from the browser. The time of a tab is from the click until its
own button is there and has been painted. Prints medians, ratios to the bare page, and what the page weighs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.start import HERE, PATIENCE_S, free_port

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
STUDIO = """
import sys
from studio.library.stock import open_jobs
from studio.ui.app import build, launch_options
jobs = open_jobs(sys.argv[2])
build(jobs).launch(quiet=True, **launch_options(jobs, "127.0.0.1", int(sys.argv[1]), False))
"""
BARE = """
import sys
import gradio as gr
with gr.Blocks(analytics_enabled=False) as demo:
    field, button = gr.Textbox(), gr.Button("Run", elem_id="run")
    button.click(lambda text: text, field, field)
demo.launch(quiet=True, server_name="127.0.0.1", server_port=int(sys.argv[1]), ssr_mode=False, pwa=False)
"""
READY = """(() => { // when the button #run can first be pressed, in ms since navigation
  const look = () => {
    const button = document.querySelector("button#run, #run button");
    if (button?.offsetParent && !button.disabled) window.runReady = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()"""
SWITCH = """async (name) => { // ms from the click on a tab until its button has been painted
  const frame = () => new Promise(requestAnimationFrame);
  const begun = performance.now();
  [...document.querySelectorAll("[role=tab]")].find((tab) => tab.textContent.trim().toLowerCase() === name).click();
  while (!document.querySelector(`#${name} .runs`)?.offsetParent) await frame();
  await frame();
  await new Promise((painted) => setTimeout(painted));
  return performance.now() - begun;
}"""
WEIGHT = """() => {
  const got = performance.getEntriesByType("resource");
  return { nodes: document.querySelectorAll("*").length, requests: got.length + 1,
    kilobytes: got.reduce((sum, one) => sum + one.encodedBodySize, 0) / 1000 };
}"""
TABS = ("scrub", "control", "distill", "lab", "compare")
SETTLED_MS = 1500  # after the button is there: what is still on its way arrives


class Served:
    """A page on a port of its own, in a process of its own."""

    def __init__(self, program: str, folder: Path, data: str):
        self.url = f"http://127.0.0.1:{(port := free_port())}/"
        env = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONPATH": str(folder)}
        command = [sys.executable, "-c", program, str(port), data]
        self.process = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL)
        begun = time.perf_counter()
        while not self.answers():
            if time.perf_counter() - begun > PATIENCE_S or self.process.poll() is not None:
                raise SystemExit(f"The page of {folder} did not start.")
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=30) as answer:
                return bool(answer.read())
        except (urllib.error.URLError, ConnectionError):
            return False

    def config(self) -> bytes:
        """What stands in the page: what the browser begins with."""
        with urllib.request.urlopen(self.url, timeout=30) as answer:
            found = re.search(rb"window\.gradio_config = (.*?);</script>", answer.read(), re.DOTALL)
        return found[1] if found else b'{"components": [], "dependencies": []}'

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


def ready(page: Any, url: str) -> float:
    """Seconds from navigation until the Run button can be pressed."""
    page.goto(url, wait_until="commit")
    page.wait_for_function("window.runReady", polling=20)
    return float(page.evaluate("window.runReady")) / 1000


def visit(browser: Any, url: str, tabs: bool) -> dict[str, Any]:
    """One visitor: first time, weight, tabs one after another, tabs again, and a second time with a full cache."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(READY)
    page = context.new_page()
    found: dict[str, Any] = {"new visitor": ready(page, url)}
    page.wait_for_timeout(SETTLED_MS)
    found["weight"] = page.evaluate(WEIGHT)
    for time_of in ("first time", "again") if tabs else ():
        for name in TABS:
            found[f"{name}, {time_of}"] = page.evaluate(SWITCH, name) / 1000
            page.wait_for_timeout(300)
    found["back again"] = ready(page, url)
    context.close()
    return found


def report(rounds: dict[str, list[dict[str, Any]]], configs: dict[str, bytes]) -> None:
    def median(name: str, what: str) -> float:
        return statistics.median(found[what] for found in rounds[name])

    for what in ("new visitor", "back again"):
        for name, found in rounds.items():
            values = [one[what] for one in found]
            ratio = f", {median(name, what) / median('bare', what):.2f} times the bare page" if name != "bare" else ""
            print(f"{what:12} {name:8} median {median(name, what):.3f} s, {min(values):.3f} to {max(values):.3f}{ratio}")
    for name, config in configs.items():
        parts, weight = json.loads(config), rounds[name][-1]["weight"]
        print(
            f"{name:8} {len(parts['components'])} components, {len(parts['dependencies'])} events, "
            f"{len(config) / 1000:.0f} kB of config, {weight['nodes']} nodes on the page, "
            f"{weight['requests']} requests, {weight['kilobytes']:.0f} kB"
        )
    for name in rounds:
        if name != "bare":
            for what in rounds[name][0]:
                if what.endswith((", first time", ", again")):
                    print(f"{name:8} tab {what:22} median {median(name, what) * 1000:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--against", type=Path, help="another checkout")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    os.environ["NO_PROXY"] = "127.0.0.1,localhost"
    checkouts = {"studio": (STUDIO, HERE)} | ({"before": (STUDIO, options.against.resolve())} if options.against else {})
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        served = {
            name: Served(program, checkout, str(Path(folder) / name))
            for name, (program, checkout) in ({"bare": (BARE, HERE)} | checkouts).items()
        }
        try:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for page in served.values():
                visit(browser, page.url, False)
            rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in served}
            for _ in range(options.rounds):
                for name, page in served.items():
                    rounds[name].append(visit(browser, page.url, name != "bare"))
            report(rounds, {name: page.config() for name, page in served.items()})
            browser.close()
        finally:
            for page in served.values():
                page.close()


if __name__ == "__main__":
    main()
