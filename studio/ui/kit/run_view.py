"""A background run as the page shows it: its events and its result, folded together. What is drawn of it is a tab's own."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.kit.views import LIVE


class RunView:
    """Folds the events of one run. finish: takes what only `result.json` holds."""

    def __init__(self, run_id: str, request: Json, about: Json):
        """about: what lists call what the request names."""
        self.run_id, self.request, self.about = run_id, dict(request), dict(about)
        self.state, self.note = "queued", ""
        self.progress: Json | None = None
        self.notices: list[str] = []
        self.result: Json | None = None
        self.finished = False

    @property
    def live(self) -> bool:
        return self.state in LIVE

    def apply(self, event: Json) -> None:
        """Fold one event in."""
        kind = event.get("kind")
        if kind == "state":
            self.state, self.note = str(event["state"]), str(event.get("note") or "")
        elif kind == "progress":
            self.progress = {k: event.get(k) for k in ("done", "total", "eta_s")}
        elif kind == "notice":
            self._notice(str(event["text"]))
        else:
            self.other(event)

    def other(self, event: Json) -> None:
        """One of a kind that this run alone has. Those that the page does not know are passed over."""

    def finish(self, result: Json | None) -> None:
        self.finished = True
        if not result:
            return
        self.result = dict(result)
        self.found(self.result)
        for text in result.get("notices") or []:
            self._notice(str(text))

    def found(self, result: Json) -> None:
        """What else there is to take from it."""

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)
