"""Who may ask this server anything, and what becomes of whatever goes wrong: around every route, ours and Gradio's.

A browser tells with each request from which page it comes. Pages of other addresses, another port of this machine included, are
refused, whatever the route: they could start jobs, read runs and fill the disk in the name of whoever has them open. Programs
send no such header and are answered. A name that this server is not known by is refused too, because a foreign page can have its
own name lead here (DNS rebinding). With a login, files of runs are behind it as Gradio's own routes are.
"""

from __future__ import annotations

import ipaddress
import os
import platform
from dataclasses import dataclass
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.ui.kit import pictures, refusals, uploads

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HERE = (".local", ".lan", ".internal", ".home.arpa", ".localhost")  # names that nobody can have in public
HUB = "https://huggingface.co https://*.hf.space"  # where a Space is shown inside of another page
BEHIND = (
    "/run-file/",
    "/run-state/",
    "/live/",
    f"/{pictures.ADDRESS}/",
)  # ours that a login is needed for; the others are the program's own files
UPLOADS = "/gradio_api/upload"
OURS = ("/run-file/", "/run-state/", "/live/", "/ui/")
ELSEWHERE = ("cross-site", "same-site")  # Sec-Fetch-Site of a page at another address


@dataclass(frozen=True)
class Welcome:
    """By which names this server may be reached. names: of a host beside those that only this network can give."""

    host: str = "127.0.0.1"
    public: bool = False
    names: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        return not self.public and self.host in LOOPBACK

    def name(self, host: str) -> bool:
        name = _name(host)
        if self.public or name in LOOPBACK or name in self.names:
            return True
        if self.local or not name:
            return False
        own = platform.node().lower()
        return _address(name) or name in (self.host, own) or "." not in name or name.endswith(HERE)


class Guard:
    """ASGI middleware, the outermost of ours."""

    def __init__(self, app: ASGIApp, welcome: Welcome):
        self.app, self.welcome = app, welcome
        self.space = "SPACE_ID" in os.environ

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        answering = Answering(scope, send, self.space)
        refused = self._refused(scope) or await self._no_room(scope)
        if refused:
            return await _answer(*refused)(scope, receive, answering)
        try:
            await self.app(scope, receive, answering)
        except ClientDisconnect:
            return
        except Exception as error:
            if answering.began:
                return refusals.say(error)
            ours = str(scope.get("path")).startswith(OURS)  # Gradio's routes fail by what they are sent: ours say so themselves
            await _answer(*refusals.of(error, refusals.ODD if ours else (Exception,)))(scope, receive, answering)

    def _refused(self, scope: Scope) -> tuple[str, int] | None:
        """(sentence, status) where nobody is to be answered."""
        headers = Headers(scope=scope)
        if not self.welcome.name(headers.get("host", "")):
            return "This studio is not known by this name; whoever started it can add it with --name or STUDIO_NAMES.", 400
        if self._foreign(scope, headers):
            return "Another page asked this; the studio answers its own page, and programs.", 403
        if str(scope.get("path")).startswith(BEHIND) and not signed_in(scope, headers):
            return "This needs a login; open the studio's page first.", 401
        return None

    async def _no_room(self, scope: Scope) -> tuple[str, int] | None:
        if scope.get("method") != "POST" or not str(scope.get("path")).startswith(UPLOADS):
            return None
        size = Headers(scope=scope).get("content-length", "")
        if await to_thread.run_sync(uploads.room, int(size) if size.isdecimal() else 0):
            return None
        return "No more can be uploaded now: what came before is kept for some hours; keep or leave it, and try again later.", 413

    def _foreign(self, scope: Scope, headers: Headers) -> bool:
        """Whether a page of another address asks. To follow a link here is no question, and a Space is shown inside its page."""
        origin = headers.get("origin")
        if origin is not None:
            return not self._own(origin, headers)
        from_elsewhere = headers.get("sec-fetch-site") in ELSEWHERE
        visit = scope.get("method") in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
        return from_elsewhere and not visit and not self.space

    def _own(self, origin: str, headers: Headers) -> bool:
        """A proxy may give this server another Host than the browser's; no foreign page can make a browser say so."""
        asked = urlsplit(origin).netloc.lower()
        hosts = {headers.get(name, "").split(",")[0].strip().lower() for name in ("host", "x-forwarded-host")}
        return bool(asked) and asked in hosts


class Answering:
    """What is sent, with the headers that every answer has, and the status that a refusal has (`kit.refusals`)."""

    def __init__(self, scope: Scope, send: Send, space: bool):
        self.scope, self.send, self.began = scope, send, False
        self.ancestors = f"frame-ancestors 'self' {HUB}" if space else "frame-ancestors 'self'"
        self.space = space

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            headers.append("Content-Security-Policy", self.ancestors)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "same-origin")
            if not self.space:
                headers["X-Frame-Options"] = "SAMEORIGIN"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            status = self.scope.get(refusals.STATUS, 500) if message["status"] == 500 else message["status"]
            message = {**message, "status": status, "headers": headers.raw}
        await self.send(message)


def signed_in(scope: Scope, headers: Headers) -> bool:
    """Whether whoever asks has logged in by Gradio's form, or there is no login."""
    app = scope.get("app")
    if getattr(app, "auth", None) is None:
        return True
    given = cookie_parser(headers.get("cookie", ""))
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(given.get(name) in app.tokens for name in names)


def _answer(sentence: str, status: int) -> Response:
    return JSONResponse({"error": sentence, "visible": True, "title": "Error"}, status)


def _name(host: str) -> str:
    """Of a Host header, without its port: "[::1]:7860" is ::1."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def _address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
