"""An unlearning as the page shows it: before and after on the same noises, what is left, what stays, and where it went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from studio.core.files import Json
from studio.ui.kit import schema_form, words
from studio.ui.kit.training_view import TrainingView
from studio.ui.kit.words import Measure
from studio.ui.unlearn import matrix, verdict, wall
from studio.ui.unlearn.choices import RUN

Reading = tuple[str, str]
ARM_HEADS = ("model", "shown before", "shown now", "rest right", "others of its kind", "everything else", "not recognised",
             "evaluations")  # fmt: skip
ARM_NOTE = (
    "The same change on every model of the family, and on a hybrid, whose first step is the teacher's. Shown: pictures of the "
    "concept's prompts that show it. Rest right: those that show what else they were asked for. Others of its kind, everything "
    "else: what must stay, with the change. Brackets are 95 % intervals."
)
STEP_HEADS = ("step", "shown now", "others of its kind", "everything else", "not recognised")
STEP_NOTE = "The model itself, on prompts and noises that nothing was taught by. Brackets are 95 % intervals."
APART = {"in plain words": ("plain", "after"), "in other words": ("other_words", "after"),
         "before, read by CLIP": ("by_clip", "before"), "now, read by CLIP": ("by_clip", "after")}  # fmt: skip
WORDS_NOTE = "In plain words, in other words: shown now, by how prompts say the concept."
CLIP_NOTE = (
    "Read by CLIP: the share of the concept's pictures that it calls nearer to the concept's words than to what it becomes, or "
    "than to a picture where that is nothing."
)
PARTS = {"others of its kind": "in_domain", "everything else": "cross_domain"}


class UnlearnView(TrainingView):
    """Folds the events of one run of the kind "unlearn"."""

    ROWS: ClassVar[dict[str, str]] = {"unlearned": "forgotten"}
    measured: Json | None = None  # pictures of the newest measurement

    def apply(self, event: Json) -> None:
        if event.get("kind") == "wall":
            self.measured = {"step": int(event["step"]), "blocks": list(event["blocks"])}
        else:
            super().apply(event)

    def board(self, ahead: int = 0) -> Json:
        """ahead: runs that wait before this one."""
        title = f"{self.about['base']}, asked to forget {self.request.get('forget') or 'something'}"
        return self.begun(title, ahead) | {
            "said": self.said(),
            "wall": wall.wall(self.measured),
            "arms": self.arms(),
            "parts": self.parts(),
            "steps": self.steps(),
            "trial": self.trial(),
            "asked": self.asked(),
        }

    @property
    def concepts(self) -> list[Json]:
        return list((self.result or {}).get("concepts") or [])

    def said(self) -> list[str]:
        """What a run that is done came to, in sentences; [] before."""
        if self.result is None or not self.result.get("adapter"):
            return []
        return verdict.said(self.last(), self.concepts) or [f"Nobody measured it: look at the pictures. {verdict.UNTRIED}"]

    def arms(self) -> Json | None:
        """One row an arm, of the last step measured; None before there is one."""
        last = self.last()
        kinds = _kinds(last)
        rows = [{"title": _title(row), "tone": tone_of(str(row["arm"])), "cells": _of_arm(row, kinds)} for row in last]
        heads = (*ARM_HEADS[:3], *kinds, *ARM_HEADS[3:])
        return {"heads": heads, "rows": rows, "note": " ".join([ARM_NOTE, *_notes(kinds)])} if rows else None

    def parts(self) -> Json | None:
        """{"rule", "arms": [{"title", "matrix", "went"}]} in the order of `arms`; None where nobody read anything."""
        rows = self.last()
        if not any(row.get("matrix") for row in rows):
            return None
        return {"rule": matrix.RULE, "arms": [self._part(row) for row in rows]}

    def _part(self, row: Json) -> Json:
        return {"title": _title(row), "matrix": matrix.matrix(row.get("matrix") or []), "went": self.went(row)}

    def went(self, row: Json) -> list[Json]:
        """[{"name", "kind", "share", "text", "reach"}], most first, what is not recognised last. kind: "concept", "becomes",
        "unknown" or ""."""
        shown = row.get("went") or []
        found = [_went(one, self._kind(str(one["name"]))) for one in shown]
        return sorted(found, key=lambda one: one["kind"] == "unknown")

    def _kind(self, name: str) -> str:
        if name == verdict.UNKNOWN:
            return "unknown"
        if any(name in (one.get("stated") or {}).values() for one in self.concepts):
            return "concept"
        return "becomes" if any(name in (one.get("instead") or {}).values() for one in self.concepts) else ""

    def steps(self) -> Json | None:
        """Figures of the model itself by step, the newest last; None before there are two."""
        own = self.own()
        if len(own) < 2:
            return None
        kinds = _kinds([row for _, row in own])
        rows = [{"title": f"{step:,}", "cells": _of_step(row, kinds)} for step, row in own]
        return {"heads": (*STEP_HEADS[:2], *kinds, *STEP_HEADS[2:]), "rows": rows, "note": " ".join([STEP_NOTE, *_notes(kinds)])}

    def trial(self) -> Json | None:
        """What "Try it" opens in Control; None while there is no adapter."""
        adapter = (self.result or {}).get("adapter")
        if not adapter:
            return None
        shown = next((str(one["prompts"][0]) for one in self.strips.values() if one["prompts"]), "")
        return {"adapter": str(adapter), "base": str(self.request["base"]), "prompt": shown or str(self.request["forget"]),
                "mix": ""}  # fmt: skip

    def asked(self) -> Json:
        """The form as it was for this run, without the name of its adapter: texts, as fields hold them."""
        given, method = self.request, str(self.request.get("method") or "")
        typed = {name: schema_form.write(value) for name, value in (given.get("settings") or {}).items()}
        found = {name: str(given.get(name) or "") for name in ("forget", "becomes", "keep", "base")}
        run = {name: schema_form.write(given[name]) for name in RUN if name != "name" and given.get(name) is not None}
        return {**found, "method": method, "settings": {method: typed}, "run": run,
                "prompts": "\n".join(map(str, given.get("prompts") or []))}  # fmt: skip


# -- cells ---------------------------------------------------------------------------------------------------------------


def _title(row: Json) -> str:
    return str(row.get("title") or row["arm"])


def _went(one: Json, kind: str) -> Json:
    text, reach = words.interval(one["share"], percent=True)
    return {"name": str(one["name"]), "kind": kind, "share": float(one["share"]["value"]), "text": text, "reach": reach}


def _percent(measure: Measure) -> Reading:
    return words.interval(measure, percent=True)


def _after(row: Json, part: str) -> Reading:
    return _percent((row.get(part) or {}).get("after"))


def _kinds(rows: Sequence[Json]) -> list[str]:
    """Those columns of `APART` that any of these rows has."""
    return [head for head, (place, _) in APART.items() if any(row.get(place) for row in rows)]


def _notes(kinds: Sequence[str]) -> list[str]:
    """What such columns are."""
    of = {APART[head][0] for head in kinds}
    return [*([WORDS_NOTE] if "plain" in of else []), *([CLIP_NOTE] if "by_clip" in of else [])]


def _apart(row: Json, kinds: Sequence[str]) -> list[Reading]:
    return [_percent((row.get(place) or {}).get(end)) for place, end in (APART[head] for head in kinds)]


def _of_arm(row: Json, kinds: Sequence[str]) -> list[Reading]:
    return [
        *(_percent(row.get(name)) for name in ("hit_before", "hit")),
        *_apart(row, kinds),
        _percent(row.get("rest")),
        *(_after(row, part) for part in PARTS.values()),
        _percent(row.get("unrecognised")),
        (words.evaluations(row.get("nfe")), ""),
    ]


def _of_step(row: Json, kinds: Sequence[str]) -> list[Reading]:
    parts = (_after(row, part) for part in PARTS.values())
    return [_percent(row.get("hit")), *_apart(row, kinds), *parts, _percent(row.get("unrecognised"))]


def tone_of(arm: str) -> str:
    """Whose colour an arm has."""
    teacher = arm == "teacher" or "teacher" in arm.split("/")
    return "teacher" if teacher else "hybrid-1" if arm.startswith("hybrid") else "student"
