"""What a visitor is given first: the page, and the files that it fetches before it can be used.

None of them changes while the server runs, so each is made once, compressed, and kept in memory. The small ones among
them are made into one (`kit/bundle.py`), and the page names the others at its head, so that the browser fetches them all at once
and not one after another as Gradio's modules come to import them.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from anyio import sleep_forever, to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.core.files import Json
from studio.ui.kit import bundle, modules, scripts, style
from studio.ui.kit.later import begun

KEPT = ("/assets/", "/static/", f"/{scripts.ADDRESS}/", f"/{style.ADDRESS}/", f"/{bundle.ADDRESS}/", "/ui/fonts/")
MOST, LARGEST = 1024, 2_000_000  # answers, bytes of one of them
NAMED = ("host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix")  # what addresses on the page are made of
PARTIAL = ("range", "if-none-match", "if-modified-since")
SMALL = 400  # bytes that are not worth compressing
PACKED = ("image/", "font/")  # compressed by themselves
CONFIG = re.compile(r"(?<=window\.gradio_config = ){.*?}(?=;</script>)", re.DOTALL)
ENDPOINTS = re.compile(r"(?<=window\.gradio_api_info = ){.*?}(?=;</script>)", re.DOTALL)
NO_ENDPOINTS = '{"named_endpoints":{},"unnamed_endpoints":{}}'  # Gradio's pages about its API are not shown
INLINE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "'": "\\u0027"})  # in JSON that stands in a page
MODULE = re.compile(r'<script type="module"')
SCRIPT = re.compile(rf"{scripts.ADDRESS}/\w+/([\w/-]+)\.js")


@dataclass(frozen=True)
class Answer:
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Front:
    """ASGI middleware. It asks further for everything else, for errors, and for parts of files."""

    def __init__(self, app: ASGIApp, css: str):
        self.app, self.sheet = app, style.address(css)
        self.kept: dict[tuple[str, ...], Answer] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        page = scope.get("path") == "/"
        kept = page or (str(scope.get("path")).startswith(KEPT) and not scope.get("query_string"))
        if scope.get("method") != "GET" or not kept or any(name in headers for name in PARTIAL):
            return await self.app(scope, receive, send)
        packed = "gzip" in headers.get("accept-encoding", "")
        reached = [headers.get(name, "") for name in NAMED] if page else []
        key = (scope["path"], str(scope.get("root_path")), str(packed), *reached)
        login = page and getattr(scope.get("app"), "auth", None) is not None
        answer = None if login else self.kept.get(key)  # a page is each visitor's own then
        if answer is None:
            status, answer = await self._asked(scope)
            if status != 200 or len(answer.body) > LARGEST:
                return await _told(send, status, answer)
            answer = await to_thread.run_sync(self._made, answer, scope["path"], packed)
            if len(self.kept) >= MOST:
                self.kept.clear()
            if not login:
                self.kept[key] = answer
        await _told(send, 200, answer)

    async def _asked(self, scope: Scope) -> tuple[int, Answer]:
        """What is answered to a visitor who stays: of one who leaves meanwhile, parts inside would cut the answer short, and what
        is kept of it is everybody's."""
        began: Message = {}
        parts: list[bytes] = []

        async def hear(message: Message) -> None:
            if message["type"] == "http.response.start":
                began.update(message)
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self.app(scope, _staying(), hear)
        return began["status"], Answer(list(began["headers"]), b"".join(parts))

    def _made(self, answer: Answer, path: str, packed: bool) -> Answer:
        body = answer.body
        if path == "/":
            body = first(body.decode(), self.sheet).encode()
        elif path.startswith("/assets/") and path.endswith(".js"):
            body = bundle.sparing(body.decode()).encode()
        headers = MutableHeaders(raw=list(answer.headers))
        if packed and len(body) > SMALL and not headers.get("content-type", "").startswith(PACKED):
            body = gzip.compress(body, 6)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        headers.add_vary_header("Accept-Encoding")
        return Answer(headers.raw, body)


def _staying() -> Receive:
    """Of a request without a body, whose visitor never leaves."""
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await sleep_forever()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


async def _told(send: Send, status: int, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


def first(page: str, sheet: str) -> str:
    """Gradio's page as a visitor is given it: with what its browser side begins with, and links to what that will ask for."""
    found = CONFIG.search(page)
    config: Json = json.loads(found[0]) if found else {"components": []}
    if found and not config.get("auth_required"):  # the form that asks for a login has no parts
        config = begun(config)
    text = json.dumps(config, separators=(",", ":"))
    if found:
        page = f"{page[: found.start()]}{text.translate(INLINE)}{page[found.end() :]}"
    script, head = _head(config, text, sheet)
    page = ENDPOINTS.sub(NO_ENDPOINTS, page).replace("</head>", f"{head}</head>", 1)
    page = MODULE.sub(lambda begin: script + begin[0], page, count=1)  # a browser takes an import map before modules alone
    last = "".join(_links('rel="stylesheet"', [f"./{sheet}"]))  # it stands after the sheets that Gradio adds to the head
    return page.replace("</body>", f"{last}</body>", 1)


def _head(config: Json, text: str, sheet: str) -> tuple[str, str]:
    """The script with the small files that the components and their scripts will ask for; links to its style sheet, to the page's
    own, and to the other files. text: the config as JSON."""
    theme = config.get("theme_hash")
    assets = modules.fetched(part["type"] for part in config["components"])
    own = dict.fromkeys(scripts.needed("kit/page", *SCRIPT.findall(text)))
    (script, small), others = bundle.bundled(tuple(assets), tuple(own))
    links = [
        *_links('rel="stylesheet"', [f"./{small}"]),
        *_links('rel="preload" as="style"', [f"./{sheet}", *([f"./theme.css?v={theme}"] if theme else [])]),
        *_links('rel="modulepreload" crossorigin', (f"./{file}" for file in others if file.endswith(".js"))),
        *_links('rel="preload" as="style" crossorigin', (f"./{file}" for file in others if file.endswith(".css"))),
        *_links('rel="preload" as="font" type="font/woff2" crossorigin', ["./ui/fonts/inter.woff2"]),
    ]
    return f'<script src="./{script}"></script>', "".join(links)


def _links(what: str, files: Iterable[str]) -> Iterable[str]:
    return (f'<link {what} href="{file}">' for file in files)
