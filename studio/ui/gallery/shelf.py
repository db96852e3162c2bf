"""What the Gallery asks of the server while somebody looks: cards of runs, notes on them, the trash, two runs side by side.

Gradio's browser side sends anything; what does not fit is answered as {"problem": a sentence}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from studio.core import demo
from studio.core.files import Json
from studio.jobs import history
from studio.jobs.cards import Asked
from studio.jobs.events import FINAL
from studio.jobs.jobs import Jobs
from studio.jobs.trash import KEPT_DAYS
from studio.library import run_cards, two_runs
from studio.ui.kit import words
from studio.ui.kit.runs import when

PAGE, MOST = 60, 600  # cards that are sent at once
Served = Callable[[Json], Json]


class Shelf:
    """Answers of a page over `jobs`."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs

    def served(self) -> list[Served]:
        """Functions that the script calls by their names."""

        def find(asked: Json) -> Json:
            """A page of cards."""
            return _answered(self.find, asked)

        def note(asked: Json) -> Json:
            """Name, tags and favourite of a run."""
            return _answered(self.note, asked)

        def remove(asked: Json) -> Json:
            """A run to the trash."""
            return _answered(self.remove, asked)

        def restore(asked: Json) -> Json:
            """A run out of the trash."""
            return _answered(self.restore, asked)

        def trash(asked: Json) -> Json:
            """What lies in the trash, emptied before where that is asked for."""
            return _answered(self.trash, asked)

        def beside(asked: Json) -> Json:
            """Two runs."""
            return _answered(self.beside, asked)

        return [find, note, remove, restore, trash, beside]

    def find(self, asked: Json) -> Json:
        """{"total", "cards", "counts", "trash", "locked"}; counts and trash with the first page alone. locked: why nothing is
        deleted here."""
        offset, limit = _whole(asked.get("offset"), 0), _whole(asked.get("limit"), PAGE)
        kind, state = str(asked.get("kind") or ""), str(asked.get("state") or "")
        wish = Asked(
            find=str(asked.get("find") or "")[:400],
            kinds=(kind,) if kind else (),
            states=(state,) if state else (),
            model=str(asked.get("with") or ""),
            tag=str(asked.get("tag") or ""),
            favourite=bool(asked.get("favourites")),
            oldest=asked.get("order") == "oldest",
            offset=max(0, offset),
            limit=min(max(1, limit), MOST),
        )
        wish = run_cards.asked(wish, str(asked.get("since") or ""), str(asked.get("until") or ""))
        cards = run_cards.cards_of(self.jobs)
        found = cards.find(wish)
        answer: Json = {"total": found.total, "cards": [self._card(card) for card in found.cards]}
        if not wish.offset:
            counts = cards.counts(run_cards.HELPERS)
            named = [[kind, n, run_cards.kind_title(kind)] for kind, n in counts["kinds"]]
            answer |= {"counts": {**counts, "kinds": named}, "locked": demo.refusal("delete"), "days": KEPT_DAYS}
            answer["trash"] = 0 if demo.on() else len(self.jobs.trash.listed())
        return answer

    def _card(self, card: Json) -> Json:
        made = datetime.fromtimestamp(card["created"])
        about = card["said"] if not card["pictures"] else ""
        named = (
            "id",
            "kind",
            "kind_title",
            "title",
            "rest",
            "prompt",
            "models",
            "pictures",
            "wide",
            "name",
            "tags",
            "favourite",
            "state",
            "note",
        )
        return {name: card[name] for name in named} | {
            "said": about, "when": when(card["created"]), "made": f"{made:%A, %-d %B %Y, %H:%M}", "ended": card["state"] in FINAL,
        }  # fmt: skip

    def note(self, asked: Json) -> Json:
        said: Json = {}
        if "name" in asked:
            said["name"] = str(asked["name"])
        if isinstance(asked.get("tags"), list):
            said["tags"] = [str(tag) for tag in asked["tags"]]
        if "favourite" in asked:
            said["favourite"] = bool(asked["favourite"])
        return self.jobs.note(_run(asked), **said).plain

    def remove(self, asked: Json) -> Json:
        history.delete_run(self.jobs, _run(asked))
        return {"days": KEPT_DAYS}

    def restore(self, asked: Json) -> Json:
        return {"state": history.restore_run(self.jobs, _run(asked)).state}

    def trash(self, asked: Json) -> Json:
        demo.check("delete")
        gone = history.empty_trash(self.jobs) if asked.get("empty") else []
        found = [
            {"id": one.id, "title": one.title or run_cards.kind_title(one.kind), "kind_title": run_cards.kind_title(one.kind),
             "left": words.count(max(1, round(one.days)), "day")}
            for one in self.jobs.trash.listed()
        ]  # fmt: skip
        return {"runs": found, "gone": len(gone), "days": KEPT_DAYS}

    def beside(self, asked: Json) -> Json:
        """As `two_runs.beside`, with "runs", their titles, and figures in words."""
        pair = [_run({"run": run}) for run in (asked.get("a"), asked.get("b"))]
        found = two_runs.beside(self.jobs, *pair)
        found["figures"] = [
            {"name": row["name"], **{side: list(words.interval(row[side])) for side in ("a", "b")}} for row in found["figures"]
        ]
        infos = [self.jobs.get(run) for run in pair]
        found["runs"] = [
            {"id": one.id, "title": one.title or one.kind, "when": when(one.created), "state": one.state} for one in infos
        ]
        return found


def _answered(work: Served, asked: object) -> Json:
    try:
        return work(dict(asked) if isinstance(asked, Mapping) else {})
    except (ValueError, OSError) as error:
        return {"problem": str(error)}


def _run(asked: Json) -> str:
    return str(asked.get("run"))[:80]


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
