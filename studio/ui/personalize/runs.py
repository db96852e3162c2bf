"""What the page asks about personalizations; starts nothing."""

from __future__ import annotations

from typing import TypeVar

from studio.core.files import Json
from studio.library.models import load_registry
from studio.library.subjects import subjects
from studio.ui.jobs import picks_table
from studio.ui.kit.exports import Saved, Table, of_run
from studio.ui.kit.reader import AskedReader
from studio.ui.personalize.view import PersonalView

V = TypeVar("V", bound=PersonalView)


class TrainedRuns(AskedReader[V]):
    """Of either half of the tab."""

    def to_save(self, wish: Json) -> Saved:
        """Figures, request and result of {"run"}."""
        view, _ = self.look(str(wish["run"])[:80])
        tables = [
            Table(found["heads"], [[row["title"], *row["cells"]] for row in found["rows"]], title)
            for title, found in view.tables().items()
        ]
        return Saved(tables, of_run(self.jobs, view.run_id, self.KIND))


class Personalizations(TrainedRuns[PersonalView]):
    """Reads runs of the kind "personalize"."""

    KIND, SHOWS = "personalize", "subjects that models were taught"

    def made(self, run_id: str, request: Json) -> PersonalView:
        one, entry = (
            subjects(self.jobs.paths).get(request["subject"]),
            load_registry(self.jobs.paths).entries.get(request["base"]),
        )  # either may be gone since
        about = {
            "subject": one.title if one else request["subject"],
            "word": one.word if one else "its word",
            "base": entry.title if entry else request["base"],
        }
        return PersonalView(run_id, request, about)

    def kept(self, run_id: str) -> Json:
        """Steps at which the adapter was kept, which of them is the listed one, and whether another can be picked now."""
        found = picks_table.table(self.jobs, self.jobs.get(run_id)) or {"rows": [], "may": False}
        worn = next((row["step"] for row in found["rows"] if row["worn"]), None)
        return {"steps": [row["step"] for row in found["rows"]], "worn": worn, "may": found["may"]}
