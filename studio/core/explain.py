"""Any error as one sentence for a person: what was given, what would fit, did you mean."""

from __future__ import annotations

import difflib
import errno
import os
import reprlib
import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_BOUNDS = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most"),
           "greater_than": ("gt", "more than"), "less_than": ("lt", "less than")}  # fmt: skip
_KINDS = {"int_parsing": "a whole number", "int_type": "a whole number", "int_from_float": "a whole number",
          "float_parsing": "a number", "float_type": "a number", "finite_number": "a finite number",
          "bool_parsing": "yes or no", "bool_type": "yes or no", "string_type": "text", "list_type": "a list",
          "int_parsing_size": "a whole number of ordinary size"}  # fmt: skip


_SHORT = reprlib.Repr()  # looks at few items of few levels: a value may name one list ten billion times
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict, _SHORT.maxset = 3, 8, 8, 8, 8
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def disk_full(error: BaseException) -> bool:
    """Whether something could not be written because the disk, or a person's share of it, is full."""
    if isinstance(error, sqlite3.OperationalError):
        return str(error) == "database or disk is full"  # SQLite's own words for SQLITE_FULL; Python 3.10 keeps no more
    return isinstance(error, OSError) and error.errno in DISK_FULL


def out_of_memory(error: BaseException) -> bool:
    """Of the CPU or of a device."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def did_you_mean(given: str, options: Iterable[str]) -> str:
    """' Did you mean …?' with a leading space, or '' when nothing is near. Quadratic cost is capped."""
    near = difflib.get_close_matches(str(given)[:60], [str(o) for o in options], n=1, cutoff=0.55)
    return f" Did you mean {near[0]!r}?" if near else ""


def brief(value: object, limit: int = 60) -> str:
    """`repr` cut to `limit` characters, without ever building the whole of something huge."""
    if isinstance(value, str):
        return repr(value if len(value) <= limit else value[: limit - 1] + "…")
    if isinstance(value, (list, tuple, dict, set)) and len(value) > 8:
        return f"{type(value).__name__} of {len(value):,}"
    text = str(value) if isinstance(value, (int, float)) and abs(value) < 1e18 else _SHORT.repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def count(n: int, thing: str) -> str:
    """A number of things: "1 seed", "8 seeds", "1,024 samples"."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def explain(error: BaseException, request: type[BaseModel] | None = None) -> str:
    """One sentence. For a pydantic error the first thing that is wrong, and how many more there are.

    request: what was validated, whose field names are suggested where one is misspelt.
    """
    if isinstance(error, ValidationError):
        details = error.errors(include_url=False)
        rest = len(details) - 1
        more = f" ({rest} more {'field needs' if rest == 1 else 'fields need'} attention.)" if rest else ""
        fields = request.model_fields if request is not None and request.__name__ == error.title else ()
        return _detail(details[0], error.title, fields) + more
    if out_of_memory(error):
        return "The device ran out of memory; fewer seeds or fewer arms would fit."
    if disk_full(error):
        return "The disk is full; free some space and try again."
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return "The index of runs is busy with somebody else's change; try again in a moment."
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        name = os.path.basename(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else ""
        text = f"{error.strerror}: {name}" if name else str(error.strerror)
    if not text:
        return f"{type(error).__name__} without a message."
    known = isinstance(error, (ValueError, RuntimeError, OSError))
    return (text if known else f"{type(error).__name__}: {text}")[:500]


def _detail(detail: ErrorDetails, title: str, fields: Iterable[str]) -> str:
    kind, given, context = detail["type"], detail.get("input"), detail.get("ctx") or {}
    field = ".".join(str(part) for part in detail["loc"])
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    if kind == "missing":
        return f"{field} is missing; it is needed."
    if kind == "extra_forbidden":
        return f"{title} has no field {brief(field)}.{did_you_mean(field, fields)}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        bound = context.get(name)
        return f"{field} is {brief(given)}; {words} {f'{bound:.12g}' if isinstance(bound, float) else bound} fits."
    if kind in _KINDS:
        return f"{field} is {brief(given)}; {_KINDS[kind]} fits."
    if kind in ("model_type", "dict_type", "json_invalid"):
        return f"{field or 'A request'} is an object with named fields, not {brief(given)}."
    return f"{field or title}: {detail['msg'][0].lower()}{detail['msg'][1:]}; {brief(given)} was given."
