"""Editing one picture: two additions to everything that draws. Needs no torch.

--with "sine=mine/house=0.7@400"                       an adapter that was taught one picture, β and K (`sampling.one_picture`)
--with "sine=mine/house=0.7@400 64x32: a <house> by day"       in another size, and with a source prompt of one's own
--with "picture=pocket/lopsided-house#2@400"           from the second picture of a subject, noised to t = 400, untrained
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from studio.core.explain import brief
from studio.jobs.paths import Paths
from studio.library.adapters import AdapterEntry, load_adapters
from studio.library.additions import ADDITIONS, Addition
from studio.library.draw_request import MAX_PROMPT
from studio.library.models import ModelEntry
from studio.library.subjects import misfit, subject

MOST = MAX_PROMPT + 200  # characters
MIX = re.compile(
    r"(?P<id>[^=@\s:]+)\s*(?:=\s*(?P<beta>[^@\s:]+)\s*)?(?:@\s*(?P<above>[^\s:]+))?(?:\s+(?P<size>[^\s:]+))?"
    r"\s*(?::\s*(?P<source>\S.*))?"
)
BEGIN = re.compile(r"(?P<subject>[^#@\s]+)\s*(?:#\s*(?P<number>[0-9]{1,3})\s*)?(?:@\s*(?P<t>\S+))?")
MIX_HELP = "id=β@K, like mine/house=0.7@400"
BEGIN_HELP = "subject#number@t, like pocket/lopsided-house#2@400"


class MixUse(BaseModel):
    """beta: the part of the picture's own score. above: K, mixed at times t > K; None is `sampling.one_picture.usual_k`. size: of
    what is drawn, as its medium writes it; empty is the model's own. source: the picture's prompt; empty is the one it was taught
    under."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(max_length=80)
    beta: float = Field(default=0.7, ge=0, le=1, allow_inf_nan=False)
    above: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    size: str = Field(default="", max_length=40)
    source: str = Field(default="", max_length=MAX_PROMPT)

    def __str__(self) -> str:
        above = "" if self.above is None else f"@{self.above:g}"
        size, source = (f" {self.size}" if self.size else ""), (f": {self.source}" if self.source else "")
        return f"{self.id}={self.beta:g}{above}{size}{source}"


class BeginUse(BaseModel):
    """number: which of the subject's pictures, from 1. t: the time to which it is noised."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str = Field(max_length=80)
    number: int = Field(default=1, ge=1)
    t: float = Field(default=400.0, gt=0, allow_inf_nan=False)

    def __str__(self) -> str:
        return f"{self.subject}#{self.number}@{self.t:g}"


def read_mix(given: object) -> MixUse:
    """Text or fields. ValueError in one sentence."""
    return MixUse.model_validate(_parsed(given, MIX, f"is no edit of one picture; {MIX_HELP}, would fit"))


def read_begin(given: object) -> BeginUse:
    """Text or fields. ValueError in one sentence."""
    return BeginUse.model_validate(_parsed(given, BEGIN, f"is no picture to begin with; {BEGIN_HELP}, would fit"))


def _parsed(given: object, written: re.Pattern[str], misfit: str) -> object:
    if not isinstance(given, str):
        return given
    match = written.fullmatch(given[:MOST].strip())
    if match is None:
        raise ValueError(f"{brief(given, 60)} {misfit}.")
    return {name: value for name, value in match.groupdict().items() if value is not None}


def _mix_text(given: object) -> object:
    return str(read_mix(given)) if given else ""


def _begin_text(given: object) -> object:
    return str(read_begin(given)) if given else ""


def source_of(entry: AdapterEntry, use: MixUse) -> str:
    """The prompt of the picture. ValueError where nobody says it."""
    found = use.source or next(iter(entry.card.get("prompts") or ()), "")
    if not found:
        raise ValueError(f"{entry.id} does not say what its picture's prompt is; one after a colon would fit.")
    return str(found)


def check_mix(value: object, models: Sequence[ModelEntry], home: Paths | None) -> None:
    if not value:
        return
    use = read_mix(value)
    entry = load_adapters(home).get(use.id)
    for model in models:
        if said := entry.misfit(model):
            raise ValueError(said)
    mode = entry.card.get("mode")
    if not mode:
        raise ValueError(f"{entry.id} was not taught one picture; an adapter of the method sine would fit.")
    if use.size and mode != "patches":
        raise ValueError(
            f"{entry.id} was taught on the whole picture, which it knows in one size alone; without {brief(use.size)}, or with "
            "an adapter that was taught on patches, it would fit."
        )
    source_of(entry, use)


def check_begin(value: object, models: Sequence[ModelEntry], home: Paths | None) -> None:
    if not value:
        return
    use = read_begin(value)
    one = subject(home, use.subject)
    for model in models:
        if said := misfit(one, model):
            raise ValueError(said)
    if use.number > len(one.pictures):
        there = len(one.pictures)
        raise ValueError(f"{one.id} has {there} pictures, and number {use.number} was asked for; 1 to {there} would fit.")


ADDITIONS.add("sine")(
    Addition(
        Annotated[str, BeforeValidator(_mix_text), Field(max_length=MOST)],
        "",
        title="Edit one picture (SINE)",
        work="studio.capabilities.editing.work:mix",
        description=f"an adapter that was taught one picture: {MIX_HELP}; at times above K, by itself 400 or all but the last of "
        "few steps, the share β is the picture's. After it a size like 64x32, and after a colon the picture's prompt",
        check=check_mix,
    )
)
ADDITIONS.add("picture")(
    Addition(
        Annotated[str, BeforeValidator(_begin_text), Field(max_length=MOST)],
        "",
        title="Begin with a picture (image to image)",
        work="studio.capabilities.editing.work:begin",
        description=f"noised to the time t, without training: {BEGIN_HELP}",
        check=check_begin,
    )
)
