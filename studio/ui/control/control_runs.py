"""What the page asks about control runs and adapters; starts nothing."""

from __future__ import annotations

from studio.core.files import Json
from studio.domains.pocket.attributes import ATTRIBUTES
from studio.jobs.jobs import Jobs
from studio.library.adapters import Adapters, load_adapters
from studio.library.controlnets import load_controlnets
from studio.library.models import Pair
from studio.ui.control.view import ControlView
from studio.ui.kit import words
from studio.ui.kit.runs import RECENT, when
from studio.ui.kit.views import Views


class Controls:
    """Reads runs of the kind "control", and the adapters there are."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        self._views: Views[ControlView] = Views(jobs.tail)

    @property
    def adapters(self) -> Adapters:
        return load_adapters(self.jobs.paths)

    def look(self, run_id: str) -> tuple[ControlView, int]:
        """(the run as it is now, runs ahead of it). ValueError when there is no such run or it is another kind."""
        info = self.jobs.get(run_id)
        if info.kind != "control":
            raise ValueError(f"Run {run_id} is a {info.kind} job; this tab shows control runs.")
        view = self._views.look(run_id, lambda: self._new(run_id), lambda: self.jobs.result(run_id))
        if info.final and view.live:  # the index knows the end before the log does when a worker was killed
            view.state, view.note = info.state, info.note
            view.finish(self.jobs.result(run_id))
        return view, info.ahead

    def _new(self, run_id: str) -> ControlView:
        request = self.jobs.spec(run_id).config
        entry = self.adapters.entries.get(request["vary"]["id"])  # may have been deleted since
        what = ATTRIBUTES.get(str(entry.card.get("attribute"))) if entry else None
        about = {"title": what.title, "low": what.low, "high": what.high, "unit": what.unit} if what else None
        return ControlView(run_id, request, entry.title if entry else request["vary"]["id"], about)

    def known(self, pair: Pair | None) -> list[Json]:
        """Adapters for the form: those that fit the pair, with what they move."""
        if pair is None:
            return []
        found = []
        for entry in self.adapters.entries.values():
            if not entry.available or not (entry.fits(pair.teacher) or entry.fits(pair.student)):
                continue
            what = ATTRIBUTES.get(str(entry.card.get("attribute")))
            ends = f"{what.low} – {what.high}" if what else str(entry.card.get("kind") or "adapter")
            found.append({"id": entry.id, "title": entry.title, "about": ends, "base": entry.base})
        return found

    def controlnets(self, pair: Pair | None) -> list[tuple[str, str]]:
        """For the form: none, and those that fit the pair's teacher."""
        found = load_controlnets(self.jobs.paths).for_model(pair.teacher) if pair else []
        return [("none", ""), *((f"{entry.title} ({entry.id})", entry.id) for entry in found)]

    def recent(self) -> list[Json]:
        """The newest control runs for the drawer."""
        cards = []
        for info in self.jobs.list(kind="control", limit=RECENT):
            try:
                view, _ = self.look(info.id)
            except (ValueError, KeyError):
                continue  # a folder somebody edited by hand is not worth losing the list
            pictures = [path for cell in view.cells.values() for path in list(cell["images"].values())[:1]]
            about = " · ".join([when(info.created), view.title, words.count(len(view.strengths), "strength")])
            cards.append({"id": info.id, "kind": "control", "prompt": view.prompt, "about": about, "state": info.state,
                          "pictures": pictures[:: max(1, len(pictures) // 4)][:4]})  # fmt: skip
        return cards
