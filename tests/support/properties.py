"""Property tests: hypothesis where it is installed (the dev group), skipped with a sentence where it is not.

The README's test command installs requirements.txt alone, and every other test of the same files must still run.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import pytest

try:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st
except ModuleNotFoundError:
    if os.environ.get("CI"):
        raise  # there nothing may skip unseen

    class _Anything:
        """Stands where a strategy would be built; nothing is ever drawn from it."""

        def __getattr__(self, name: str) -> _Anything:
            return self

        def __call__(self, *args: Any, **options: Any) -> _Anything:
            return self

        def __or__(self, other: Any) -> _Anything:
            return self

    st = _Anything()  # type: ignore[assignment]

    HealthCheck = ()  # type: ignore[assignment,misc]

    WHY = "hypothesis is not installed; `pip install --group dev` brings it"

    def given(*args: Any, **options: Any) -> Callable:  # type: ignore[no-redef]
        def skipping(test: Callable) -> Callable:
            @functools.wraps(test)
            def skipped(*args: Any, **options: Any) -> None:
                pytest.skip(WHY)  # where a test calls it

            return pytest.mark.skip(reason=WHY)(skipped)

        return skipping

    def settings(*args: Any, **options: Any) -> Callable:  # type: ignore[no-redef]
        return lambda test: test


__all__ = ["HealthCheck", "given", "settings", "st"]
