"""Imports Gradio in about half the time."""

from __future__ import annotations

import inspect
import sys


def import_gradio() -> None:
    """`import gradio`, without its rewriting the type stubs (.pyi) beside every component's source.

    Gradio does that for each component class at every import: it parses its own sources, writes into its installed
    package, and takes 0.8 of its 1.8 seconds. It leaves classes alone whose file cannot be found (those typed into a
    shell), so while it is imported its own classes have none. If a later Gradio does otherwise, this changes nothing.
    """
    if "gradio" in sys.modules:
        return
    find = inspect.getfile

    def getfile(thing: object) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("no stubs, please")
        return find(thing)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        import gradio  # noqa: F401
    finally:
        inspect.getfile = find
