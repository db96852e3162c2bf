"""What the page asks about runs: one look at a run, the list of recent ones, the state of the worker."""

from __future__ import annotations

from studio.capabilities.compare import page
from studio.core.files import Json
from studio.domains import domain_of, media
from studio.library.models import load_registry
from studio.ui.compare.components import figures_of
from studio.ui.compare.view import RunView
from studio.ui.kit import pairs, words
from studio.ui.kit.exports import Saved, of_run
from studio.ui.kit.reader import Reader
from studio.ui.kit.runs import when

ELSEWHERE = "on the machine it ran on"


class Watch(Reader[RunView]):
    """Reads runs for the page; never starts or changes one."""

    KIND, SHOWS = "compare", "comparisons only"

    def _new(self, run_id: str) -> RunView:
        spec = self.jobs.spec(run_id)
        request = spec.config
        try:
            student = load_registry(self.jobs.paths).pair(request["pair"]).student
            steps, medium = student.steps if student.recipe else 4, domain_of(student.domain).medium
        except ValueError:  # its models have gone; what it made can still be looked at
            steps, medium = 4, ""
        view = RunView(run_id, request, steps, medium if medium in media.viewers() else "")
        view.pair = pairs.named(self.jobs.paths, request["pair"])
        view.where = ELSEWHERE if spec.executor else view.where
        return view

    def to_save(self, wish: Json) -> Saved:
        """Figures, request and result of {"run"}."""
        view, _ = self.look(str(wish["run"])[:80])
        table = figures_of(view.rows.values())
        document = of_run(self.jobs, view.run_id, self.KIND)
        return Saved([table] if table.rows else [], document, lambda: page.of_run(self.jobs, view.run_id))

    def recent(self) -> list[Json]:
        """The newest comparisons for the drawer."""
        cards = []
        for info, view in self.newest():
            pictures = [path for row in view.rows.values() for path in list(row["images"].values())[:2]][:4]
            about = " · ".join([when(info.created), words.count(len(view.seeds), "seed"), words.count(len(view.rows), "arm")])
            cards.append(
                {"id": info.id, "prompt": view.request["prompt"], "about": about, "state": info.state, "pictures": pictures}
            )
        return cards
