"""Arms as a person sees them: a name, a colour, a marker, and which model draws which step.

An arm keeps its colour everywhere (chips, wall, plot, table), in a light and a dark tone, and has a marker
of its own so that nothing depends on telling hues apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from studio.library.draw_request import arms_for
from studio.library.remedies import REMEDIES

HYBRID = re.compile(r"hybrid-([1-9]\d?)")
INK, LIGHT = "#26241f", "#f2efe7"  # of text on light and on dark paper
WORDS = 0.7  # share of an arm's colour in words of that colour
MASK = re.compile(r"mask-([BS-]{1,16})")


@dataclass(frozen=True)
class Look:
    """How an arm is drawn. `slug` names its CSS variable `--arm-<slug>`; `marker` is a plotly symbol."""

    slug: str
    light: str
    dark: str
    marker: str

    def said(self, dark: bool) -> str:
        """The colour of words: mixed with the ink of the page, which keeps 4.5:1 on every paper (WCAG AA)."""
        pairs = zip(_parts(self.dark if dark else self.light), _parts(LIGHT if dark else INK), strict=True)
        return "#" + "".join(f"{round(WORDS * of + (1 - WORDS) * ink):02x}" for of, ink in pairs)


def _parts(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


LOOKS: dict[str, Look] = {
    look.slug: look
    for look in (
        Look("teacher", "#3b5bdb", "#8aa2ff", "circle"),
        Look("teacher-unguided", "#2b8fc4", "#74c3ee", "circle-open"),
        Look("student", "#e8590c", "#ff9a5c", "square"),
        Look("hybrid-1", "#0b8f74", "#45d3b2", "diamond"),
        Look("hybrid-2", "#4d8f1c", "#9ad65f", "diamond-tall"),
        Look("hybrid-3", "#877f00", "#d9cf4e", "diamond-wide"),
        Look("hybrid-4", "#0b7f95", "#5fcbe0", "diamond-open"),
        Look("skip-first", "#9436b0", "#d592ea", "x"),
        Look("student-first", "#c2255c", "#ff8fb4", "triangle-up"),
        *(Look(arm, *remedy.look) for arm, remedy in REMEDIES.items()),
        Look("other", "#6b655c", "#b8b1a4", "star"),
    )
}


def look(arm: str) -> Look:
    """The look of an arm; hybrids beyond the fourth cycle through the hybrid tones, masks share one."""
    if arm in LOOKS:
        return LOOKS[arm]
    match = HYBRID.fullmatch(arm)
    return LOOKS[f"hybrid-{(int(match[1]) - 1) % 4 + 1}"] if match else LOOKS["other"]


def title(arm: str) -> str:
    """A short name: "Teacher", "Hybrid k=1", "Skip first", "Mask BSSB"."""
    if match := HYBRID.fullmatch(arm):
        return f"Hybrid k={match[1]}"
    if match := MASK.fullmatch(arm):
        return f"Mask {match[1]}"
    if arm in REMEDIES:
        return REMEDIES[arm].title
    names = {"teacher-unguided": "Teacher, no guidance", "skip-first": "Skip first", "student-first": "Student first"}
    return names.get(arm, arm.replace("-", " ").capitalize())


def chip(arm: str) -> str:
    """The name on a chip of the form: hybrids after the first are told by their k alone."""
    match = HYBRID.fullmatch(arm)
    return f"k={match[1]}" if match and match[1] != "1" else title(arm)


def meaning(arm: str) -> str:
    """One clause saying who draws which step."""
    if match := HYBRID.fullmatch(arm):
        first = "the first step" if match[1] == "1" else f"the first {match[1]} steps"
        return f"the teacher takes {first}, the student the rest"
    if arm.startswith("mask-"):
        return "B: a teacher step, S: a student step, -: left out"
    if arm in REMEDIES:
        return REMEDIES[arm].meaning
    return {
        "teacher": "many steps, guided as its card says",
        "teacher-unguided": "many steps, no guidance",
        "student": "its own few steps, nothing else",
        "skip-first": "the student without its first step, the honest baseline beside a hybrid",
        "student-first": "the student takes the first step, the teacher the rest",
    }.get(arm, arm)


def choices(student_steps: int) -> list[str]:
    """Every arm offered for a student of `student_steps` steps, in the order of the page; remedies are offered apart."""
    return arms_for(min(max(student_steps, 1), 8))


def css_variables() -> str:
    """`--arm-…` for both themes, `--said-…` of words: the page and the plots take every arm colour from here."""
    light = "".join(f"--arm-{k}:{v.light};--said-{k}:{v.said(False)};" for k, v in LOOKS.items())
    dark = "".join(f"--arm-{k}:{v.dark};--said-{k}:{v.said(True)};" for k, v in LOOKS.items())
    return f":root{{{light}}} .dark{{{dark}}}"


def chip_css(scope: str, arms: list[str]) -> str:
    """Colours the checkbox chips of `scope`: each carries its arm's colour, by the name of its input."""
    return "\n".join(f'{scope} label:has(input[name="{arm}"]){{--tone:var(--arm-{look(arm).slug})}}' for arm in arms)


def glyph(arm: str, student_steps: int, teacher_steps: int) -> list[list[str | int]]:
    """Who draws which step, as runs of [role, count]: role is "teacher", "student", "both" or "skip"."""
    n = max(student_steps, 1)
    on = REMEDIES[arm].on if arm in REMEDIES else ""
    if arm.startswith("teacher") or on == "teacher":
        return [["teacher", max(teacher_steps, 1)]]
    if on == "both":
        return [["both", n]]
    if on == "hybrid":
        arm = "hybrid-1"
    if match := HYBRID.fullmatch(arm):
        k = min(int(match[1]), n)
        return [run for run in (["teacher", k], ["student", n - k]) if run[1]]
    if arm == "skip-first":
        return [run for run in (["skip", 1], ["student", n - 1]) if run[1]]
    if arm == "student-first":
        return [run for run in (["student", 1], ["teacher", n - 1]) if run[1]]
    if match := MASK.fullmatch(arm):
        roles = {"B": "teacher", "S": "student", "-": "skip"}
        return [[roles[letter], 1] for letter in match[1]]
    return [["student", n]]
