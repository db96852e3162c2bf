"""Every test runs on one torch thread, offline, without telemetry."""

from __future__ import annotations

import os
from typing import Any

import pytest

pytest_plugins = ["tests.support.fixtures", "tests.support.model_hub"]

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_addoption(parser) -> None:
    parser.addoption("--long", action="store_true", help="Trials by number take all of their cases, not a sample: an hour more")


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether a trial is to take all of its cases."""
    return bool(request.config.getoption("--long"))


def pytest_configure(config) -> None:
    import torch

    torch.set_num_threads(1)
    _hold_results_to_their_shape()


def _hold_results_to_their_shape() -> None:
    """Whatever a kind of job leaves is what its schema says, in every test that executes one in its own process."""
    from studio.jobs.kinds import Kind

    run = Kind.run

    def held(kind: Kind, request: Any, of: Any) -> Any:
        result = run(kind, request, of)
        if kind.gives is not None:
            kind.gives.model_validate(result)
        return result

    Kind.run = held  # type: ignore[method-assign]
