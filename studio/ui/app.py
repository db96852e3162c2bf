"""The page: builds the Blocks, its API, and the options it is served with."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from studio.core import registry
from studio.core.environment import environment
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.jobs.visitors import of_visitors
from studio.library.method_cards import GROUPS
from studio.ui.api import add_api
from studio.ui.api.agents import answer_in_json
from studio.ui.guard import Welcome
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import arms, parts, scripts, theme
from studio.ui.kit.later import Later, Pages, bringing, comes
from studio.ui.kit.runs import together
from studio.ui.links import Moves
from studio.ui.routes import middleware, routes
from studio.ui.tabs import Built, Lists, Page, in_order

MAX_UPLOAD = "20mb"  # Gradio sets no limit of its own
PANEL = 35  # where the style sheet of the jobs panel stands among those of tabs
WORKERS = (*filter(None, (group.variable for group in GROUPS.values())), "STUDIO_METRICS")  # name modules only workers import
CLEAN_EVERY_S, KEEP_TEMPORARY_S = 3600, 6 * 3600


def build(jobs: Jobs) -> gr.Blocks:
    """The page over a data folder. Starts nothing: the worker is somebody else's business."""
    return assembled(jobs).page.demo


def assembled(jobs: Jobs) -> Moves:
    """The same with its parts at hand: `page.built` has the tabs."""
    jobs, built = of_visitors(jobs), dict[str, Built]()

    def recent_runs(_asked: object = None) -> list[Json]:
        """The newest runs, for the drawer. Gradio's browser side always sends one argument."""
        return together(*(tab.recent() for tab in built.values() if isinstance(tab, Lists)))

    background = Background(jobs)
    first, *others = in_order()
    with Pages(
        title="Distillation Studio",
        fill_width=True,
        analytics_enabled=False,
        delete_cache=(CLEAN_EVERY_S, KEEP_TEMPORARY_S),
    ) as demo:
        header = parts.header([recent_runs], [bringing(tab.name) for tab in others])
        panel = JobsPanel(background, header)
        with gr.Tabs(elem_id="tabs") as tabs:
            page, places = Page(jobs, demo, tabs, header, background, panel, built), {}
            with gr.Tab(first.title, id=first.name) as places[first.name], gr.Column(elem_id=first.name):
                built[first.name] = first.build(page)
            for tab in others:
                with gr.Tab(tab.title, id=tab.name) as places[tab.name]:
                    demo.later[tab.name] = Later(tab.name, header)
                    with demo.later[tab.name].container:
                        built[tab.name] = tab.build(page)
        for name, one in built.items():
            one.place(page, places[name])
        moves = Moves(page)
        moves.wire()
        add_api(jobs)
        for tab in others:
            comes(demo, tab.name)
        demo.divide()
    mark_one(demo, header)
    # With api_open=False a queued event cannot be called around the queue. All of ours are short and unqueued, and
    # clients (gradio_client, plain HTTP) reach /compare, /run_state and the others all the same.
    demo.queue(api_open=False, max_size=64)
    return moves


def problems() -> list[str]:
    """A sentence for every module, of the program or named in the environment, that cannot be used here."""
    return [*registry.problems(scan=True), *(said for variable in WORKERS for said in registry.missing(variable))]


def mark_one(demo: gr.Blocks, component: gr.HTML) -> None:
    """Events without a progress display mark one component as waiting instead of every output.

    Gradio's browser side tells each marked component at every step of every event, and each time looks through the whole page.
    """
    for event in demo.fns.values():
        if event.show_progress == "hidden":
            event.show_progress_on = [component]


def launch_options(
    jobs: Jobs, host: str, port: int | None, share: bool, names: Sequence[str] = (), login: tuple[str, str] | None = None
) -> Json:
    """Arguments of `demo.launch` beside blocking: look, routes and what visitors may not do.

    names: of a host by which the page may be reached besides. login: (name, password) that visitors need.
    """
    answer_in_json()
    welcome = Welcome(host, share or environment().is_space, tuple(name.lower() for name in names))
    return {
        "server_name": host,
        "server_port": port,
        "auth": login,
        "share": share,
        "theme": theme.theme(),
        "js": scripts.called("kit/page", "start", *(tab.name for tab in in_order()[1:])),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        "pwa": False,
        "ssr_mode": False,
        "_frontend": False,  # else Gradio asks its own page whether it is up, waits three seconds, and gives up on a busy machine
        "mcp_server": True,
        "allowed_paths": [],
        "max_file_size": MAX_UPLOAD,
        "favicon_path": str(theme.LOOK / "favicon.svg"),
        "app_kwargs": {
            "openapi_url": None,
            "routes": routes(of_visitors(jobs), css(), welcome.public),
            "middleware": middleware(welcome, css()),
        },
    }


def css() -> str:
    """The style sheet of the page: the kit's, then those of the jobs panel and of the tabs, in the tabs' order."""
    own = [(tab.order, f"{tab.name}/{tab.name}") for tab in in_order() if (theme.LOOK / tab.name / f"{tab.name}.css").is_file()]
    sheets = ["kit/studio", "kit/training", "kit/notices", *(name for _, name in sorted([*own, (PANEL, "jobs/jobs")]))]
    return "\n".join([theme.css([*arms.choices(8)], sheets), *(tab.css for tab in in_order() if tab.css)])
