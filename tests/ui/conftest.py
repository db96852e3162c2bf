"""A data folder with models on its shelf, and a scripted worker that draws with the renderer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.library.stock import open_jobs

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before the first import of gradio

from studio.jobs.jobs import Jobs
from tests.support.method_catalogue import stock
from tests.support.scripted_compare import ScriptedWorker


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return open_jobs(stock(tmp_path))


@pytest.fixture
def worker(jobs: Jobs) -> Iterator[ScriptedWorker]:
    scripted = ScriptedWorker(jobs, step_s=0.0)
    scripted.start()
    yield scripted
    scripted.stop()
