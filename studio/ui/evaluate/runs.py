"""What the page asks about evaluations; starts nothing."""

from __future__ import annotations

from collections.abc import Iterator

from studio.capabilities.evaluate import prompt_set
from studio.core.files import Json
from studio.domains import domain_of
from studio.library.adapters import load_adapters
from studio.library.candidates import Candidate
from studio.library.models import Registry, load_registry
from studio.ui.evaluate.view import EvaluateView
from studio.ui.evaluate.wall import wall
from studio.ui.kit.exports import Saved, Table, of_run
from studio.ui.kit.reader import AskedReader
from studio.ui.kit.runs import when

RECENT = 8


class Evaluations(AskedReader[EvaluateView]):
    """Reads runs of the kind "evaluate"."""

    KIND, SHOWS = "evaluate", "evaluations"

    def made(self, run_id: str, request: Json) -> EvaluateView:
        registry = load_registry(self.jobs.paths)
        rows = [Candidate.model_validate(one) for one in request["candidates"]]
        entries = [registry.entries.get(one.model) for one in rows]
        about = {
            "titles": [self._title(one, registry) for one in rows],
            "roles": [entry.role if entry else "student" for entry in entries],
            "prompts": len(request.get("prompts") or ()) or _own(rows[0], registry, int(request.get("n_prompts") or 0)),
        }
        return EvaluateView(run_id, request, about)

    def _title(self, one: Candidate, registry: Registry) -> str:
        try:
            return one.title(registry, load_adapters(self.jobs.paths))
        except ValueError:  # a model or an adapter is gone since
            return str(one)

    def recent(self) -> list[Json]:
        """The newest runs: {"id", "title", "state", "when"}."""
        found = self.jobs.list(kind=self.KIND, limit=RECENT)
        return [{"id": one.id, "title": one.title, "state": one.state, "when": when(one.created)} for one in found]

    def wall(self, wish: Json) -> Json:
        """Samples of {"run", …} as `wall.wall` gives them, or {"problem"}. Gradio's browser side sends anything."""
        try:
            view, _ = self.look(str(wish["run"])[:80])
            if view.result is None:
                raise ValueError("This run has no result yet.")
            return wall(view.result, wish)
        except (ValueError, KeyError, TypeError) as error:
            return {"problem": str(error)}

    def to_save(self, wish: Json) -> Saved:
        """Figures, request and result of {"run"}."""
        view, _ = self.look(str(wish["run"])[:80])
        tables = list(_saved(view.result)) if view.result else []
        return Saved(tables, of_run(self.jobs, view.run_id, self.KIND))


def _own(first: Candidate, registry: Registry, n: int) -> int:
    """How many prompts there are where none are written."""
    entry = registry.entries.get(first.model)
    try:
        return len(prompt_set.own(domain_of(entry.domain), n)) if entry else n
    except ValueError:
        return n


def _saved(result: Json) -> Iterator[Table]:
    rows = result["candidates"]
    judge = str(result["judges"][result["judge"]]["title"])
    kinds = list(dict.fromkeys(one["title"] for row in rows for one in row["by_kind"]))
    scores = []
    for row in rows:
        by = {one["title"]: one for one in row["by_kind"]}
        scores.append(
            [row["name"], judge, row["n"], row["score"], row["all_right"], *(by.get(kind) for kind in kinds), row["nfe"]]
        )
    yield Table(("candidate", "judge", "n", "what was asked for", "all of it", *kinds, "NFE"), scores, "scores")
    gaps = [
        [f"{rows[one['a']]['name']} minus {rows[one['b']]['name']}", judge, one["difference"],
         *(one["prompts"][name] for name in ("better", "worse", "same", "p"))]
        for one in result["comparisons"]
    ]  # fmt: skip
    if gaps:
        yield Table(("pair", "judge", "difference", "prompts better", "worse", "same", "p"), gaps, "pairs")
    for row in rows:
        asked = [
            [one["question"], row["name"], judge, one["share"], one["share"]["n"],
             "; ".join(f"{each['seen']} ({each['n']})" for each in one["instead"])]
            for one in row["by_check"]
        ]  # fmt: skip
        yield Table(("question", "candidate", "judge", "yes", "n", "seen instead"), asked, "questions")
    figures = [
        [one["title"], row["name"], one.get("read_by"), one, one.get("n")] for row in rows for one in row.get("figures") or []
    ]
    if figures:
        yield Table(("figure", "candidate", "judge", "value", "n"), figures, "classical")
    for row in rows:
        texts = [result["prompts"][one["prompt"]]["text"] for one in row["samples"]]
        each = [
            [text, row["name"], judge, one["seed"], one["score"], int(one["right"])]
            for text, one in zip(texts, row["samples"], strict=True)
        ]
        yield Table(("prompt", "candidate", "judge", "seed", "score", "right"), each, "samples")
