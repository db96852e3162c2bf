"""Requests of the Hugging Face client that a redirect would lead into this machine or its network are refused.

A file on the Hub is sent from where a redirect says. Whoever could choose that place could make the studio ask machines that only
it reaches: a router, a neighbour, the address at which clouds hand out credentials. So every request is looked at, redirects too,
before it is sent; and the address that answers once more before anything is read, as a name may lead elsewhere a moment later.
Where the endpoint itself is at such an address (HF_ENDPOINT of a mirror at home), a person has chosen that: nothing is refused.
Needs no torch.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

if TYPE_CHECKING:
    import httpx

_lock = threading.Lock()
_watched = False


class NotPublic(ValueError):
    """A redirect led to an address that is nobody's in public. One sentence."""


def watch_hub() -> None:
    """From now on in this process: `NotPublic` out of any call of the client that is led to such an address."""
    global _watched
    from huggingface_hub import set_client_factory

    with _lock:
        if not _watched:  # setting it ends what is under way, so once
            set_client_factory(_client)
            _watched = True


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's own. IPv6 that only wraps IPv4 counts as what it wraps."""
    found = ipaddress.ip_address(address.partition("%")[0])
    wrapped = (found.ipv4_mapped or found.sixtofour) if isinstance(found, ipaddress.IPv6Address) else None
    found = wrapped or found
    return found.is_global and not found.is_multicast


def addresses(host: str) -> list[str]:
    """Where a name leads; none where nobody here knows it (a proxy may)."""
    with suppress(OSError, UnicodeError):
        return sorted({str(one[4][0]) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    return []


def peer(response: httpx.Response) -> list[str]:
    """The address that answers; none behind a proxy, which is of the person's own choice."""
    stream = response.extensions.get("network_stream")
    found = stream.get_extra_info("server_addr") if stream is not None and not getproxies() else None
    return [str(found[0])] if isinstance(found, tuple) else []


def _client() -> httpx.Client:
    from huggingface_hub.utils._http import default_client_factory

    client = default_client_factory()
    hooks = client.event_hooks
    client.event_hooks = {"request": [*hooks["request"], _before], "response": [*hooks["response"], _answered]}
    return client


def _before(request: httpx.Request) -> None:
    _check(request.url.host, addresses(request.url.host))


def _answered(response: httpx.Response) -> None:
    _check(response.request.url.host, peer(response))


def _check(host: str, found: list[str]) -> None:
    if all(map(is_public, found)) or not all(map(is_public, addresses(_endpoint()))):
        return
    raise NotPublic(
        f"The Hub leads to {host[:80]}, an address of this machine or of its own network, so nothing was asked there; "
        "HF_ENDPOINT names a mirror of one's own."
    )


def _endpoint() -> str:
    from huggingface_hub import constants

    return urlsplit(constants.ENDPOINT).hostname or ""
