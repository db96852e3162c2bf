"""Who asks, of every request to a public demo: a cookie of this server, a header, or the session of Gradio's page.

The cookie is set with the page and with /config, which programs fetch first, so that it is there at a reload. On a Space it works
inside the Hub's page (SameSite=None; Partitioned); where a browser refuses it all the same, the session of the page stands for it
until the page is loaded again.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.core import visitors
from studio.core.visitors import known_by

HEADER = "x-studio-visitor"
GIVEN_AT = ("/", "/config")
YEAR_S = 365 * 24 * 3600
MOST_READ = 1 << 20  # bytes of a request in which a session is looked for
COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")
SENT = re.compile(r"[A-Za-z0-9_-]{16,128}")
SESSION = re.compile(r"[A-Za-z0-9_-]{8,128}")


class Visitors:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp):
        self.app, self.space = app, "SPACE_ID" in os.environ
        self.cookie = "__Host-studio-visitor" if self.space else "studio-visitor"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        cookie = cookie_parser(headers.get("cookie", "")).get(self.cookie, "")
        cookie = cookie if COOKIE.fullmatch(cookie) else ""
        sent = headers.get(HEADER, "")
        secret = (sent if SENT.fullmatch(sent) else "") or cookie
        if not secret and scope.get("method") == "POST":
            secret, receive = await _session(headers, receive)
        scope[visitors.SCOPE] = known_by(secret, address(scope, headers, self.space))
        visitors.asks(scope)
        given = not cookie and scope.get("method") == "GET" and scope.get("path") in GIVEN_AT
        await self.app(scope, receive, self._giving(send) if given else send)

    def _giving(self, send: Send) -> Send:
        kind = "Secure; SameSite=None; Partitioned" if self.space else "SameSite=Lax"
        cookie = f"{self.cookie}={secrets.token_urlsafe(32)}; Max-Age={YEAR_S}; Path=/; HttpOnly; {kind}"

        async def giving(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                headers.append("Set-Cookie", cookie)
                headers["Cache-Control"] = "no-store"  # nobody else is given this cookie
                message = {**message, "headers": headers.raw}
            await send(message)

        return giving


def address(scope: Scope, headers: Headers, space: bool) -> str:
    """The network that a request comes from: an address, of version 6 its first 64 bits; "" where it cannot be told.

    Behind a Space's proxies it is what the outermost of them wrote, the last public one; whatever stands before it may be
    anybody's. Elsewhere the header counts for nothing, though uvicorn believes it of this machine's programs, with port 0.
    """
    host, port = scope.get("client") or ("", 0)
    if space:
        told = [found for name in headers.get("x-forwarded-for", "").split(",") if (found := _read(name)) is not None]
        return _network(next((one for one in reversed(told) if one.is_global), _read(host)))
    return "this machine" if port == 0 and "x-forwarded-for" in headers else _network(_read(host))


def _read(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip())
    except ValueError:
        return None


def _network(found: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> str:
    if found is None:
        return ""
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


async def _session(headers: Headers, receive: Receive) -> tuple[str, Receive]:
    """(Gradio's session in a JSON request or "", what hears the same request)."""
    size = headers.get("content-length", "")
    if "json" not in headers.get("content-type", "") or not size.isdecimal() or int(size) > MOST_READ:
        return "", receive
    body, waiting = b"", list[Message]()
    while len(body) < int(size):
        message = await receive()
        waiting.append(message)
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        if not message.get("more_body"):
            break

    async def again() -> Message:
        return waiting.pop(0) if waiting else await receive()

    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    session = str(found.get("session_hash") or "") if isinstance(found, dict) else ""
    return (session if SESSION.fullmatch(session) else ""), again
