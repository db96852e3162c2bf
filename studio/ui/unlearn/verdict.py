"""What an unlearning came to, in sentences made from its measurements: rows of a result in, text out.

No sentence says more than was counted: pictures of some prompts were read, and nobody knows of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.core.explain import count
from studio.core.files import Json

UNTRIED = "Nothing is said about prompts that nobody tried."
UNREAD = "Nobody can read these pictures for the concept: look at them. " + UNTRIED
HALF = 0.5  # an untouched model that is surely below shows little that could go
UNKNOWN = "not recognised"  # its name among what the concept's pictures show


def said(rows: Sequence[Json], concepts: Sequence[Json]) -> list[str]:
    """rows: of the last step, the model that was taught first, then its family. concepts: {"words", "becomes", …}. [] where
    nothing was measured."""
    if not rows:
        return []
    own, others = rows[0], rows[1:]
    if _of(own.get("hit")) is None:
        return [by_clip(own, concepts)] if own.get("by_clip") else [UNREAD]
    found = [plain(own, len(concepts) > 1), went(own), stays(own), family(own, others)]
    return [sentence for sentence in found if sentence]


def plain(row: Json, several: bool = False) -> str:
    """The verdict: how often the concept is still seen where it was asked for, before, and what was not looked at."""
    what = "what they are to forget" if several else "it"
    low = row.get("hit_before") or {}
    little = isinstance(low.get("high"), (int, float)) and low["high"] < HALF
    doubt = " The untouched model showed it in fewer than half of them, so little could go." if little else ""
    if row.get("other_words"):
        plainest, other = (_now_and_before(row[name].get("after"), row[name].get("before")) for name in ("plain", "other_words"))
        return f"Prompts in plain words show {what} in {plainest}. In other words for it, in {other}.{doubt} {UNTRIED}"
    return f"Plain prompts show {what} in {_now_and_before(row['hit'], row.get('hit_before'))}.{doubt} {UNTRIED}"


def by_clip(row: Json, concepts: Sequence[Json]) -> str:
    """What a CLIP says of pictures where nothing else reads them, as its own word for it."""
    read, one = row["by_clip"], concepts[0] if len(concepts) == 1 else {}
    what = f"“{one['words']}”" if one else "what is to be forgotten"
    than = f"“{one['becomes']}”" if one.get("becomes") else "“a picture”" if one else "what it becomes"
    told = _now_and_before(read["after"], read.get("before"))
    return f"Read by CLIP ({read['reader']}), nearer to {what} than to {than}: {told}. It can be wrong: look at them. {UNTRIED}"


def _now_and_before(now: Json, before: object) -> str:
    was = _of(before)
    return counted(now) + (f"; before in {was[0]} of {was[1]}" if was else "")


def counted(share: Json) -> str:
    """ "0 of 64 pictures, at most 5.7 % at 95 %", "3 of 64 pictures, 1.6 to 12.9 % at 95 %"."""
    hits, n = _of(share) or (0, 0)
    low, high = (f"{100 * float(share[end]):.1f}" for end in ("low", "high"))
    reach = f"at most {high} %" if hits == 0 else f"at least {low} %" if hits == n else f"{low} to {high} %"
    return f"{hits} of {count(n, 'picture')}, {reach} at 95 %"


def went(row: Json) -> str:
    """What stands in the concept's place, and how much is nothing that anybody knows."""
    shown = [(str(one["name"]), _of(one["share"])) for one in row.get("went") or []]
    known = [(name, share) for name, share in shown if share and name != UNKNOWN]
    lost = next((share for name, share in shown if share and name == UNKNOWN), None)
    first = f"Its pictures now show {known[0][0]} most, in {known[0][1][0]} of {known[0][1][1]}" if known else ""
    if lost is None:
        return f"{first}; all of them show something that is recognised." if first else ""
    was = _of(row.get("unrecognised_before"))
    then = f", before {was[0]}" if was else ""
    rest = f"{lost[0]} of {lost[1]} show nothing that is recognised{then}."
    return f"{first}; {rest}" if first else rest


def stays(row: Json) -> str:
    """What must stay, of its kind and of everything else, beside what it was from the same noise."""
    parts = (("others of its kind", "in_domain"), ("what else prompts say", "cross_domain"))
    told = [f"{words} in {_from_to(row[name])}" for words, name in parts if _from_to(row.get(name))]
    return f"Of what must stay, pictures are right about {', and about '.join(told)}." if told else ""


def family(own: Json, others: Sequence[Json]) -> str:
    """Where the same change does not hold: arms that surely show the concept more often than the model that was taught."""
    read = [(str(row.get("title") or row["arm"]), row["hit"]) for row in others if _of(row.get("hit"))]
    if not read:
        return ""
    back = [(title, hit) for title, hit in read if float(hit["low"]) > float(own["hit"]["high"])]
    if back:
        each = ", ".join(f"{title} {_out_of(hit)}" for title, hit in sorted(back, key=lambda one: -float(one[1]["value"])))
        return f"The same change does less on others of its family: {each}."
    title, most = max(read, key=lambda one: float(one[1]["value"]))
    return f"On the others of its family it is shown surely no more often; most on {title}, {_out_of(most)}."


def _from_to(part: Json | None) -> str:
    """ "93 % [88 to 97] (94 % before)" """
    if not part or _of(part.get("before")) is None or _of(part.get("after")) is None:
        return ""
    before, after = part["before"], part["after"]
    reach = f"{100 * float(after['low']):.0f} to {100 * float(after['high']):.0f}"
    return f"{100 * float(after['value']):.0f} % [{reach}] ({100 * float(before['value']):.0f} % before)"


def _out_of(share: Json) -> str:
    hits, n = _of(share) or (0, 0)
    return f"{hits} of {n}"


def _of(share: object) -> tuple[int, int] | None:
    """(how many, of how many) of a share; None where nothing was counted."""
    if not isinstance(share, Mapping) or share.get("value") is None or not share.get("n"):
        return None
    return round(float(share["value"]) * int(share["n"])), int(share["n"])
