"""Runs kept in view: one reader a run, fed from a byte offset, however many browsers watch it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from studio.core.files import Json

LIVE = ("queued", "loading", "running")
KEPT_VIEWS = 64
READS_PER_LOOK = 64  # a reader that is behind catches up in blocks; this bounds one look at about 256 MB
Tail = Callable[[str, int], tuple[Sequence[Json], int]]


ODD = (KeyError, TypeError, ValueError, AttributeError, IndexError)  # what an edited file of a run leads to


class View(Protocol):
    """What `Views` keeps up to date: `RunView` here, `JobView` for background runs."""

    finished: bool

    @property
    def live(self) -> bool: ...
    def apply(self, event: Json) -> None: ...
    def finish(self, result: Json | None) -> None: ...


V = TypeVar("V", bound=View)


def finish(view: View, result: Json | None) -> None:
    """End a view with its result, or without one where the file holds something that no run of the kind writes."""
    try:
        view.finish(result)
    except ODD:
        view.finish(None)


class Views(Generic[V]):
    """One view per run, kept for the most recently watched. Safe to call from many threads."""

    def __init__(self, tail: Tail):
        self._tail = tail
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[threading.Lock, V, list[int]]] = OrderedDict()

    def look(self, run_id: str, make: Callable[[], V], result: Callable[[], Json | None]) -> V:
        """The view of a run brought up to its newest event; `make` builds it on first sight."""
        with self._lock:
            entry = self._entries.get(run_id) or (threading.Lock(), make(), [0])
            self._entries[run_id] = entry
            self._entries.move_to_end(run_id)
            while len(self._entries) > KEPT_VIEWS:
                self._entries.popitem(last=False)
        lock, view, offset = entry
        with lock:
            was_live = view.live
            for _ in range(READS_PER_LOOK):
                events, new = self._tail(run_id, offset[0])
                for event in events:
                    with suppress(*ODD):  # an event without what its kind has is passed over, like a torn line
                        view.apply(event)
                if new == offset[0]:
                    break
                offset[0] = new
            if not view.live and (was_live or not view.finished):
                finish(view, result())
        return view

    def forget(self, run_id: str) -> None:
        with self._lock:
            self._entries.pop(run_id, None)
