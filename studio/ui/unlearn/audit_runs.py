"""What the page asks about audits; starts nothing."""

from __future__ import annotations

from studio.capabilities.audit.known_attacks import cards
from studio.capabilities.audit.page import NAMES
from studio.capabilities.audit.request import KEPT
from studio.capabilities.audit.verdict import judged
from studio.core.files import Json, read_json
from studio.library.adapters import load_adapters
from studio.library.models import load_registry
from studio.ui.kit.exports import Saved, Table, of_run
from studio.ui.kit.reader import AskedReader
from studio.ui.kit.runs import when
from studio.ui.unlearn.audit_view import AuditView

RECENT = 8


class Audits(AskedReader[AuditView]):
    """Reads runs of the kind "audit"."""

    KIND, SHOWS = "audit", "audits"

    def made(self, run_id: str, request: Json) -> AuditView:
        paths = self.jobs.paths
        adapter = load_adapters(paths).entries.get(request["adapter"])  # it may be gone since, as may the model
        model = request.get("model") or (adapter.base if adapter else "the model that it was made on")
        entry = load_registry(paths).entries.get(model)
        chosen = request.get("attacks") or [one["name"] for one in cards()]
        titles = {one["name"]: one["title"] for one in cards() if one["name"] in chosen}
        about = {"model": entry.title if entry else model, "attacks": titles}
        return AuditView(run_id, request, about, lambda: read_json(paths.run(run_id) / KEPT) if run_id else None)

    def recent(self) -> list[Json]:
        """The newest runs: {"id", "title", "state", "when"}."""
        found = self.jobs.list(kind=self.KIND, limit=RECENT)
        return [{"id": one.id, "title": one.title, "state": one.state, "when": when(one.created)} for one in found]

    def to_save(self, wish: Json) -> Saved:
        """Figures of every attack, request and result of {"run"}."""
        view, _ = self.look(str(wish["run"])[:80])
        names = [NAMES[key] for key in view.keys]
        told, every = [], []
        for one, _, said in judged(view.findings()):
            row = one["rows"][one["told"]]
            told.append([one["title"], row["name"], *_shares(row, view.keys), said, one["spent"], one["seconds"]])
            every += [[row["name"], one["title"], *_shares(row, view.keys)] for row in one["rows"]]
        shares = [head for name in names for head in (name, f"{name} n")]
        tables = [
            Table(("attack", "what", *shares, "outcome", "what it took", "seconds"), told, "attacks"),
            Table(("what", "attack", *shares), every, "every row"),
        ]
        return Saved(tables if told else [], of_run(self.jobs, view.run_id, self.KIND))


def _shares(row: Json, keys: list[str]) -> list[object]:
    """Of every model its share and how many pictures it is of."""
    return [cell for key in keys for cell in (row.get(key), (row.get(key) or {}).get("n"))]
