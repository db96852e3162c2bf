"""What the page asks about unlearnings; starts nothing."""

from __future__ import annotations

from studio.core.files import Json
from studio.library.models import load_registry
from studio.ui.kit.exports import Saved, Table, of_run
from studio.ui.kit.reader import AskedReader
from studio.ui.kit.runs import when
from studio.ui.unlearn.view import UnlearnView

RECENT = 8


class Unlearnings(AskedReader[UnlearnView]):
    """Reads runs of the kind "unlearn"."""

    KIND, SHOWS = "unlearn", "what models were asked to forget"

    def made(self, run_id: str, request: Json) -> UnlearnView:
        entry = load_registry(self.jobs.paths).entries.get(request["base"])  # it may be gone since
        return UnlearnView(run_id, request, {"base": entry.title if entry else request["base"]})

    def recent(self) -> list[Json]:
        """The newest runs: {"id", "title", "state", "when"}."""
        found = self.jobs.list(kind=self.KIND, limit=RECENT)
        return [{"id": one.id, "title": one.title, "state": one.state, "when": when(one.created)} for one in found]

    def to_save(self, wish: Json) -> Saved:
        """Figures, request and result of {"run"}."""
        view, _ = self.look(str(wish["run"])[:80])
        made = [("arms", view.arms()), ("steps", view.steps())]
        tables = [
            Table(found["heads"], [[row["title"], *row["cells"]] for row in found["rows"]], title)
            for title, found in made
            if found is not None
        ]
        parts = [
            [one["name"], row.get("title"), one["part"], one["n"], one["before"], one["after"]]
            for row in view.last()
            for one in row.get("matrix") or []
        ]
        went = [[one["name"], row.get("title"), one["share"]] for row in view.last() for one in row.get("went") or []]
        if parts:
            tables.append(Table(("what", "model", "part", "n", "before", "after"), parts, "matrix"))
        if went:
            tables.append(Table(("what", "model", "share"), went, "where it went"))
        return Saved(tables, of_run(self.jobs, view.run_id, self.KIND))
