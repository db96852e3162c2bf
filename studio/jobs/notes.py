"""What people say of a run: a name of its own, tags, whether it is a favourite. `notes.json` in its directory.

The file is written whole or not at all, and is not there where nothing is said. What an index knows of it is read from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from studio.core.files import Json, atomic_write, read_json

NOTES_FILE = "notes.json"
MAX_NAME, MAX_TAGS, MAX_TAG = 120, 12, 32
_TAG = re.compile(r"\w[\w .+-]*")


@dataclass(frozen=True)
class Notes:
    name: str = ""
    tags: tuple[str, ...] = ()
    favourite: bool = False

    @property
    def plain(self) -> Json:
        """As JSON holds it."""
        return {**asdict(self), "tags": list(self.tags)}


def read_notes(folder: Path) -> Notes:
    """What is said of a run; nothing where the file is not there or was spoiled by hand."""
    found = read_json(folder / NOTES_FILE) or {}
    name, tags = found.get("name"), found.get("tags")
    try:
        kept = checked_tags([tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [])
        return Notes(checked_name(name if isinstance(name, str) else ""), kept, found.get("favourite") is True)
    except ValueError:
        return Notes()


def write_notes(folder: Path, notes: Notes) -> None:
    if notes == Notes():
        (folder / NOTES_FILE).unlink(missing_ok=True)
    else:
        atomic_write(folder / NOTES_FILE, json.dumps(notes.plain, indent=1))


def checked_name(name: str) -> str:
    """A name as it is kept: one line. ValueError where it is too long."""
    found = " ".join(name.split())
    if len(found) > MAX_NAME:
        raise ValueError(f"A name of {len(found)} characters is too long; at most {MAX_NAME} fit.")
    return found


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags as they are kept: small letters, each once. ValueError in one sentence where they do not fit."""
    found = tuple(dict.fromkeys(filter(None, (" ".join(tag.casefold().split()) for tag in tags))))
    if strange := next((tag for tag in found if len(tag) > MAX_TAG or not _TAG.fullmatch(tag)), None):
        raise ValueError(
            f"{strange[:40]!r} is no tag; letters, digits, spaces, -, + and . fit, at most {MAX_TAG}, from a letter or digit on."
        )
    if len(found) > MAX_TAGS:
        raise ValueError(f"{len(found)} tags are too many for one run; at most {MAX_TAGS} fit.")
    return found
