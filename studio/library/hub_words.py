"""Errors of the Hugging Face client as one sentence each: what happened, and what a person can do about it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from studio.core.explain import brief
from studio.core.public_addresses import NotPublic, watch_hub
from studio.library.source import Source

_TOKEN = re.compile(r"[!-~]{1,4000}")  # one from signing in (OAuth) is hundreds long
LOG_IN = "`hf auth login` keeps a token, HF_TOKEN names one, and --ask-token takes one for this download"


class HubError(ValueError):
    """Something could not be had from the Hub. What has arrived is kept, and the next try goes on from there."""


def check_token(token: SecretStr | None) -> str | None:
    """The token as the client takes it; None lets the client look for its own. ValueError that does not repeat it."""
    if token is None:
        return None
    given = token.get_secret_value().strip()
    if not _TOKEN.fullmatch(given):
        raise ValueError("The token has characters that no token has; one line without spaces, like hf_…, fits.")
    return given


@contextmanager
def sentences(source: Source, file: str = "") -> Iterator[None]:
    """Whatever the client raises inside becomes a `HubError` without a cause, so that nothing of a request is ever printed.

    A full disk stays the OSError that it is: runs are paused for it.
    """
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    watch_hub()
    try:
        yield
    except NotPublic as error:
        raise HubError(str(error)) from None
    except LocalEntryNotFoundError as error:  # the client looked into its cache after the Hub had failed
        cause = error.__cause__
        if isinstance(cause, HfHubHTTPError):
            raise HubError(_status(cause, source, file)) from None
        offline = isinstance(cause, OfflineModeIsEnabled)
        raise HubError(OFFLINE if offline else _network(cause or error, source)) from None
    except OfflineModeIsEnabled:
        raise HubError(OFFLINE) from None
    except HfHubHTTPError as error:
        raise HubError(_status(error, source, file)) from None
    except (httpx.HTTPError, ConnectionError, TimeoutError) as error:
        raise HubError(_network(error, source)) from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise HubError(
                f"{file or source.name} is larger than any file may be on this disk; another disk would fit."
            ) from None
        if error.errno is not None:
            raise
        raise HubError(broken_off(file or source.name)) from None  # the client's own check of sizes


OFFLINE = "HF_HUB_OFFLINE is set, so nothing is asked of the Hub; unset it to download."


def broken_off(file: str) -> str:
    return f"Less of {file} came than the Hub had announced; what has arrived is kept, and another try goes on from there."


def _network(error: BaseException, source: Source) -> str:
    import httpx

    if isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError)):
        return broken_off(source.name)
    words = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
    return f"The Hub cannot be reached ({words}); look at the network and try again, nothing that has arrived is lost."


def _status(error: BaseException, source: Source, file: str) -> str:
    """One sentence for an answer that is none."""
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        HfHubHTTPError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name, status = source.name, error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if isinstance(error, GatedRepoError):
        return f"{name} is gated: ask for access at {source.page}, with the account whose token is used; {LOG_IN}."
    if isinstance(error, DisabledRepoError):
        return f"{name} has been disabled by Hugging Face; {source.page} says why."
    if isinstance(error, RevisionNotFoundError):
        return f"{name} has no revision {brief(source.revision)}; {source.page}/commits/main lists those there are."
    if isinstance(error, RemoteEntryNotFoundError):
        return (
            f"{name} has no file {brief(file or source.file)} at revision {source.revision}; {source.page}/tree/main lists them."
        )
    if isinstance(error, RepositoryNotFoundError):
        return f"There is no model {name} on the Hub, or it is private; check the name, and for a private one: {LOG_IN}."
    if status == 401:
        return f"The Hub does not accept the token; a new one is made at https://huggingface.co/settings/tokens, and {LOG_IN}."
    if status == 403:
        return f"The token may not read {name}; one with the right to read this repository would fit ({source.page})."
    if status == 404:
        return f"The Hub does not have {file or name} where it was announced; try again, or look at {source.page}."
    if status == 429:
        return f"The Hub asks to be left alone for {_wait(error)}; try again then, nothing that has arrived is lost."
    if status >= 500:
        return f"The Hub has trouble (status {status}); try again later, nothing that has arrived is lost."
    return f"The Hub refuses {name} (status {status})."


def _wait(error: BaseException) -> str:
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import parse_ratelimit_headers

    headers = error.response.headers if isinstance(error, HfHubHTTPError) else {}
    told = parse_ratelimit_headers(headers)
    after = str(headers.get("retry-after") or "")
    seconds = told.reset_in_seconds if told is not None else int(after) if after.isdigit() else None
    return "a while" if seconds is None else f"{seconds} seconds"
