"""One .safetensors that comes through the page, of any size: streamed to the disk, for this page alone.

Gradio's own uploads are small and stay so. This route answers its own page only (the browser says where a request comes from),
and nobody on a public link.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from studio.core.explain import disk_full, explain
from studio.jobs.paths import Paths
from studio.library.uploads import Incoming, check_room

ADDRESS = "upload/weights"
CHUNK = 4 << 20  # bytes that are written at once
PUBLIC = "Files are not taken from visitors of a public link; a path on its machine, or the Hub, would fit."


def weights_route(paths: Paths, public: bool) -> Route:
    async def take(request: Request) -> Response:
        """GET ?name=&size= asks whether a file may come: {"name"} that it gets. POST ?name= brings it, the bytes as the body:
        {"place"}. Either gives {"problem"} where it was refused."""
        asks, name = request.method != "POST", request.query_params.get("name", "")[:300]
        if not same_origin(request):
            return _problem("Only the studio's own page can send a file.", 403)
        if public:
            return _problem(PUBLIC, 403)
        length = request.query_params.get("size", "") if asks else request.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 20):
            return _problem("How long the file is was not said; a browser says it.", 411)
        try:
            if asks:
                return JSONResponse({"name": check_room(paths, name, int(length))})
            with Incoming(paths, name, int(length)) as incoming:
                return JSONResponse({"place": await _received(request, incoming)})
        except ClientDisconnect:
            return Response(status_code=400)
        except (ValueError, OSError) as error:
            return _problem(explain(error), 507 if disk_full(error) else 400)

    return Route(f"/{ADDRESS}", take, methods=["GET", "POST"])


def same_origin(request: Request) -> bool:
    """Whether the browser says that a page of this address asks. Browsers leave the origin out of what only asks."""
    origin, site = request.headers.get("origin", ""), request.headers.get("sec-fetch-site", "same-origin")
    own = urlsplit(origin).netloc == request.headers.get("host") if origin else request.method != "POST"
    return own and site == "same-origin"


async def _received(request: Request, incoming: Incoming) -> str:
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= CHUNK:
            await run_in_threadpool(incoming.write, bytes(waiting))
            waiting.clear()
    await run_in_threadpool(incoming.write, bytes(waiting))
    return await run_in_threadpool(incoming.keep)


def _problem(sentence: str, status: int) -> Response:
    return JSONResponse({"problem": sentence}, status)
