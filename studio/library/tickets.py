"""Handing a token to one run without writing it into the run: the run's request carries a ticket, which is no secret.

The token waits in the data folder's `tokens/`, in a file that its owner alone can read, and is removed when the run takes it. On
a Space, where it may be a visitor's, the file lies in memory and on no disk. So it is used once; a run that goes on after a
restart needs another, or one from $HF_TOKEN or `hf auth login`.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from studio.core.environment import environment
from studio.jobs.paths import Paths
from studio.library.hub_words import check_token

TICKET = re.compile(r"[0-9a-f]{32}")
MEMORY = Path("/dev/shm")
KEPT_S = 24 * 3600.0  # a token that nobody has taken by then is removed


def hand(paths: Paths, token: SecretStr) -> str:
    """Put a token down; the ticket that `take` wants. ValueError, which does not repeat it, where it cannot be a token."""
    text = check_token(token) or ""
    folder = _folder(paths)
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in folder.iterdir():
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > KEPT_S:
                old.unlink()
    ticket = secrets.token_hex(16)
    with open(os.open(folder / ticket, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return ticket


def take(paths: Paths, ticket: str) -> SecretStr | None:
    """The token of a ticket, once; None where it has been taken."""
    if not TICKET.fullmatch(ticket):
        return None
    path = _folder(paths) / ticket
    try:
        token = SecretStr(path.read_text())
        path.unlink()
    except FileNotFoundError:
        return None
    return token


def _folder(paths: Paths) -> Path:
    """Of this data folder's tokens. ValueError on a Space that has no place in memory for them."""
    if not environment().is_space:
        return paths.root / "tokens"
    if not os.access(MEMORY, os.W_OK):
        raise ValueError("This Space has no memory in which a token could wait; set HF_TOKEN as a secret of the Space instead.")
    return MEMORY / f"studio-tokens-{hashlib.sha256(str(paths.root).encode()).hexdigest()[:16]}"
