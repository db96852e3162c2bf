"""What the page asks about scrub runs: one look at a run, the list of recent ones, the run that scrubs another."""

from __future__ import annotations

from studio.capabilities.scrub import exports
from studio.core.files import Json
from studio.jobs.info import RunInfo
from studio.library.adapters import load_adapters
from studio.library.models import Registry, load_registry
from studio.library.sizes import interchangeable
from studio.ui.kit import pairs, words
from studio.ui.kit.exports import Saved, of_run
from studio.ui.kit.reader import Reader
from studio.ui.kit.runs import RECENT, when
from studio.ui.scrub.view import ScrubView

ENDED_BADLY = ("failed", "cancelled", "interrupted")


class Scrubs(Reader[ScrubView]):
    """Reads runs of the kind "scrub" for the page; submits one where somebody wants a run scrubbed."""

    KIND, SHOWS = "scrub", "scrub runs"

    def _new(self, run_id: str) -> ScrubView:
        request = self.jobs.spec(run_id).config
        view = ScrubView(run_id, request, self._source(request.get("source")))
        view.pair = pairs.named(self.jobs.paths, view.pair) if view.pair else ""
        return view

    def _source(self, run_id: str | None) -> Json:
        """What is known of the run that another one looks at; nothing when it has been deleted."""
        if not run_id:
            return {}
        try:
            config, result = self.jobs.spec(run_id).config, self.jobs.result(run_id) or {}
        except (ValueError, OSError):
            return {}
        if "prompt" in config:  # a comparison
            return {
                "root": run_id,
                "prompt": config["prompt"],
                "pair": config["pair"],
                "seeds": config["seeds"],
                "images": _images(result),
            }
        further = self._source(config.get("source"))
        own = dict(config.get("draw") or {})
        return {"root": result.get("root") or further.get("root") or run_id,
                "prompt": result.get("prompt") or own.get("prompt") or further.get("prompt"),
                "pair": own.get("pair") or further.get("pair"),
                "seeds": result.get("seeds") or own.get("seeds") or further.get("seeds"),
                "images": _images(result) or further.get("images")}  # fmt: skip

    def board(self, run_id: str) -> Json:
        """What the scrubber draws of a run, with every model that may be named in it."""
        view, ahead = self.look(run_id)
        used = {step["model"] for row in view.rows.values() for step in row["steps"] or []}
        registry = load_registry(self.jobs.paths)
        models = _models(registry, used, view.models)
        goes = [registry.entries[name] for name, about in models.items() if about["goes"]]
        known = load_adapters(self.jobs.paths)
        worn = {entry.id: entry.title for entry in known.entries.values() if any(entry.fits(model) for model in goes)}
        return view.board(ahead) | {"models": models, "adapters": worn, "formats": list(exports.formats())}

    def drawn(self, run_id: str | None) -> Json | None:
        """The request that drew what a run shows or looks at; None when that run has gone."""
        try:
            config = self.jobs.spec(str(run_id)).config
        except ValueError:
            return None
        return config if "prompt" in config else config.get("draw") or self.drawn(config.get("source"))

    def to_save(self, wish: Json) -> Saved:
        """An experiment file of a run that looks at another draws what that one drew: it means the same elsewhere."""
        document, drawn = of_run(self.jobs, str(wish.get("run")), "scrub"), self.drawn(str(wish.get("run")))
        if drawn is None and wish.get("what") == "yaml":
            raise ValueError("The run that this one looks at is not here, so nothing says what drew its pictures.")
        return Saved([], document | ({"request": {"draw": drawn}} if wish.get("what") == "yaml" else {}))

    def of(self, run_id: str) -> str:
        """The scrub run of any run: itself, one that looks at it, or a new one. ValueError when it cannot be scrubbed."""
        info = self.jobs.get(run_id)
        if info.kind == "scrub":
            return run_id
        if info.kind != "compare":
            raise ValueError(f"Run {run_id} is a {info.kind} job; comparisons can be scrubbed.")
        if not info.final:
            raise ValueError("This comparison is still being drawn; scrub it when it is done.")
        for other in self.jobs.list(kind="scrub", limit=200):
            config = self.jobs.spec(other.id).config
            if config.get("source") == run_id and not config.get("branches") and other.state not in ENDED_BADLY:
                return other.id
        return self.jobs.submit("scrub", {"source": run_id})

    def recent(self) -> list[Json]:
        """The newest scrub runs for the drawer, but for those that another one has taken up."""
        infos = self.jobs.list(kind="scrub", limit=4 * RECENT)
        followed = {self._config(info).get("source") for info in infos if info.state not in ENDED_BADLY}
        cards = []
        for info in infos:
            if info.id in followed:
                continue
            try:
                view, _ = self.look(info.id)
            except (ValueError, KeyError):
                continue  # a folder somebody edited by hand is not worth losing the list
            branches = sum(row["branch"] is not None for row in view.rows.values())
            parts = [when(info.created), "scrub", words.count(len(view.seeds), "seed"), words.count(len(view.rows), "row")]
            parts += [f"{branches} branch{'' if branches == 1 else 'es'}"] if branches else []
            cards.append({"id": info.id, "kind": "scrub", "prompt": view.prompt, "about": " · ".join(parts),
                          "state": info.state, "pictures": view.images[:4]})  # fmt: skip
        return cards[:RECENT]

    def _config(self, info: RunInfo) -> Json:
        try:
            return self.jobs.spec(info.id).config
        except ValueError:
            return {}


def _images(result: Json) -> list[str]:
    """Two pictures an arm, for the drawer."""
    return [image["path"] for arm in result.get("arms") or [] for image in (arm.get("images") or [])[:2]]


def _models(registry: Registry, used: set[str], named: Json) -> Json:
    """{id: {"title", "role", "goes"}} of the models that took steps, and of those that could go on from them ("goes")."""
    known = [registry.entries[name] for name in used if name in registry.entries]
    alike = {name for name, entry in registry.entries.items() if any(interchangeable(entry, one) for one in known)}
    found = {
        name: {"title": entry.title, "role": entry.role, "goes": entry.available and name in alike}
        for name, entry in registry.entries.items()
        if name in used or name in alike
    }
    gone = {name: {"title": (named.get(name) or {}).get("title", name), "role": "student", "goes": False} for name in used}
    return {**gone, **found}
