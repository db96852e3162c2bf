"""What the page fetches besides Gradio: its own fonts, scripts and pictures, plotly.js, and files that runs made.

The data folder is never a served folder. A picture of a run is reached through one route that asks the jobs
service for the path, which refuses every name that is not below that run's `artifacts/`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from anyio import to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from studio.core import demo
from studio.domains import media
from studio.jobs.jobs import Jobs
from studio.ui import states
from studio.ui.front import Front
from studio.ui.guard import Guard, Welcome
from studio.ui.kit import bundle, glossary, pictures, scripts, style
from studio.ui.kit.theme import LOOK
from studio.ui.live.canvas import Canvas
from studio.ui.visitors import Visitors
from studio.ui.weights import weights_route

_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".json": "application/json",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".html": "text/html",
    ".safetensors": "application/octet-stream",
}
_SAVED = (".html", ".safetensors")  # never opened here: the one would be a page of ours, the other is no page
_KEEP = {"Cache-Control": "public, max-age=31536000, immutable"}  # an artefact is written once and never changed
_REPORTS = "artifacts/report/"  # of a run: pages without scripts, with everything in them, which may be opened
_SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'"}
_READ = {**_SAFE, "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}


def plotly_js() -> Path:
    """plotly.min.js of the installed plotly, found without importing the package (0.5 s)."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise RuntimeError("The package plotly is not installed; pip install -r requirements.txt brings it.")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


def routes(jobs: Jobs, css: str = "", public: bool = False) -> list[BaseRoute]:
    """Routes that are looked at before Gradio's own. css: the style sheet of the page. public: whether strangers reach it."""

    def run_file(request: Request) -> Response:
        try:
            path = jobs.artifact(request.path_params["run_id"], request.path_params["path"])
        except ValueError as error:
            return PlainTextResponse(str(error), 404)
        kind = (media.types() | _TYPES).get(path.suffix)
        if kind is None or not path.is_file():
            return PlainTextResponse("There is no such file in this run.", 404)
        if path.suffix == ".html" and request.path_params["path"].startswith(_REPORTS):
            return FileResponse(path, media_type=kind, headers=_KEEP | _READ)
        name = (f"studio-{path.name}" if path.suffix == ".html" else path.name) if path.suffix in _SAVED else None
        return FileResponse(path, media_type=kind, filename=name, headers=_KEEP | _SAFE)

    async def plotly(request: Request) -> Response:
        return FileResponse(plotly_js(), media_type="text/javascript", headers={"Cache-Control": "public, max-age=86400"})

    def script(request: Request) -> Response:
        """A page of another version, left open through an update, gets the scripts there are now, and keeps none."""
        text = scripts.scripts().get(request.path_params["name"])
        if text is None:
            return PlainTextResponse("There is no such script.", 404)
        fresh = request.path_params["version"] == scripts.version()
        return Response(text, media_type="text/javascript", headers=_KEEP if fresh else {"Cache-Control": "no-store"})

    def first(request: Request) -> Response:
        text = bundle.made(name := request.path_params["name"])
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return PlainTextResponse("There is no such file.", 404) if text is None else Response(text, 200, _KEEP, kind)

    def sheet(request: Request) -> Response:
        return Response(style.below_container(css), media_type="text/css", headers=_KEEP)

    async def terms(request: Request) -> Response:
        return JSONResponse(glossary.data(), headers={"Cache-Control": "no-cache"})

    def picture(request: Request) -> Response:
        found = pictures.read(request.path_params["name"])
        return PlainTextResponse("There is no such picture.", 404) if found is None else Response(found, 200, _KEEP, "image/jpeg")

    return [
        Route("/run-file/{run_id}/{path:path}", run_file, methods=["GET", "HEAD"]),
        _states(jobs),
        *Canvas(jobs).routes(),
        Route(f"/{scripts.ADDRESS}/{{version}}/{{name:path}}", script, methods=["GET", "HEAD"]),
        Route(f"/{bundle.ADDRESS}/{{name}}", first, methods=["GET", "HEAD"]),
        Route(f"/{style.address(css)}", sheet, methods=["GET", "HEAD"]),
        Route(f"/{pictures.ADDRESS}/{{name}}", picture, methods=["GET", "HEAD"]),
        weights_route(jobs.paths, public),
        Route(f"/{glossary.ADDRESS}", terms, methods=["GET"]),
        Route("/ui/plotly.min.js", plotly, methods=["GET"]),
        Mount("/ui/fonts", StaticFiles(directory=LOOK / "fonts")),
    ]


def _states(jobs: Jobs) -> Route:
    looked = states.States(jobs)

    async def state(request: Request) -> Response:
        try:
            if demo.on():  # a state is kept for all who ask; whose it is is asked anew
                await to_thread.run_sync(jobs.sees, request.path_params["run_id"])
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 404)
        return await looked.answer(request)

    return Route(f"/{states.ADDRESS}/{{run_id}}", state, methods=["GET"])


def middleware(welcome: Welcome, css: str = "") -> list[Middleware]:
    """What every request passes: may it ask (`Guard`), who asks (`Visitors`, of a public demo); what is given first is kept in
    memory (`Front`)."""
    known = [Middleware(Visitors)] if demo.on() else []
    return [Middleware(Guard, welcome=welcome), *known, Middleware(Front, css=css)]
