"""What the page asks about control runs and adapters; starts nothing."""

from __future__ import annotations

from studio.core.files import Json
from studio.library.adapter_effects import attribute_of
from studio.library.adapters import Adapters, load_adapters
from studio.library.controlnets import load_controlnets
from studio.library.models import Pair
from studio.ui.control.view import ControlView
from studio.ui.kit import pairs, words
from studio.ui.kit.exports import Saved, Table, of_run
from studio.ui.kit.reader import Reader
from studio.ui.kit.runs import when


class Controls(Reader[ControlView]):
    """Reads runs of the kind "control", and the adapters there are."""

    KIND, SHOWS = "control", "control runs"

    @property
    def adapters(self) -> Adapters:
        return load_adapters(self.jobs.paths)

    def _new(self, run_id: str) -> ControlView:
        request = self.jobs.spec(run_id).config
        entry = self.adapters.entries.get(request["vary"]["id"])  # may have been deleted since
        what = attribute_of(entry) if entry else None
        about = {"title": what.title, "low": what.low, "high": what.high, "unit": what.unit} if what else None
        view = ControlView(run_id, request, entry.title if entry else request["vary"]["id"], about)
        view.pair = pairs.named(self.jobs.paths, request["draw"]["pair"])
        return view

    def to_save(self, wish: Json) -> Saved:
        """Figures, request and result of {"run"}."""
        view, _ = self.look(str(wish["run"])[:80])
        table = view.table()
        tables = [Table(table["heads"], [[row["title"], *row["cells"]] for row in table["rows"]])] if table else []
        return Saved(tables, of_run(self.jobs, view.run_id, self.KIND))

    def known(self, pair: Pair | None) -> list[Json]:
        """Adapters for the form: those that fit the pair, with what they move; those that need pictures come last."""
        if pair is None:
            return []
        found = []
        for entry in sorted(self.adapters.entries.values(), key=lambda one: bool(one.card.get("attributes"))):
            if not entry.available or not (entry.fits(pair.teacher) or entry.fits(pair.student)):
                continue
            what = attribute_of(entry)
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
        for info, view in self.newest():
            pictures = [path for cell in view.cells.values() for path in list(cell["images"].values())[:1]]
            about = " · ".join([when(info.created), view.title, words.count(len(view.strengths), "strength")])
            cards.append({"id": info.id, "kind": "control", "prompt": view.prompt, "about": about, "state": info.state,
                          "pictures": pictures[:: max(1, len(pictures) // 4)][:4]})  # fmt: skip
        return cards
