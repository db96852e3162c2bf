"""Every test runs on one torch thread, offline, without telemetry."""

from __future__ import annotations

import os

pytest_plugins = ["tests.support.fixtures", "tests.support.model_hub"]

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure(config) -> None:
    import torch

    torch.set_num_threads(1)
