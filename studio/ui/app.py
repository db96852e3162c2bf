"""The page: builds the Blocks, its API, and the options it is served with."""

from __future__ import annotations

import os
from typing import Any

import gradio as gr

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.ui.api import add_api
from studio.ui.compare.compare_runs import Watch
from studio.ui.compare.tab import CompareTab
from studio.ui.control.adapters import Shelf
from studio.ui.control.control_runs import Controls
from studio.ui.control.tab import ControlTab
from studio.ui.distill.tab import DistillTab
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import arms, parts, theme
from studio.ui.lab.tab import LabTab
from studio.ui.links import Moves
from studio.ui.routes import middleware, routes
from studio.ui.scrub.scrub_runs import Scrubs, together
from studio.ui.scrub.tab import ScrubTab

MAX_UPLOAD = "20mb"  # Gradio sets no limit of its own
CLEAN_EVERY_S, KEEP_TEMPORARY_S = 3600, 6 * 3600


def build(jobs: Jobs) -> gr.Blocks:
    """The page over a data folder. Starts nothing: the worker is somebody else's business."""
    watch, scrubs, controls = Watch(jobs), Scrubs(jobs), Controls(jobs)

    def recent_runs(_asked: Any = None) -> list[Json]:
        """The newest runs of the tabs that draw, for the drawer. Gradio's browser side always sends one argument."""
        return together(watch.recent(), scrubs.recent(), controls.recent())

    background = Background(jobs)

    with gr.Blocks(
        title="Distillation Studio",
        fill_width=True,
        analytics_enabled=False,
        delete_cache=(CLEAN_EVERY_S, KEEP_TEMPORARY_S),
    ) as demo:
        header = parts.header([recent_runs])
        panel = JobsPanel(background, header)
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Compare", id="compare") as compare_tab, gr.Column(elem_id="compare"):
                compare = CompareTab(watch, header)
            with gr.Tab("Scrub", id="scrub") as scrub_tab, gr.Column(elem_id="scrub"):
                scrub = ScrubTab(scrubs, header)
            with gr.Tab("Control", id="control") as control_tab, gr.Column(elem_id="control"):
                control = ControlTab(controls, header, Shelf(jobs, panel))
            with gr.Tab("Distill", id="distill") as distill_tab, gr.Column(elem_id="distill"):
                distill = DistillTab(background, panel.focus, panel.shown)
            with gr.Tab("Lab", id="lab") as lab_tab, gr.Column(elem_id="lab"):
                lab = LabTab(background, panel)
        compare.opened(demo)
        Moves(tabs, panel, compare, distill).wire(demo, compare_tab, distill_tab)
        lab.place(demo, tabs, lab_tab)
        control.place(demo, tabs, control_tab)
        scrub.place(demo, tabs, scrub_tab, compare.board)
        add_api(watch, scrubs, controls)
    # With api_open=False a queued event cannot be called around the queue. All of ours are short and unqueued, and
    # clients (gradio_client, plain HTTP) reach /compare, /run_state and the others all the same.
    demo.queue(api_open=False, max_size=64)
    return demo


def launch_options(jobs: Jobs, host: str, port: int | None, share: bool) -> Json:
    """Arguments of `demo.launch` beside blocking: look, routes and what visitors may not do."""
    public = share or "SPACE_ID" in os.environ
    return {
        "server_name": host,
        "server_port": port,
        "share": share,
        "theme": theme.theme(),
        "css": theme.css([*arms.choices(8)]),
        "js": theme.script("kit/page"),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        "pwa": False,
        "ssr_mode": False,
        "mcp_server": False,
        "allowed_paths": [],
        "max_file_size": MAX_UPLOAD,
        "favicon_path": str(theme.LOOK / "favicon.svg"),
        "app_kwargs": {"openapi_url": None, "routes": routes(jobs), "middleware": middleware(host, public)},
    }
