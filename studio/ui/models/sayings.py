"""Sentences of the library in the words of the page: where they name a command or an option, a person here has a button or a
field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from studio.core.files import Json
from studio.library.source import Source

_SAID: tuple[tuple[str, str], ...] = (
    (r"(?: is not downloaded yet)[:;] `?python -m studio models download [^ `]+`?(?: does it)?\.?", " is not downloaded yet."),
    (r", and --ask-token takes one for this download", ", and the field Token takes one for this download"),
    (r"another --id would fit", "another name in the list would fit"),
    (r"--size in pixels must say it", "the field Pixels must say it"),
    (r"--teacher must name it", "the field Teacher must name it"),
    (r"--holds says what it is", "What it holds says what it is"),
    (r"; with --files what it downloaded can be removed", "; its files can be removed"),
    (r"; --role and --teacher", "; Role and Teacher"),
)
FORMS = {"pipeline": "whole model", "single_file": "single file", "network": "network", "lora": "LoRA"}


def on_page(sentence: str) -> str:
    """The same, without options of the command line."""
    for pattern, words in _SAID:
        sentence = re.sub(pattern, words, sentence)
    return sentence


def form(source: Source | None) -> str:
    """What a model is made of: "whole model", "LoRA on sdxl/base"."""
    if source is None:
        return FORMS["pipeline"]
    return f"{FORMS[source.holds]} on {source.base}" if source.base else FORMS[source.holds]


def counts(steps: Sequence[int]) -> str:
    """Numbers of steps, those that follow on each other as a range: "1, 4", "2 to 8"."""
    runs: list[list[int]] = []
    for n in sorted(set(steps)):
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def recipe(told: Mapping[str, object]) -> str:
    """How a student is sampled, in words. told: as `core.recipe.Recipe` has it."""
    times = [float(t) for t in _numbers(told.get("timesteps"))]
    eta = told.get("eta")
    by = f"{told.get('rule')}" + (f" with η = {eta:g}" if isinstance(eta, int | float) else "")
    grid = ", ".join(f"{t:g}" for t in times)
    said = f"{_steps(len(times))} at t = {grid}, by the rule {by}, {guided(told.get('guidance'))}"
    fit = sorted({int(n) for n in _numbers(told.get("valid_steps"))} - {len(times)})
    return said + (f"; {counts([*fit, len(times)])} steps fit it." if fit else ".")


def sampling(told: Json) -> str:
    """How a teacher is sampled unless something else is asked for. told: {"steps", "rule", "spacing", "guidance"}."""
    spacing = f", {told['spacing']} spacing" if told.get("spacing") else ""
    scale = f", {guided(told['guidance'])}" if told.get("guidance") is not None else ""
    return f"{_steps(int(told['steps']))} by the rule {told['rule']}{spacing}{scale}."


def guided(scale: object) -> str:
    return f"guidance {scale:g}" if isinstance(scale, int | float) and scale != 1 else "without guidance"


def _steps(n: int) -> str:
    return f"{n} step{'' if n == 1 else 's'}"


def _numbers(given: object) -> list[float]:
    return [one for one in given if isinstance(one, int | float)] if isinstance(given, list | tuple) else []
