"""A preference tuning as the page shows it: pictures, curves of winner and loser, and what it came to, by step and by arm."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.kit import words
from studio.ui.personalize.view import PersonalView, tone_of

Reading = tuple[str, str]
MOST_POINTS = 240  # of a curve
STEP_HEADS = ("step", "reward", "gain", "second reward", "prompt right", "moved")
ARM_HEADS = ("arm", "reward, before", "reward, tuned", "gain", "second, gain", "prompt right, before", "kept of before",
             "FD-oracle over before")  # fmt: skip
STEP_NOTE = (
    "On prompts that nobody taught, from the same noise before and tuned. Moved: how far the pictures are from those before; 0 "
    "is not at all, 1 is as far as two different ones are apart. Brackets are 95 % intervals, in which prompts vary too."
)
ARM_NOTE = (
    "The same adapter on every model of the family, and on a hybrid. Nothing was taught by the second reward: where the first "
    "rises and the second does not, the first may be exploited. Kept: the share of right pictures over what it was, and "
    "FD-oracle likewise, so 100 % and 1 are as before. Gains of shares are in points of a hundred. Brackets are 95 % intervals."
)
CURVES = {  # name in the log -> (panel, line)
    "winner": ("Winner and loser, error", "winner"), "loser": ("Winner and loser, error", "loser"),
    "winner_likelihood": ("Winner and loser, log-likelihood gained", "winner"),
    "loser_likelihood": ("Winner and loser, log-likelihood gained", "loser"),
    "accuracy": ("Pairs told apart", "share"), "reward": ("Reward of what it draws", "mean"),
    "moved": ("Distance to the untouched model", "squared"),
}  # fmt: skip


class PreferenceView(PersonalView):
    """Folds the events of one run of the kind "prefer"."""

    ROWS = {"preferred": "preferred"}
    GRID_NOTE = "Untouched is the model as it was, from the same noise; on prompts that nobody taught."
    ASKED = ("reward", "votes", "steps")

    def __init__(self, run_id: str, request: Json, about: Json):
        """about: {"what", "second", "base"} as lists call them; "percent", "second_percent": whether rewards are shares."""
        super().__init__(run_id, request, {"subject": about["what"], "word": "", **about})
        self.points: dict[str, dict[int, float]] = {}

    def apply(self, event: Json) -> None:
        super().apply(event)
        if event.get("kind") == "progress":
            for name, value in (event.get("log") or {}).items():
                if name in CURVES and isinstance(value, (int, float)):
                    self.points.setdefault(name, {})[int(event["step"])] = float(value)

    def board(self, ahead: int = 0) -> Json:
        return super().board(ahead) | {"curves": self.curves()}

    def asked(self) -> Json:
        return {"decides": "votes" if self.request.get("votes") else "reward", **super().asked()}

    def curves(self) -> list[Json]:
        """[{"title", "lines": [{"name", "points": [[step, value], …]}]}]; each panel has a scale of its own."""
        panels: dict[str, list[Json]] = {}
        for name, (title, line) in CURVES.items():
            points = sorted(self.points.get(name, {}).items())
            if len(points) > 1:
                stride = -(-len(points) // MOST_POINTS)
                panels.setdefault(title, []).append({"name": line, "points": [list(point) for point in points[::stride]]})
        return [{"title": title, "lines": lines} for title, lines in panels.items()]

    def steps(self) -> Json | None:
        own = self.own()
        if not own:
            return None
        rows = [{"title": f"{step:,}", "cells": self._of_step(row)} for step, row in own]
        return {"heads": STEP_HEADS, "rows": rows, "note": STEP_NOTE}

    def _of_step(self, row: Json) -> list[Reading]:
        rewards = [self._reward(row, "reward", "after"), self._gain(row, "reward"), self._reward(row, "second", "after")]
        return [*rewards, _right(row, "others"), words.interval(row.get("moved"))]

    def arms(self) -> Json | None:
        if self.result is None or not self.rows:
            return None
        last = max(step for _, step in self.rows)
        rows = [self._of_arm(arm, row) for (arm, step), row in self.rows.items() if step == last]
        return {"heads": ARM_HEADS, "rows": rows, "note": ARM_NOTE}

    def _of_arm(self, arm: str, row: Json) -> Json:
        rewards = [self._reward(row, "reward", side) for side in ("before", "after")]
        damage = row.get("damage") or {}
        cells = [*rewards, self._gain(row, "reward"), self._gain(row, "second"), _right(row, "before"),
                 words.interval(damage.get("kept"), percent=True), words.interval(damage.get("fd"))]  # fmt: skip
        return {"title": str(row.get("title") or arm), "tone": tone_of(arm), "cells": cells}

    def _reward(self, row: Json, role: str, side: str) -> Reading:
        return words.interval((row.get(role) or {}).get(side), percent=self._percent(role))

    def _percent(self, role: str) -> bool:
        return bool(self.about.get("percent" if role == "reward" else "second_percent"))

    def _gain(self, row: Json, role: str) -> Reading:
        """Finer than what it is a difference of; of shares in points of a hundred."""
        gain = (row.get(role) or {}).get("gain") or {}
        if not self._percent(role):
            return words.interval(gain, 3)
        ends = ("value", "low", "high")
        return words.interval({end: None if gain.get(end) is None else 100 * gain[end] for end in ends}, 1)

    def said(self) -> list[str]:
        own = self.own()
        if self.result is None or not self.result.get("adapter"):
            return []
        if not own:
            return ["Nobody measured it: look at the pictures."]
        row, found = own[-1][1], []
        for role, name in (("reward", self.about["what"]), ("second", self.about["second"])):
            if row.get(role):
                before, after = (" ".join(filter(None, self._reward(row, role, side))) for side in ("before", "after"))
                besides = ", by which nothing was taught," if role == "second" else ""
                gain = " ".join(filter(None, self._gain(row, role)))
                by = f"by {gain}{' points' if self._percent(role) else ''}"
                verdict = _verdict(row[role]["gain"], self._gain(row, role)[0])
                found.append(f"{name}{besides} went from {before} to {after}, {by}: {verdict}.")
        before, after = (" ".join(filter(None, _right(row, side))) for side in ("before", "others"))
        if after != words.NO_VALUE:
            found.append(f"What the prompt says is right in {after} of the pictures; before, {before}.")
        moved = words.interval(row.get("moved"))[0]
        if moved != words.NO_VALUE:
            found.append(f"Pictures moved by {moved} of the distance between different ones.")
        return found

    def reader(self) -> list[str]:
        voted = (self.result or {}).get("voted")
        return [f"{words.count(int(voted), 'pair')} with a winner decided; no reward was taught."] if voted else []

    def trial(self) -> Json | None:
        adapter = (self.result or {}).get("adapter")
        shown = next((str(prompt) for one in self.strips.values() for prompt in one["prompts"] or []), "")
        return (
            {"adapter": adapter, "word": "", "base": str(self.request["base"]), "prompt": shown, "mix": ""} if adapter else None
        )


def _right(row: Json, side: str) -> Reading:
    return words.interval((row.get(side) or {}).get("accuracy"), percent=True)


def _verdict(gain: Json, shown: str) -> str:
    """Whether what was gained is more than chance. shown: the gain as it stands before that."""
    low, high = gain.get("low"), gain.get("high")
    if low is None or high is None:
        return "too few pictures to say whether that is chance"
    if low <= 0 <= high:
        return "that may be chance"
    if not shown.strip("0."):
        return "it hardly moved"
    return "it rose" if low > 0 else "it fell"
