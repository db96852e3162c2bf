"""A scrub run as the page shows it: events folded into rows, steps and the pictures that are there.

A pure reducer like `view.RunView`; the names of pictures are those below the run directory.
"""

from __future__ import annotations

from collections.abc import Mapping

from studio.core.files import Json
from studio.ui.kit import arms, words
from studio.ui.kit.views import LIVE

BRANCH_TONES = ("hybrid-2", "student-first", "hybrid-4", "skip-first", "hybrid-3", "teacher-unguided", "other")


class ScrubView:
    """Folds the events of one run. `request` is the run's configuration as it was submitted."""

    def __init__(self, run_id: str, request: Json, about: Json | None = None):
        """`about` of a run that looks at an earlier one: its "root", "prompt", "seeds" and "images" as far as they are known."""
        self.run_id, self.request = run_id, dict(request)
        known, drawn = dict(about or {}), dict(request.get("draw") or {})
        self.root = str(known.get("root") or run_id)
        self.pair = str(drawn.get("pair") or known.get("pair") or "")  # its id, or its two models by name
        self.prompt = str(drawn.get("prompt") or known.get("prompt") or "")
        self.seeds = [int(seed) for seed in drawn.get("seeds") or known.get("seeds") or []]
        self.images: list[str] = list(known.get("images") or [])
        self.state, self.note = "queued", ""
        self.progress: Json | None = None
        self.notices: list[str] = []
        self.timeline = ""
        self.models: Json = {}
        self.finished = False
        self.rows: dict[str, Json] = {}
        for arm in drawn.get("arms") or []:
            self._row(arm)

    def _row(self, arm: str) -> Json:
        if arm not in self.rows:
            self.rows[arm] = {"arm": arm, "title": arms.title(arm), "tone": arms.look(arm).slug, "meaning": arms.meaning(arm),
                              "about": "", "steps": None, "strips": [], "noisy": [], "branch": None, "exact": True}  # fmt: skip
        return self.rows[arm]

    def apply(self, event: Json) -> None:
        """Fold one event in. Kinds this page does not know are passed over."""
        kind = event.get("kind")
        if kind == "state":
            self.state, self.note = str(event["state"]), str(event.get("note") or "")
        elif kind == "progress":
            self.progress = {k: event.get(k) for k in ("done", "total", "phase", "arm", "step", "steps", "eta_s")}
        elif kind == "notice":
            text = str(event["text"])
            if text not in self.notices:
                self.notices.append(text)
        elif kind == "steps":
            self._steps(event)
        elif kind == "preview":
            self._picture(str(event["arm"]), int(event["step"]) - 1, "strips", str(event["strip"]))
        elif kind in ("frame", "noisy"):
            self._picture(str(event["arm"]), int(event["step"]), "strips" if kind == "frame" else "noisy", str(event["strip"]))
        elif kind == "image":
            self.images.append(str(event["path"]))
        elif kind == "timeline":
            self.timeline = str(event["file"])

    def _steps(self, event: Json) -> None:
        """What a row's steps are; with their pictures where the run knows them already."""
        row, steps = self._row(str(event["arm"])), [dict(step) for step in event["steps"]]
        known = len(row["strips"]) == len(steps)
        row["steps"] = steps
        row["strips"], row["noisy"] = (row["strips"], row["noisy"]) if known else ([""] * len(steps), [""] * len(steps))
        row["exact"] = bool(event.get("exact", True))
        names = list(event.get("strips") or [])
        for index in event.get("have") or []:
            row["strips"][index] = names[index]
        for index in event.get("noisy") or []:
            row["noisy"][index] = names[index].replace("/step-", "/noisy-")
        if isinstance(event.get("branch"), Mapping):
            self._branch(row, dict(event["branch"]))

    def _branch(self, row: Json, branch: Json) -> None:
        taken = {other["tone"] for other in self.rows.values() if other is not row}
        number = sum(other["branch"] is not None for other in self.rows.values() if other is not row) + 1
        parent = self.rows.get(str(branch["arm"]))
        if row["branch"] is None:
            row["tone"] = next((tone for tone in BRANCH_TONES if tone not in taken), "other")
            row["title"] = f"Branch {number}"
        row["branch"] = {"arm": branch["arm"], "step": branch["step"]}
        row["about"] = f"{parent['title'] if parent else branch['arm']} from step {branch['step'] + 1}: {branch['changed']}"
        row["meaning"] = row["about"]

    def _picture(self, arm: str, index: int, kind: str, name: str) -> None:
        row = self.rows.get(arm)
        if row is not None and row["steps"] is not None and 0 <= index < len(row["steps"]):
            row[kind][index] = name

    def finish(self, result: Json | None) -> None:
        """Take what only `result.json` holds."""
        self.finished = True
        self.models = dict((result or {}).get("models") or {})

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def pictures(self) -> tuple[int, int]:
        """(steps with a picture, steps)."""
        rows = [row for row in self.rows.values() if row["steps"] is not None]
        return sum(bool(name) for row in rows for name in row["strips"]), sum(len(row["steps"]) for row in rows)

    def board(self, ahead: int = 0) -> Json:
        """What the scrubber draws, but for the models there are to go on with. `ahead`: runs that wait before this one."""
        rows = list(self.rows.values())
        return {"run": self.run_id, "root": self.root, "prompt": self.prompt, "pair": self.pair,
                "seeds": self.seeds, "state": self.state,
                "live": self.live, "status": {"word": self.state, "text": self._text(ahead)}, "progress": self.progress,
                "notices": self.notices, "rows": rows, "timeline": self.timeline}  # fmt: skip

    def _text(self, ahead: int) -> str:
        done, total = self.pictures
        note, p = self.note.rstrip("."), self.progress or {}
        if self.state == "queued":
            return f"{words.count(ahead, 'run')} ahead" if ahead else (note or "next in line")
        if self.state == "loading":
            return note or "opening models"
        if self.state == "running":
            left = f"about {words.seconds(max(p['eta_s'], 1))} left" if isinstance(p.get("eta_s"), (int, float)) else ""
            if p.get("phase") in ("pictures", "noisy states"):
                what = "noisy states" if p["phase"] == "noisy states" else "pictures"
                return " · ".join(part for part in (f"{what} of {p['done']} of {p['total']} steps", left) if part)
            row = self.rows.get(str(p.get("arm")))
            at = f"{row['title'] if row else 'branch'}, step {p['step']} of {p['steps']}" if p.get("steps") else note
            return " · ".join(part for part in (at, left) if part)
        if self.state == "done":
            return (
                f"{words.count(total, 'step')} of {words.count(len(self.rows), 'row')} on {words.count(len(self.seeds), 'seed')}"
            )
        return note or f"{done} of {total} steps have their picture"
