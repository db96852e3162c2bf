"""A live run as the page shows it: its arms, and the texts at which typing paused."""

from __future__ import annotations

from studio.capabilities.live.request import LiveRequest
from studio.core.files import Json
from studio.ui.kit import arms, words
from studio.ui.kit.run_view import RunView


class LiveView(RunView):
    """Folds the events of one run of the kind "live"."""

    def __init__(self, run_id: str, request: LiveRequest):
        draw = request.draw
        super().__init__(run_id, request.model_dump(mode="json"), {"pair": draw.pair})
        self.prompt, self.seeds = draw.prompt, list(draw.seeds)
        self.arms = [{"arm": arm, "title": arms.title(arm), "tone": arms.look(arm).slug} for arm in draw.arms]
        self.texts: dict[int, Json] = {}
        self.ended = ""

    def other(self, event: Json) -> None:
        if event.get("kind") == "text":
            self._text(event)

    def found(self, result: Json) -> None:
        for row in result.get("texts") or []:
            self._text(row)
        self.ended = str(result.get("ended") or "")

    def _text(self, row: Json) -> None:
        shown = [{"arm": str(one["arm"]), "images": [str(image["path"]) for image in one["images"]]} for one in row["arms"]]
        self.texts[int(row["wish"])] = {"prompt": str(row["prompt"]), "arms": shown}

    def board(self, ahead: int = 0) -> Json:
        """What the canvas draws of a run as a whole; the pictures that follow the text come by `ui.live.canvas`."""
        return {"run": self.run_id, "prompt": self.prompt, "arms": self.arms, "seeds": self.seeds, "state": self.state,
                "live": self.live, "status": self._status(ahead), "notices": self.notices,
                "texts": [self.texts[n] for n in sorted(self.texts)]}  # fmt: skip

    def _status(self, ahead: int) -> str:
        if self.state == "queued":
            return f"{words.count(ahead, 'run')} ahead" if ahead else (self.note or "next in line")
        if self.state == "loading":
            return self.note or "opening models"
        return "" if self.live else self.ended or self.note

    @property
    def pictures(self) -> list[str]:
        """The first picture of every arm of the newest text."""
        newest = self.texts[max(self.texts)] if self.texts else {"arms": []}
        return [one["images"][0] for one in newest["arms"] if one["images"]]
