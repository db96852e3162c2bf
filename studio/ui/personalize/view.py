"""A personalization as the page shows it: pictures from step 0 on, figures by step, what it came to in sentences, and by arm.

Every figure stands with its 95 % interval. What other prompts lost is counted on the same noises with the subject and without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from studio.capabilities.personalize.request import ONE_PICTURE
from studio.core.files import Json
from studio.ui.kit import schema_form, words
from studio.ui.kit.training_view import TrainingView
from studio.ui.kit.words import Measure
from studio.ui.personalize import one_picture

Reading = tuple[str, str]
STEP_HEADS = ("step", "recognised", "without the word", "as the prompt says", "distance", "other pictures moved",
              "other prompts, before", "other prompts, with it")  # fmt: skip
ARM_HEADS = ("arm", "recognised", "without the word", "other prompts, before", "other prompts, with it", "kept of before",
             "FD-oracle over before", "pictures")  # fmt: skip
STEP_NOTE = (
    "Recognised: pictures of the word's prompts that a reader, made from your pictures alone, takes for the subject. Without the "
    "word: pictures of its class that it takes for the subject, which should be none. Distance: to your nearest picture; 1 is "
    "where pictures held back lie. Other pictures moved: 0 is not at all, 1 is as far as two different ones are apart. Brackets "
    "are 95 % intervals."
)
ARM_NOTE = (
    "The same adapter and word on every model of the family, and on a hybrid. Other prompts: share of pictures that show what "
    "they say, from the same noise without the subject and with it; kept is the second over the first, and FD-oracle likewise, "
    "so 100 % and 1 are as before. Brackets are 95 % intervals over pictures."
)


class PersonalView(TrainingView):
    """Folds the events of one run of the kind "personalize". about: {"subject", "word", "base"} as lists call them."""

    ROWS: ClassVar[dict[str, str]] = {"personal": "rows", "edited": "edited"}
    GRID_NOTE = "Untouched is the model as it was, from the same noise; where the word goes it is asked for the class."

    # -- what the board draws --------------------------------------------------------------------------------------

    def board(self, ahead: int = 0) -> Json:
        """ahead: runs that wait before this one."""
        return self.begun(self.title, ahead) | {
            "steps": self.steps(),
            "said": self.said(),
            "reader": self.reader(),
            "arms": self.arms(),
            "edits": self.edits(),
            "grid_note": one_picture.STRIP_NOTE if self.of_one_picture else self.GRID_NOTE,
            "trial": self.trial(),
            "asked": self.asked(),
        }

    @property
    def title(self) -> str:
        return f"{self.about['subject']} on {self.about['base']}"

    @property
    def of_one_picture(self) -> bool:
        return self.request.get("method") == ONE_PICTURE

    def steps(self) -> Json | None:
        """Figures of the model itself, the newest last; None before they are measured."""
        own = self.own()
        if not own or self.of_one_picture:
            return None
        rows = [{"title": f"{step:,}", "step": step, "cells": _of_step(row)} for step, row in own]
        return {"heads": STEP_HEADS, "rows": rows, "note": STEP_NOTE}

    def arms(self) -> Json | None:
        """One row an arm, of the last step measured; None before a run is done."""
        if self.result is None or not self.rows or self.of_one_picture:
            return None
        last = max(step for _, step in self.rows)
        rows = [_of_arm(arm, row) for (arm, step), row in self.rows.items() if step == last]
        return {"heads": ARM_HEADS, "rows": rows, "note": ARM_NOTE}

    def edits(self) -> Json | None:
        """Of a run that learned one picture; None where no edit was measured."""
        return one_picture.table(self.rows)

    def tables(self) -> Json:
        """Those there are, by name, as they are saved."""
        found = {"arms": self.arms(), "steps": self.steps(), "edits": self.edits()}
        return {name: table for name, table in found.items() if table is not None}

    def said(self) -> list[str]:
        """What a run that is done came to, in sentences with intervals; [] before."""
        own = self.own()
        if self.result is None or not self.result.get("adapter"):
            return []
        if self.of_one_picture:
            return one_picture.said(own[-1][1].get("edits") or [] if own else [])
        if not own:
            return ["Nobody measured it: look at the pictures."]
        row = own[-1][1]
        subject, word = self.about["subject"], self.about["word"]
        found = [f"{subject} is recognised in {_share(row['hit'])} of the pictures that ask for {word}."]
        found.append(f"Without the word it appears in {_share(row['leak'])} of the pictures of its class.")
        if row.get("stated"):
            found.append(f"What the prompt says besides is right in {_share(row['stated'])} of its pictures.")
        if row.get("shown"):
            told = f"; told in known words {_share(row['told'])}" if row.get("told") else ""
            found.append(f"All of what it shows is right in {_share(row['shown'])} of its pictures{told}.")
        before, after = (_inner(row, side, "accuracy") for side in ("before", "others"))
        if before and after:
            kept = _inner(row, "damage", "kept")
            of_before = f", so {_share(kept)} of before" if isinstance(kept, Mapping) else ""
            found.append(
                f"Other prompts are right in {_share(after)} of their pictures; without the subject {_share(before)}{of_before}."
            )
        distance = words.interval(row["distance"])
        if distance[0] != words.NO_VALUE:
            near = f"{distance[0]} {distance[1]}".strip()
            found.append(f"Its pictures lie {near} times as far from yours as pictures held back do.")
        return found

    def reader(self) -> list[str]:
        """How often the reader itself is right; [] where it is not known."""
        found = (self.result or {}).get("reader") or {}
        if not found:
            return []
        if found.get("held"):
            held = words.count(int(found["held"]), "picture")
            seen = f"It finds the subject in {_share(found.get('found'))} of the {held} held back"
        else:
            seen = "No picture was held back, so how often it finds the subject is not known"
        first = (
            f"The reader is made from your pictures alone and sees with {found.get('features')}. {seen}, and takes "
            f"{_share(found.get('mistaken'))} of other pictures of the class for it."
        )
        return [first, *self._second(found.get("second") or {})]

    def _second(self, found: Json) -> list[str]:
        """The same of a second reader, and what it finds; [] where there is none."""
        own = self.own()
        if not found or not own or not own[-1][1].get("second"):
            return []
        hit, leak = (_share(own[-1][1]["second"].get(name)) for name in ("hit", "leak"))
        right, wrong = (_share(found.get(name)) for name in ("found", "mistaken"))
        return [
            f"A second reader, made from the same pictures, sees with {found['features']} and recognises the subject in {hit}, "
            f"without the word in {leak}; it finds it in {right} of the pictures held back, and takes {wrong} of others for it."
        ]

    ASKED = ("subject", "steps", "stop_at")  # of a request, besides its model, its method and the settings

    def asked(self) -> Json:
        """The form as it was for this run, without the name of its adapter: texts, as fields hold them."""
        given, method = self.request, str(self.request.get("method") or "")
        typed = {name: schema_form.write(value) for name, value in (given.get("settings") or {}).items()}
        found = {"base": given.get("base", ""), "method": method, "settings": {method: typed}}
        return {**found, **{name: schema_form.write(given.get(name) or "") for name in self.ASKED}}

    def card(self) -> Json:
        """What the drawer shows of it: {"prompt", "pictures", "shows"}; the newest strip, where it shows what was learned."""
        shown = self.pictures()
        if shown is None:
            return {"prompt": self.title, "pictures": []}
        n = len(shown["rows"]) * len(shown["seeds"]) * len(shown["columns"])
        return {"prompt": self.title, "pictures": [shown["steps"][-1]["strip"]], "shows": 1 / max(1, n - 1)}

    def trial(self) -> Json | None:
        """What "Try it" opens: {"adapter", "word", "base", "prompt", "mix"}; None while there is no adapter. mix: of an adapter
        that is mixed in and not worn; "" for all others."""
        adapter = (self.result or {}).get("adapter")
        if not adapter:
            return None
        if self.of_one_picture:
            return one_picture.trial(str(adapter), self.result or {}, str(self.request["base"]))
        word = str((self.result or {}).get("word") or self.about["word"])
        shown = next((str(prompt) for one in self.strips.values() for prompt in one["prompts"] or [] if word in str(prompt)), "")
        return {"adapter": adapter, "word": word, "base": str(self.request["base"]), "prompt": shown or f"a {word}", "mix": ""}


# -- cells ---------------------------------------------------------------------------------------------------------------


def _inner(row: Json, side: str, name: str) -> Measure:
    found: Measure = (row.get(side) or {}).get(name)
    return found


def _share(measure: Measure) -> str:
    """ "98 % [95–99]" """
    return " ".join(filter(None, words.interval(measure, percent=True)))


def _percent(measure: Measure) -> Reading:
    return words.interval(measure, percent=True)


def _of_step(row: Json) -> list[Reading]:
    return [
        *(_percent(row.get(name)) for name in ("hit", "leak", "stated")),
        words.interval(row.get("distance")),
        words.interval(row.get("moved")),
        *(_percent(_inner(row, side, "accuracy")) for side in ("before", "others")),
    ]


def _of_arm(arm: str, row: Json) -> Json:
    hit, others = row.get("hit"), row.get("others") or {}
    n = hit.get("n") if isinstance(hit, Mapping) else None
    cells = [
        *(_percent(row.get(name)) for name in ("hit", "leak")),
        *(_percent(_inner(row, side, "accuracy")) for side in ("before", "others")),
        _percent(_inner(row, "damage", "kept")),
        words.interval(_inner(row, "damage", "fd")),
        (words.NO_VALUE if n is None else f"{n:,}", f"and {others['n']:,} others" if others.get("n") else ""),
    ]
    return {"title": str(row.get("title") or arm), "tone": tone_of(arm), "cells": cells}


def tone_of(arm: str) -> str:
    """Whose colour an arm has."""
    teacher = arm == "teacher" or "teacher" in arm.split("/")
    return "teacher" if teacher else "hybrid-1" if arm.startswith("hybrid") else "student"
