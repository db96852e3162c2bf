"""What the page's server answers to whatever does not fit: one sentence and a status, whoever asks and by which way.

400 where what was asked does not fit, 503 where it would at another moment (a full disk, a locked index), 500 for faults of ours:
a TypeError of a handler is what odd values lead to, and a fault of ours where the page itself could have sent them (`ordinary`).
Nothing that a person sends prints a traceback: a fault is one line of the log that names its places, innermost first.
"""

from __future__ import annotations

import inspect
import logging
import sqlite3
import traceback
from collections.abc import Callable, Sequence
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import TypeVar, get_type_hints

import gradio as gr
from gradio.blocks import Block
from gradio.components.api_component import Api
from pydantic import ValidationError

from studio.core.explain import explain
from studio.core.seldom import Seldom
from studio.jobs.paths import ROOT

T = TypeVar("T")
STATUS = "studio.status"  # in the scope of a request: the status that its refusal has
ODD = (TypeError, KeyError, IndexError, AttributeError, ValueError, ArithmeticError, RecursionError, AssertionError)
PLACES = 6  # of a fault, that a line of the log names
NO_FIT = "What was sent does not fit what this does; reload the page and try again, or see what /gradio_api/info says."
log = logging.getLogger(__name__)
_seldom = Seldom()


class Refused(gr.Error):
    """One sentence that reaches whoever asked."""

    def __init__(self, sentence: str, status: int = 400):
        super().__init__(sentence, print_exception=False)
        self.status = status


def said(action: Callable[[], T]) -> T:
    """A person's mistake reaches the caller as its one sentence."""
    try:
        return action()
    except ValueError as error:
        raise Refused(explain(error), getattr(error, "status", 400)) from error


def of(error: BaseException, odd: tuple[type[BaseException], ...] = ODD) -> tuple[str, int]:
    """(sentence, status) of anything that went wrong, and a line in the log where it is no refusal. odd: errors that what was
    sent leads to."""
    if isinstance(error, gr.Error):
        return str(error.message), getattr(error, "status", 400)
    say(error)
    if isinstance(error, sqlite3.Error) or (isinstance(error, OSError) and error.errno):
        return explain(error), 503
    if isinstance(error, ValidationError):
        return explain(error), 400
    if isinstance(error, (*odd, OSError)) or type(error).__module__.startswith("gradio"):
        return NO_FIT, 400
    return "This failed for a reason of the studio's own; its log says where.", 500


def say(error: BaseException) -> None:
    """A fault in the log, equal ones once a minute."""
    if _seldom(said := line(error)):
        log.warning("%s", said)


def line(error: BaseException) -> str:
    """A fault in one line: its kind, what it says, and where, innermost first."""
    frames = islice(reversed(traceback.extract_tb(error.__traceback__)), PLACES)
    places = " < ".join(f"{_short(frame.filename)}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]} at {places}"


def completed(given: list[object], wanted: Sequence[Block]) -> list[object]:
    """What a call gave, with the defaults of what it left out at the end."""
    rest = wanted[len(given) :] if isinstance(given, list) else ()
    defaults = [part.value for part in rest if isinstance(part, Api) and part.value is not None]
    return [*given, *defaults] if defaults else given


def ordinary(given: Sequence[object], wanted: Sequence[Block], call: Callable[..., object] | None) -> bool:
    """Whether the page itself could have sent these values to this handler: its fields send text, numbers and choices. Of JSON in
    a text, of a part of our own and of an event's data nobody knows, so these are not."""
    if not inspect.isroutine(call):
        return False
    hints = get_type_hints(call).values()
    told = any(inspect.isclass(hint) and issubclass(hint, gr.EventData) for hint in hints)
    return not told and len(given) == len(wanted) and all(map(_sent, given, wanted))


def _sent(value: object, part: Block) -> bool:
    """Whether a field sends such a value."""
    if isinstance(part, gr.Textbox):
        return isinstance(value, str) and not value.lstrip().startswith(("{", "["))
    if isinstance(part, (gr.Number, gr.Slider)):
        return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value))
    if isinstance(part, gr.Checkbox):
        return isinstance(value, bool)
    if isinstance(part, (gr.CheckboxGroup, gr.Dropdown, gr.Radio)):
        several = isinstance(part, gr.CheckboxGroup) or bool(getattr(part, "multiselect", False))
        return isinstance(value, list) and all(isinstance(one, str) for one in value) if several else isinstance(value, str)
    return False


def check_count(name: str | bool | None, given: Sequence[object], wanted: int) -> None:
    """Refuses a call with too few or too many values."""
    if not isinstance(given, (list, tuple)) or len(given) != wanted:
        n = len(given) if isinstance(given, (list, tuple)) else "something else"
        raise Refused(f"{f'/{name}' if name else 'This action'} takes {wanted} value{'s' * (wanted != 1)} in a list, not {n}.")


def _short(name: str) -> str:
    path = Path(name)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
