"""Values of an axis as people type them, and as labels. Needs no torch.

1, 2, 4        1..7 step 2        teacher, student        a red house | a blue boat
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from studio.capabilities.grid.settings import Setting
from studio.core.explain import brief
from studio.library.adapter_uses import AdapterUse
from studio.library.draw_request import label as arm_label

MAX_VALUES = 64
NUMBER = r"[-+−]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
RANGE = re.compile(rf"({NUMBER})\s*(?:\.\.+|…)\s*({NUMBER})(?:\s*(?:step|by)\s*({NUMBER}))?")
NOTHING = ("none", "empty", "own", "default")
YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
LIKE = {"whole": "1, 2, 4 or 1..7 step 2", "number": "0, 0.5, 1 or 0..1 step 0.25", "yes": "yes, no"}


def typed(setting: Setting, text: str) -> list[object]:
    """The values that a text stands for. ValueError in one sentence.

    Commas part them; in sentences, where commas belong to the text, lines or "|" do, which part any. Quotes keep a comma.
    """
    found: list[object] = []
    for part in _parts(setting, str(text)[:20_000]):
        found += _values(setting, part)
        _count(setting, len(found))
    if not found:
        raise ValueError(f"{setting.title} has no values yet; {_like(setting)} would fit.")
    return checked(setting, found)


def checked(setting: Setting, values: Sequence[object]) -> list[object]:
    """The same values, each once. ValueError in one sentence."""
    _count(setting, len(values))
    for i, value in enumerate(values):
        if value in values[:i] and not (isinstance(value, bool) ^ isinstance(values[values.index(value)], bool)):
            raise ValueError(f"{setting.title} has {brief(value, 40)} twice; each value is drawn once.")
    if setting.name == "replace" and len(values) < 2:
        raise ValueError("Search and replace needs two texts: what is searched for, and what stands there instead.")
    return list(values)


def written(setting: Setting, values: Sequence[object]) -> str:
    """Values as `typed` reads them."""
    texts = [_written(value) for value in values]
    if setting.kind == "words" and (setting.name != "replace" or any("," in text for text in texts)):
        return "\n".join(texts)
    return ", ".join(f'"{text}"' if "," in text else text for text in texts)


def said(setting: Setting, value: object) -> str:
    """A value as the head of a row or a column."""
    if value is None or value == "":
        return "none" if setting.many or setting.kind in ("words", "name") else "own"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(said(setting, one) for one in value) or "none"
    if isinstance(value, dict) and "strength" in value:
        return AdapterUse.model_validate(value).said()
    return arm_label(str(value)) if setting.name == "arms" else _written(value)


def _written(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(map(_written, value)) or "none"
    if isinstance(value, dict) and "strength" in value:
        return str(AdapterUse.model_validate(value))
    return f"{value:g}" if isinstance(value, float) and 1e-6 < abs(value) < 1e6 else str(value)


def _parts(setting: Setting, text: str) -> list[str]:
    if "\n" in text.strip() or "|" in text:
        parts = re.split(r"[\n|]", text)
    elif setting.kind == "words" and setting.name != "replace":
        parts = [text]
    else:
        parts = next(csv.reader([text], skipinitialspace=True), [])
    return [part.strip() for part in parts if part.strip()]


def _values(setting: Setting, part: str) -> list[object]:
    if setting.empty and part.lower() in NOTHING:
        return [None]
    if setting.kind in ("whole", "number"):
        return _numbers(setting, part)
    if setting.kind == "yes":
        if part.lower() not in (*YES, *NO):
            raise ValueError(f"{setting.title} has {brief(part, 40)}; yes, no or both would fit.")
        return [part.lower() in YES]
    if setting.kind == "choice" and part not in setting.choices:
        raise ValueError(f"{setting.title} has {brief(part, 40)}; {', '.join(setting.choices)} would fit.")
    if setting.kind == "any" and (RANGE.fullmatch(part) or re.fullmatch(NUMBER, part)):
        return _numbers(setting, part)
    return [part]


def _numbers(setting: Setting, part: str) -> list[object]:
    """One number, or those of a range, its ends among them where the step meets them."""
    if (match := RANGE.fullmatch(part)) is None:
        return [_number(setting, part)]
    low, high = (float(_number(setting, match[i])) for i in (1, 2))
    step = abs(float(_number(setting, match[3]))) if match[3] else 1.0
    if step == 0:
        raise ValueError(f"{setting.title} has {brief(part, 40)}, which never ends; a step above 0 would fit.")
    many = int(abs(high - low) / step + 1e-9) + 1
    _count(setting, many)
    way = step if high >= low else -step
    return [_whole(setting, round(low + i * way, 10), part) for i in range(many)]


def _number(setting: Setting, text: str) -> int | float:
    if not re.fullmatch(NUMBER, text):
        raise ValueError(f"{setting.title} has {brief(text, 40)}, which is no number; {_like(setting)} would fit.")
    value = float(text.replace("−", "-"))
    if abs(value) == float("inf"):
        raise ValueError(f"{setting.title} has {brief(text, 40)}; a finite number would fit.")
    return _whole(setting, value, text)


def _whole(setting: Setting, value: float, text: str) -> int | float:
    if value == int(value):
        return int(value)
    if setting.kind == "whole":
        raise ValueError(f"{setting.title} has {brief(text, 40)}; whole numbers would fit.")
    return value


def _count(setting: Setting, n: int) -> None:
    if n > MAX_VALUES:
        raise ValueError(f"{setting.title} has {n:,} values; at most {MAX_VALUES} fit on an axis.")


def _like(setting: Setting) -> str:
    if setting.kind == "choice":
        return ", ".join(setting.choices)
    if setting.name == "arms":
        return "teacher, student, hybrid-1"
    return LIKE.get(setting.kind, "a line each" if setting.kind == "words" else "names with commas between")
