"""What the page asks about grids; starts nothing."""

from __future__ import annotations

import gradio as gr

from studio.capabilities.grid.request import GridRequest, cells
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.ui.grid.view import GridView
from studio.ui.kit import words
from studio.ui.kit.exports import Saved, Table, of_run
from studio.ui.kit.reader import Reader
from studio.ui.kit.runs import when


class Grids(Reader[GridView]):
    """Reads runs of the kind "grid". shown: the field that holds the run which is shown."""

    KIND, SHOWS = "grid", "grids"

    def __init__(self, jobs: Jobs):
        super().__init__(jobs)
        self.shown: gr.Textbox | None = None

    def _new(self, run_id: str) -> GridView:
        return GridView(run_id, GridRequest.model_validate(self.jobs.spec(run_id).config))

    def to_save(self, wish: Json) -> Saved:
        """A row a cell, request and result of {"run"}."""
        view, _ = self.look(str(wish["run"])[:80])
        heads, rows = view.table()
        return Saved([Table(heads, rows)] if rows else [], of_run(self.jobs, view.run_id, self.KIND))

    def drawn_by(self, run_id: str, at: tuple[int, ...]) -> Json:
        """The request of a cell, as Compare draws it. ValueError where it cannot be drawn, or is none of the run's."""
        view, _ = self.look(run_id)
        context = {"registry": load_registry(self.jobs.paths), "home": self.jobs.paths}
        found = next((cell for cell in cells(GridRequest.model_validate(view.request), context) if cell.at == at), None)
        if found is None or found.request is None:
            raise ValueError(found.why if found else "The grid has no such cell.")
        request: Json = found.request.model_dump(mode="json") | {"previews": True}
        return request

    def recent(self) -> list[Json]:
        """The newest grids for the drawer."""
        cards = []
        for info, view in self.newest():
            pictures = [path for cell in view.cells.values() for path in list(cell["images"].values())[:1]]
            about = " · ".join(
                [when(info.created), " × ".join(axis["title"] for axis in view.axes), words.count(view.many, "cell")]
            )
            cards.append(
                {
                    "id": info.id,
                    "kind": self.KIND,
                    "prompt": view.prompt,
                    "about": about,
                    "state": info.state,
                    "pictures": pictures[:: max(1, len(pictures) // 4)][:4],
                }
            )
        return cards
