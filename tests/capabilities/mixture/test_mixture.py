"""The kind `mixture`: requests are checked where they are made, and an answer is what the laboratory says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from studio.capabilities.mixture.request import MixtureRequest
from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.library.models import load_registry
from studio.metrics.mixture_page import lab_page
from studio.worker import run_job
from studio.workshop.open_models import ModelCache


def test_a_run_answers_what_the_laboratory_says(jobs: Jobs) -> None:
    run_id = jobs.submit("mixture", {"D": 16, "K": 5, "k": 2, "order": "student first"})
    assert jobs.get(run_id).lane == "interactive"
    state, _ = run_job(jobs.paths.run(run_id), models=ModelCache("cpu"), registry=load_registry(jobs.paths))
    assert state == "done"
    assert jobs.result(run_id) == lab_page(16, 3.0, 5, 2, "student first")


@pytest.mark.parametrize("wrong", [{"D": 0}, {"D": 5000}, {"beta": -1}, {"K": 1}, {"k": 5}, {"order": "both"}, {"sigma": 1}])
def test_what_the_laboratory_cannot_do_is_refused_in_a_sentence(jobs: Jobs, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w+.*[.]"):
        jobs.submit("mixture", wrong)
    assert jobs.list(kind="mixture") == []


def test_the_ends_of_the_sliders_can_be_computed() -> None:
    for D, beta, K, k in ((1, 0.0, 2, 0), (4096, 8.0, 32, 4)):
        request = MixtureRequest(D=D, beta=beta, K=K, k=k)
        assert lab_page(**request.model_dump())["settings"]["D"] == D


def test_the_kind_needs_no_torch_to_be_asked() -> None:
    program = "import sys; from studio.capabilities.mixture import request; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    assert not KINDS.get("mixture").resumable
