"""Symptoms of a distillation that goes wrong: how each shows in what a run measures anyway, its cause, and what to do.

Pure functions over an `Evidence`, without torch. `SIGNS` is the table that a run looks through while it
goes on (`Vigil` says each once); `cautions` are those that a request shows before it starts. Thresholds are constants
with their reason; "shipped" are the nano and pocket students of this repository, whose training logs and samples they
were set by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median

from studio.capabilities.distill.evidence import Evidence, Figures, value_of
from studio.core.files import Json

Found = tuple[str, str] | None  # (what is seen and why, what to do)

FIRST, RECENT = 20, 10  # updates whose median stands for the beginning, and for now: single updates differ threefold
EXPLODED = 30.0  # of a gradient norm: those of the shipped DMD2 students stayed within a factor of 3 of their beginning
VANISHED = 1e-3  # of a gradient norm: a regression's falls with its loss, LCM's fivefold on pocket
NORMALISER_EXPLODED = 5.0  # mean |x − x̂₀| of unit-variance samples cannot grow fivefold while x stays a picture
NORMALISER_VANISHED = 0.05  # shipped: it fell to 0.6 of its beginning
LAGS = 2.5  # the fake score's loss over its lowest so far: level on both shipped sizes (0.16 to 0.35 from update to update)
BLIND, BLIND_UPDATES, WINDOW = 0.55, 100, 20  # best mean of 20 updates; pure chance reaches 0.53 at a batch of 32
CERTAIN, CERTAIN_UPDATES = 0.98, 50  # right nearly always, at every noise level: there is no slope left to follow
HALF = 0.5  # of the run: before that, a student may still be on its way
WORSE = 1.1  # of the teacher's FD-oracle in as many steps: repeats with another seed differ by a few per cent
SATURATED, RISEN = 1.4, 1.1  # times the teacher's contrast, and times its own at first; shipped DMD2 students have 1.25
SATURATED_NOISED = 1.2  # where the inputs are noised data: 1.28 after 30 updates of 8 on nano at w = 8 (otherwise 1.17)
DIVERSITY_KEPT = 0.85  # of the teacher's: the shipped lcm keeps 0.95, the shipped dmd2 0.62
ACCURACY_LOST = 0.05  # below the teacher's: within this, accuracy "stays"; about the interval of 128 pictures
UNREADABLE, READABLE = 0.25, 0.5  # of the teacher's share of pictures in distribution, where the teacher itself has half
GUIDED = 1.5  # guidance from which the guided and the plain world differ: noised data failed at 2, the least one tried
SOLVER_GRID = 20  # K of a consistency method: 20 is right for nano, 32 failed on a world of its size
SID_ALPHA = 1.0  # SiD is stable in [0.5, 1]; 1.2, the best on CIFAR-10, gives noise where the fake score is slow
NEAR_NOISE = 0.9  # of t_max = 999: a grid that begins below starts from more signal than pure noise has
T_MAX = 999.0


@dataclass(frozen=True)
class Symptom:
    """A sign that showed. seen: what, and the likely cause. remedy: what to do."""

    name: str
    step: int
    seen: str
    remedy: str

    @property
    def text(self) -> str:
        return f"At step {self.step:,}: {self.seen} {self.remedy}"


class Vigil:
    """Looks through the table while a run goes on and says each symptom once, also over restarts (`said` is kept)."""

    def __init__(self, said: Sequence[Figures] = ()):
        self.said = [Symptom(**kept) for kept in said]

    def look(self, evidence: Evidence) -> list[Symptom]:
        """Symptoms that show for the first time."""
        before = {symptom.name for symptom in self.said}
        new = [
            Symptom(name, evidence.step, *found)
            for name, sign in SIGNS.items()
            if name not in before and (found := sign(evidence)) is not None
        ]
        self.said += new
        return new

    def to_json(self) -> list[Json]:
        return [asdict(symptom) for symptom in self.said]


# -- numbers of the training itself --------------------------------------------------------------------------------------


def not_finite(e: Evidence) -> Found:
    if not e.skipped:
        return None
    names = sorted({name for row in e.rows for name, value in (row.get("losses") or {}).items() if value is None})
    whose = " and ".join(names)
    times = "one update was" if e.skipped == 1 else f"{e.skipped:,} updates were"
    return (
        f"{f'the loss or gradient of {whose}' if whose else 'a loss or a gradient'} was not finite, and {times} left out.",
        "Lower the learning rate, or train in fp32; too many in a row end the run, with the last good state kept.",
    )


def gradients(e: Evidence) -> Found:
    names = sorted({name for row in e.rows for name in (row.get("log") or {}) if name.endswith("/grad_norm")})
    for name in names:
        network, ratio = name.partition("/")[0], _ratio(e.logged(name))
        if ratio is not None and ratio > EXPLODED:
            return (
                f"the gradient of {network} is {ratio:.0f} times what it was at first; its updates are only held by clipping.",
                "Lower its learning rate or warm up for longer; under distribution matching, give the fake score more "
                "updates for each of the student's.",
            )
        if ratio is not None and ratio < VANISHED:
            return (
                f"the gradient of {network} has all but vanished ({ratio:.1g} of what it was), so nothing is learnt any more.",
                "If the pictures are right the run can be stopped; otherwise start again with a lower learning rate.",
            )
    return None


def normaliser(e: Evidence) -> Found:
    ratio = _ratio(e.logged("normaliser"))
    if ratio is not None and ratio > NORMALISER_EXPLODED:
        return (
            f"the normaliser, mean |x − x̂₀ of the teacher|, is {ratio:.1f} times what it was: the student's samples leave "
            "the range of pictures.",
            "Look at the picture of beliefs; lower the student's learning rate or the guidance, and give the fake score "
            "more updates.",
        )
    if ratio is not None and ratio < NORMALISER_VANISHED:
        return (
            f"the normaliser, mean |x − x̂₀ of the teacher|, fell to {ratio:.1g} of what it was, so that the gradient is "
            "divided by almost nothing.",
            "The samples may have become blank or all alike: look at the strips, lower the student's learning rate.",
        )
    return None


def fake_lags(e: Evidence) -> Found:
    losses = e.lost("fake")
    if e.family != "distribution" or len(losses) < FIRST + RECENT:
        return None
    lowest = min(median(losses[i : i + FIRST]) for i in range(0, len(losses) - FIRST - RECENT + 1, RECENT))
    now = median(losses[-RECENT:])
    if lowest <= 0 or now < LAGS * lowest:
        return None
    return (
        f"the fake score's loss is {now / lowest:.1f} times its lowest: it no longer follows the student, and the "
        "student's gradient points from where it was.",
        "Raise critic_updates, or lower the student's learning rate.",
    )


def discriminator_blind(e: Evidence) -> Found:
    right = e.logged("discriminator_right")
    if len(right) < BLIND_UPDATES:
        return None
    best = max(fmean(right[i : i + WINDOW]) for i in range(0, len(right) - WINDOW + 1, WINDOW // 2))
    if best > BLIND:
        return None
    return (
        f"the discriminator has never told the student's samples from real ones (right {best:.0%} of the time at best): "
        "its logits are as good as constant, and the adversarial term teaches nothing.",
        "Raise its weight or learning rate; if that changes nothing, its features do not suit this teacher.",
    )


def discriminator_certain(e: Evidence) -> Found:
    right = e.logged("discriminator_right")[-CERTAIN_UPDATES:]
    if len(right) < CERTAIN_UPDATES or fmean(right) < CERTAIN:
        return None
    return (
        f"the discriminator has been right {fmean(right):.0%} of the time for {CERTAIN_UPDATES} updates: it has won, and "
        "where it is sure the student has no slope to follow.",
        "Lower its learning rate or its number of updates, or start from a better student.",
    )


def _ratio(values: Sequence[float]) -> float | None:
    """Median of now over that of the beginning; None while there are too few."""
    if len(values) < FIRST + RECENT:
        return None
    first = median(values[:FIRST])
    return median(values[-RECENT:]) / first if first > 0 else None


# -- what the student draws ----------------------------------------------------------------------------------------------


def worse_than_teacher(e: Evidence) -> Found:
    if e.step < HALF * e.steps or not e.latest():
        return None
    pairs = [(row, e.teacher_at[row["sampling_steps"]]) for row in e.latest() if row["sampling_steps"] in e.teacher_at]
    if not pairs or not all(_worse(row, teacher) for row, teacher in pairs):
        return None
    said = ", ".join(_against(row, teacher) for row, teacher in pairs)
    if e.family == "trajectory":
        why = "Of a consistency student the usual causes are a learning rate that never falls and too fine a solver grid."
        do = f"Let the learning rate decay (trainer, decay_from) and keep the grid at {SOLVER_GRID} times or fewer."
    else:
        why = "It has learnt less than nothing so far."
        do = "Train for longer; if the figures fall from measurement to measurement, lower the learning rate."
    return f"the student is worse than its teacher drawing in as few steps: {said}. {why}", do


def _worse(row: Figures, teacher: Figures) -> bool:
    """In FD-oracle and in accuracy: a student that trades diversity for accuracy is another matter."""
    mine, theirs = row.get("fd_oracle"), teacher.get("fd_oracle")
    right, right_there = value_of(row, "accuracy"), value_of(teacher, "accuracy")
    further = mine is None or theirs is None or mine > WORSE * theirs
    wronger = right is None or right_there is None or right < right_there
    return further and wronger and not (mine is None and right is None)


def _against(row: Figures, teacher: Figures) -> str:
    n = row["sampling_steps"]
    figures = []
    if row.get("fd_oracle") is not None and teacher.get("fd_oracle") is not None:
        figures.append(f"FD-oracle {row['fd_oracle']:.1f} against {teacher['fd_oracle']:.1f}")
    mine, theirs = value_of(row, "accuracy"), value_of(teacher, "accuracy")
    if mine is not None and theirs is not None:
        figures.append(f"accuracy {mine:.0%} against {theirs:.0%}")
    return f"in {n} step{'' if n == 1 else 's'}, {' and '.join(figures)}"


def over_saturated(e: Evidence) -> Found:
    few = [row for row in e.contrast if row["sampling_steps"] > 1]
    newest = [row for row in few if row["step"] == few[-1]["step"]]
    if e.family != "distribution" or not newest:
        return None
    row = max(newest, key=lambda row: row["ratio"])
    before = next(r["ratio"] for r in few if r["sampling_steps"] == row["sampling_steps"])
    w = e.settings.get("guidance")
    noised = e.settings.get("inputs") == "noised data" and isinstance(w, (int, float)) and w >= GUIDED
    if row["ratio"] < max(SATURATED_NOISED if noised else SATURATED, RISEN * before):
        return None
    if noised:
        why = "Taught on noised data, it never sees what its own first step leaves, and guidance adds up from step to step."
        do = "Choose backward simulation as the inputs, or noised teacher samples."
    else:
        why = f"Each step adds the guidance{f' of {w:g}' if isinstance(w, (int, float)) else ''} again."
        do = "Lower the guidance."
    return (
        f"drawn in {row['sampling_steps']} steps, the student's pictures have {row['ratio']:.2f} times the contrast of the "
        f"teacher's, up from {before:.2f}: colours saturate. {why}",
        do,
    )


def unreadable(e: Evidence) -> Found:
    theirs = value_of(e.teacher or {}, "in_distribution")
    shares = [v for row in e.latest() if (v := value_of(row, "in_distribution")) is not None]
    if e.step < HALF * e.steps or theirs is None or theirs < READABLE or not shares or max(shares) > UNREADABLE * theirs:
        return None
    seen = (
        f"at most {max(shares):.0%} of the student's pictures look like anything of this world (of the teacher's, {theirs:.0%})."
    )
    if e.objective == "sid":
        return (
            f"{seen} SiD gives noise when alpha is above 1, the fake score is slow, or half precision is used.",
            "Choose alpha between 0.5 and 1, more critic_updates, fp32.",
        )
    return f"{seen} The student has left the pictures, or has not come to them yet.", (
        "Lower its learning rate; under distribution matching, give the fake score more updates for each of the student's."
    )


def diversity_lost(e: Evidence) -> Found:
    """The effect this studio is about."""
    if not e.latest() or e.teacher is None:
        return None
    row, teacher = e.latest()[-1], e.teacher
    mine, theirs = value_of(row, "diversity"), value_of(teacher, "diversity")
    right, right_there = value_of(row, "accuracy"), value_of(teacher, "accuracy")
    if mine is None or theirs is None or right is None or right_there is None or right < right_there - ACCURACY_LOST:
        return None
    if mine > DIVERSITY_KEPT * theirs or _end(row, "high", mine) >= _end(teacher, "low", theirs):
        return None
    return (
        f"the student draws what the prompt says (accuracy {right:.0%}, the teacher's {right_there:.0%}) and varies less: "
        f"diversity {mine:.2f} against the teacher's {theirs:.2f}. Matching a guided teacher's density seeks its modes.",
        "The hybrid gives part of it back for nothing: let the teacher take the first step and this student the rest, as "
        "Compare does. In training, lower the guidance, or choose a divergence that covers modes "
        "(f-distill or Uni-Instruct with forward KL).",
    )


def _end(figures: Figures, end: str, otherwise: float) -> float:
    """An end of the diversity's interval."""
    found = figures["diversity"]
    value = found.get(end) if isinstance(found, Mapping) else None
    return float(value) if isinstance(value, (int, float)) else otherwise


SIGNS: dict[str, Callable[[Evidence], Found]] = {
    "not finite": not_finite, "gradients": gradients, "normaliser": normaliser, "fake score lags": fake_lags,
    "discriminator blind": discriminator_blind, "discriminator certain": discriminator_certain,
    "worse than teacher": worse_than_teacher, "over-saturated": over_saturated, "unreadable": unreadable,
    "diversity lost": diversity_lost,
}  # fmt: skip
