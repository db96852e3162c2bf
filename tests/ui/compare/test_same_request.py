"""The very same request again: its finished run is shown; it is drawn anew where somebody wants that or models have changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.jobs.jobs import Jobs
from studio.ui.kit import same_request
from tests.support.method_catalogue import stock
from tests.support.scripted_compare import ScriptedWorker

ASKED = {"prompt": "a red house", "pair": "test/dmd2", "seeds": [0, 1], "arms": ["teacher", "student"]}


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    from studio.library.stock import open_jobs

    return open_jobs(stock(tmp_path))


def drawn(jobs: Jobs, **changes: object) -> str:
    worker = ScriptedWorker(jobs, step_s=0.0)
    worker.start()
    try:
        run = jobs.submit("compare", {**ASKED, **changes})
        assert all(event is not None for event in jobs.follow(run))
    finally:
        worker.stop()
    return run


def test_a_finished_run_of_the_same_request_is_found_and_no_other(jobs: Jobs) -> None:
    assert same_request.finished(jobs, "compare", ASKED) is None
    run = drawn(jobs)
    found = same_request.finished(jobs, "compare", ASKED)
    assert found is not None and found.id == run and same_request.said(found).startswith("These pictures are there already")
    assert same_request.finished(jobs, "compare", {**ASKED, "seeds": [0, 2]}) is None
    with pytest.raises(ValueError, match="prompt is empty"):
        same_request.finished(jobs, "compare", {**ASKED, "prompt": ""})


def test_other_weights_are_drawn_anew(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = drawn(jobs)
    file = jobs.paths.run(run) / "result.json"
    result = json.loads(file.read_text())
    file.write_text(json.dumps({**result, "models": {"test/dmd2": {"hash": "old", "title": "DMD2"}}}))
    monkeypatch.setattr(same_request, "hashes", lambda *_: {"test/dmd2": {"hash": "new"}})
    assert same_request.finished(jobs, "compare", ASKED) is None
    monkeypatch.setattr(same_request, "hashes", lambda *_: {"test/dmd2": {"hash": "old"}})
    assert same_request.finished(jobs, "compare", ASKED) is not None
