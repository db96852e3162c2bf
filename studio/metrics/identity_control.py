"""The identity control: with the teacher as its own student nothing may change, or the machinery makes the effect.

It is the check on every other verdict: a schedule mismatch at the hand-over, unpaired noise or a miscounted step all look like
diversity. The arms are drawn as they are in the study, only with the teacher's weights under the student's name, so nothing
is shared between what the "student" and the "base" compute. Then base and student steps are the same function of the same
noise, and sample by sample the arms must agree. That is asked of samples, not of a mean: it is exact at any n, and it also
sees unpaired noise, which leaves every mean as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from studio.core.files import Json
from studio.metrics.margins import TIPPED
from studio.metrics.readings import Readings, accepted, known, labels_of
from studio.metrics.study import PooledArm

Arms = Mapping[str, PooledArm]


def identity_control(per_prompt: Mapping[str, Mapping[str, Readings]], arms: Arms, student: str = "student") -> Json:
    """Does the machinery make a difference where there is none? Arms of a study whose student *is* the teacher's weights.

    per_prompt[prompt][arm]: readings, row i = the same noise in every arm; all arms must equal `student`. arms: the same
    readings pooled. Fires when more samples than rounding explains (`margins.TIPPED`) are read differently.

    {"fired", "checked", "exact", "n", "rows": [{arm, same, difference}], "sentence"}; n: samples an arm; same: those that
    the oracle reads alike in every factor; difference: in diversity, 0 where all are the same; exact: every number it read
    is equal; checked: there were samples to compare.
    """
    others = [a for readings in list(per_prompt.values())[:1] for a in readings if a != student]
    for name in (student, *others):
        known(name, arms, "arm")
    n = sum(len(accepted(readings[student])) for readings in per_prompt.values())
    rows: list[Json] = []
    fired: list[str] = []
    exact, tipped = True, 0
    for name in others:
        pairs = [(readings[name], readings[student]) for readings in per_prompt.values()]
        same = sum(int(_alike(a, b).sum()) for a, b in pairs)
        tipped += n - same
        exact = exact and all(_equal(a, b) for a, b in pairs)
        difference = (arms[name].diversity - arms[student].diversity).interval()
        if n - same > TIPPED * n:
            fired.append(f"{name} in {n - same} of {n} samples, D by {difference.text(3)}")
        rows.append({"arm": name, "same": same, "difference": difference.to_dict()})
    checked = bool(others) and n > 0
    sentence = f"Identity control: with the teacher as its own student all {len(others)} arms give the student's samples"
    sentence += f" ({n} an arm, every reading equal), as they must." if exact else f" ({n} an arm, {tipped} tipped by rounding)."
    if not checked:
        sentence = "Identity control: there was nothing to compare."
    elif fired:
        sentence = f"Identity control fired: with the teacher as its own student samples change ({'; '.join(fired)})."
    return {"fired": bool(fired), "checked": checked, "exact": checked and exact, "n": n, "rows": rows, "sentence": sentence}


def _alike(a: Readings, b: Readings) -> Tensor:
    """[N] bool: samples with the same label of every factor, on the same side of the gate."""
    same = [labels_of(a, name) == labels_of(b, name) for name in a.labels]
    return torch.stack([accepted(a) == accepted(b), *same]).all(0)


def _equal(a: Readings, b: Readings) -> bool:
    """Whether labels, values and features are equal to the last bit."""
    values = all(torch.equal(torch.as_tensor(a.values[name]), torch.as_tensor(b.values[name])) for name in a.values)
    features = torch.equal(torch.as_tensor(a.features), torch.as_tensor(b.features))
    return values and features and bool(_alike(a, b).all())


def controlled(rows: Sequence[Json], control: Json | None) -> list[Json]:
    """Rows with `valid`: True after a control that passed, None without one (or an unchecked one), False when it fired.

    Nothing holds or fails in a study whose control fired: its verdicts become inconclusive and say so.
    """
    if control is None or not (control["fired"] or control["checked"]):
        return [{**r, "valid": None} for r in rows]
    if not control["fired"]:
        return [{**r, "valid": True} for r in rows]
    why = "The identity control fired, so this is no evidence: "
    return [{**r, "valid": False, "verdict": "inconclusive", "sentence": why + r["sentence"]} for r in rows]
