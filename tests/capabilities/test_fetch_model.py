"""Downloads as runs: progress, pause, resume, a restart, and a token that is nowhere afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from studio.capabilities.models import work
from studio.core.explain import explain
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.paths import DOWNLOADS
from studio.jobs.supervisor import Supervisor
from studio.library.listed_sources import listed_source
from studio.library.source import cache_folder
from studio.library.tickets import hand, take
from studio.worker import run_job
from tests.support.fixtures import until
from tests.support.model_hub import TOKEN, ModelHub, pipeline

WEIGHTS = bytes(range(250)) * 80
UNET = "unet/diffusion_pytorch_model.fp16.safetensors"


@pytest.fixture
def home(jobs: Jobs, model_hub: ModelHub) -> Jobs:
    """A data folder that lists a model of the stand-in Hub."""
    source = {"hub": "ada/xl", "variant": "fp16"}
    about = {"id": "ada/xl", "title": "XL", "role": "teacher", "domain": "plain", "size": 64, "source": source}
    (jobs.paths.models / "xl.yaml").write_text(yaml.safe_dump(about))
    model_hub.add("ada/xl", pipeline(WEIGHTS))
    return jobs


def do(jobs: Jobs, run_id: str) -> tuple[str, str]:
    me = identity()
    assert jobs.claim(DOWNLOADS, me, run_id) is not None
    state, note = run_job(jobs.paths.run(run_id), owner=me)
    jobs.finish(run_id, state, note, me)
    return state, note


def test_a_download_says_how_far_it_is_and_what_came(home: Jobs, model_hub: ModelHub) -> None:
    run_id = home.submit("fetch_model", {"model": "ada/xl"})
    assert home.get(run_id).lane == DOWNLOADS and listed_source(home.paths, "ada/xl").reason.endswith("models download ada/xl")
    assert do(home, run_id) == ("done", "")
    result = home.result(run_id)
    assert result is not None and result["commit"] == model_hub.repositories["ada/xl"].refs["main"]
    assert result["bytes"] == sum(file["bytes"] for file in result["files"]) == result["moved"]
    told = [event for event in home.tail(run_id)[0] if event["kind"] == "progress"]
    assert told[0]["done"] == 0 and told[-1]["done"] == told[-1]["total"] == result["bytes"] and told[-1]["rate"] > 0
    assert listed_source(home.paths, "ada/xl").reason == ""


def test_a_pause_is_heard_between_chunks_and_the_run_goes_on_from_there(
    home: Jobs, model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = home.submit("fetch_model", {"model": "ada/xl"})
    monkeypatch.setattr(work, "TELL_S", 0.0)
    tell = work.Fetching._tell

    def told(self: work.Fetching) -> None:
        tell(self)
        if self.last.done >= 8000:
            (self.job.folder / "pause").touch()

    with monkeypatch.context() as patch:
        patch.setattr(work.Fetching, "_tell", told)
        state, note = do(home, run_id)
    assert state == "paused" and note.startswith("Paused; ") and note.endswith(" have arrived and are kept.")
    (part,) = cache_folder().rglob("*.incomplete")
    kept, sent = part.stat().st_size, model_hub.sent.copy()
    home.resume(run_id)
    assert do(home, run_id) == ("done", "")
    assert 0 < kept < 20000 and model_hub.sent[UNET] - sent[UNET] == 20000 - kept


def test_only_what_is_listed_is_downloaded(home: Jobs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no model 'ada/other' whose file names a source. Those that have are .*ada/xl"):
        home.submit("fetch_model", {"model": "ada/other"})
    about = {"id": "ada/here", "source": {"path": "../here"}}
    (home.paths.models / "here.yaml").write_text(yaml.safe_dump(about))
    with pytest.raises(ValueError, match="a place on this machine"):
        home.submit("fetch_model", {"model": "ada/here"})
    with pytest.raises(ValueError) as error:
        home.submit("fetch_model", {"model": "ada/xl", "ticket": "../../etc/passwd"})
    assert "ticket" in explain(error.value)


def holds(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_token_reaches_the_run_and_no_file(home: Jobs, model_hub: ModelHub, tmp_path: Path) -> None:
    repository = model_hub.repositories["ada/xl"]
    repository.gated, repository.granted = "manual", False
    run_id = home.submit("fetch_model", {"model": "ada/xl", "ticket": hand(home.paths, SecretStr(TOKEN))})
    (waiting,) = holds(tmp_path, TOKEN)
    assert waiting.parent == home.paths.root / "tokens" and waiting.stat().st_mode & 0o077 == 0
    state, note = do(home, run_id)
    assert state == "failed" and "is gated: ask for access at https://huggingface.co/ada/xl" in note
    assert holds(tmp_path, TOKEN) == [] and "Bearer" not in home.log_tail(run_id)
    repository.granted = True
    again = home.submit("fetch_model", {"model": "ada/xl", "ticket": hand(home.paths, SecretStr(f"{TOKEN}\n"))})
    assert do(home, again) == ("done", "") and holds(tmp_path, TOKEN) == []


def test_a_ticket_is_good_once_and_a_token_is_one_line(jobs: Jobs) -> None:
    ticket = hand(jobs.paths, SecretStr(TOKEN))
    taken = take(jobs.paths, ticket)
    assert taken is not None and taken.get_secret_value() == TOKEN and TOKEN not in repr(taken)
    assert take(jobs.paths, ticket) is None is take(jobs.paths, "../index.db")
    with pytest.raises(ValueError, match="characters that no token has") as error:
        hand(jobs.paths, SecretStr("hf_a b"))
    assert "hf_a b" not in str(error.value)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_followed_by_one_that_goes_on(
    home: Jobs, model_hub: ModelHub, supervise: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worker processes of the lane, which are not offline although others are."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    model_hub.faults.trickle = 0.1
    model_hub.add("ada/xl", pipeline(bytes(range(250)) * 160000))  # four chunks of the client
    supervise(lanes=(DOWNLOADS,))
    run_id = home.submit("fetch_model", {"model": "ada/xl"})
    part = until(lambda: next((one for one in cache_folder().rglob("*.incomplete") if one.stat().st_size > 1 << 20), None))
    pid = home.status(DOWNLOADS).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: home.status(DOWNLOADS).pid != pid)
    kept = part.stat().st_size
    model_hub.faults.trickle = 0.0
    until(lambda: home.get(run_id).state == "done")
    assert model_hub.started[UNET] == [0, kept]
