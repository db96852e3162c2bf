"""An evaluation as the page shows it: how far each candidate is, then what was found, in sentences, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.files import Json
from studio.library.candidates import Candidate
from studio.ui.evaluate import tables
from studio.ui.evaluate.choices import OWN, RUN, TYPED
from studio.ui.kit import arms, schema_form, words
from studio.ui.kit.run_view import RunView
from studio.ui.kit.seeds import write_seeds

NEWEST = 8  # pictures of a candidate while it is drawn


class EvaluateView(RunView):
    """Folds the events of one run of the kind "evaluate". about: {"titles": of candidates, "roles": of their models, "prompts":
    how many there are}."""

    def __init__(self, run_id: str, request: Json, about: Json):
        super().__init__(run_id, request, about)
        self.drawn: dict[int, dict[int, list[str]]] = {}  # candidate -> prompt -> files

    def other(self, event: Json) -> None:
        if event.get("kind") == "drawn":
            files = [str(file) for file in event.get("files") or []]
            self.drawn.setdefault(int(event["candidate"]), {})[int(event["prompt"])] = files

    # -- what the board draws --------------------------------------------------------------------------------------

    def board(self, ahead: int = 0) -> Json:
        """ahead: runs that wait before this one."""
        return {
            "run": self.run_id,
            "title": " against ".join(self.titles[:2]) + (f" and {len(self.titles) - 2} more" if len(self.titles) > 2 else ""),
            "state": self.state,
            "live": self.live,
            "status": {"word": self.state, "text": self._text(ahead)},
            "progress": self.progress,
            "notices": self.notices,
            "tones": self.tones,
            "titles": self.titles,
            "drawing": None if self.result else self.drawing(),
            "found": found(self.result, self.tones) if self.result else None,
            "asked": self.asked(),
        }

    def _text(self, ahead: int) -> str:
        p, note = self.progress or {}, self.note.rstrip(".")
        at = f"{p['done']:,} of {words.count(p['total'], 'prompt')}" if p.get("total") else ""
        if self.state == "queued":
            return f"{words.count(ahead, 'run')} ahead" if ahead else (note or "next in line")
        if self.state == "running":
            return at or "opening the models"
        return at if self.state == "done" else note or at

    @property
    def titles(self) -> list[str]:
        return [str(row["title"]) for row in self.result["candidates"]] if self.result else list(self.about["titles"])

    @property
    def tones(self) -> list[str]:
        """Whose colour each candidate has; a second one of an arm has that of all others."""
        given: list[str] = []
        for one, role in zip(self.request["candidates"], self.about["roles"], strict=True):
            slug = arms.look(Candidate.model_validate(one).arm or role).slug
            given.append("other" if slug in given else slug)
        return given

    def drawing(self) -> list[Json]:
        """While it goes on: {"title", "tone", "done", "of", "files": the newest}, a candidate each."""
        rows = []
        for k, (title, tone) in enumerate(zip(self.titles, self.tones, strict=True)):
            by = self.drawn.get(k, {})
            files = [file for prompt in by for file in by[prompt]]
            rows.append({"title": title, "tone": tone, "done": len(by), "of": self.about["prompts"], "files": files[-NEWEST:]})
        return rows

    def asked(self) -> Json:
        """The form as it was for this run: texts, as fields hold them."""
        given, prompts = self.request, [str(line) for line in self.request.get("prompts") or []]
        rows = [Candidate.model_validate(one) for one in given["candidates"]]
        return {
            "candidates": [
                {"model": one.model, "arm": one.arm,
                 "adapters": [{"id": use.id, "strength": f"{use.strength:g}", "on": use.on} for use in one.adapters]}
                for one in rows
            ],
            "source": TYPED if prompts else OWN, "prompts": "\n".join(prompts),
            "seeds": write_seeds(given.get("seeds") or []), "judges": list(given.get("judges") or []),
            "run": {name: schema_form.write(given[name]) for name in RUN if given.get(name) not in (None, "")},
        }  # fmt: skip


def found(result: Json, tones: Sequence[str]) -> Json:
    """What a run that is done came to: {"said", "judges", "foot", "scores", "pairs", "failing", "figures", "trust", "report"}."""
    said = [*(one["sentence"] for one in result["comparisons"]), *(row["sentence"] for row in result["candidates"])]
    return {
        "said": said,
        "judges": tables.about(result),
        "foot": f"{tables.judged(result)}, {tables.size(result)}.",
        "scores": tables.scores(result, tones),
        "pairs": tables.pairs(result),
        "failing": tables.failing(result),
        "figures": tables.figures(result),
        "trust": tables.trust(result),
        "report": str(result.get("report") or ""),
    }
