"""A data folder among strangers: closed to other users, without links followed, quiet while it cannot be written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.core.seldom import Seldom
from studio.jobs.jobs import Jobs
from studio.jobs.paths import open_paths, write_privately
from studio.jobs.supervisor import TICK_S, Supervisor
from studio.library.stock import open_jobs
from tests.support.fixtures import until

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes.")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@posix
def test_a_data_folder_is_its_users_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        root = tmp_path / "data"
        assert mode(open_paths(root).root) == 0o700
        root.chmod(0o755)  # as an earlier version left it
        (root / "uploads").mkdir()
        open_jobs(root).list()
        assert mode(open_paths(root).root) == 0o700
    finally:
        os.umask(before)


@posix
def test_what_else_is_in_a_folder_stays_as_open_as_it_was(tmp_path: Path) -> None:
    home, shared = tmp_path / "home", tmp_path / "shared"
    for folder, bits in ((home, 0o755), (shared, 0o2770)):
        folder.mkdir()
        folder.chmod(bits)
    (home / "letters").mkdir(mode=0o755)
    paths = open_paths(home)
    open_jobs(home).list()
    open_paths(home)
    assert mode(home) == 0o755 and mode(home / "letters") & 0o055
    assert {mode(folder) for folder in (paths.runs, paths.lanes, paths.models, paths.cache)} == {0o700}
    assert mode(paths.db) == 0o600
    open_paths(shared)
    assert mode(shared) & 0o7777 == 0o2770  # a group's, on purpose


@posix
def test_what_a_process_of_the_studio_writes_is_for_its_user(jobs: Jobs, supervise: Callable[..., Supervisor]) -> None:
    before = os.umask(0o022)
    try:
        run = jobs.submit("sleepy", {"steps": 1, "seconds": 0.01})
        supervise(lanes=("interactive",))
        until(lambda: jobs.get(run).final)
    finally:
        os.umask(before)
    made = [file for file in jobs.paths.run(run).iterdir() if file.name in ("env.json", "result.json", "log.txt")]
    assert made and all(mode(file) & 0o077 == 0 for file in made), [(file.name, oct(mode(file))) for file in made]
    assert mode(jobs.paths.lane("interactive", "json")) & 0o077 == 0


@posix
def test_a_group_that_shares_a_folder_reads_what_is_written(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        tmp_path.chmod(0o2770)
        write_privately(open_paths(tmp_path))
        (tmp_path / "one").write_text("")
        assert mode(tmp_path / "one") == 0o660
    finally:
        os.umask(before)


def test_a_run_folder_that_is_a_link_is_not_followed(jobs: Jobs, tmp_path: Path) -> None:
    run = jobs.submit("sleepy", {})
    elsewhere = tmp_path / "elsewhere"
    shutil.move(jobs.paths.run(run), elsewhere)
    (jobs.paths.runs / run).symlink_to(elsewhere, target_is_directory=True)
    for ask in (
        jobs.result,
        jobs.tail,
        jobs.spec,
        jobs.progress,
        jobs.log_tail,
        lambda one: jobs.artifact(one, "artifacts/a.png"),
    ):
        with pytest.raises(ValueError, match="is a link to another place"):
            ask(run)
    jobs.paths.db.unlink()  # made again from the folders
    assert open_jobs(jobs.paths.root).list() == []


def test_an_odd_run_folder_does_not_cost_the_others_their_index(jobs: Jobs) -> None:
    whole, odd = jobs.submit("sleepy", {}), jobs.submit("sleepy", {})
    folder = jobs.paths.run(odd)
    with open(folder / "events.jsonl", "a") as events:
        events.write('{"n":1,"kind":"state"}\n{"n":2,"kind":"state","state":"done"}\n' + "[" * 100_000 + "\n")
    (folder / "env.json").write_text(json.dumps({"worker": 3}))
    (folder / "result.json").write_text("[" * 100_000)
    jobs.paths.db.unlink()
    again = open_jobs(jobs.paths.root)
    assert {info.id for info in again.list()} == {whole, odd}
    assert again.result(odd) is None and again.progress(odd) is None


def test_a_folder_that_cannot_be_written_is_said_once_and_not_five_times_a_second(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    looks: list[str] = []

    def read_only(self: Supervisor, lane: object) -> None:
        looks.append(lane.name)  # type: ignore[attr-defined]
        raise OSError(errno.EROFS, "Read-only file system", str(jobs.paths.lane("interactive", "wanted")))

    monkeypatch.setattr(Supervisor, "_tend", read_only)
    supervisor = Supervisor(jobs, ("interactive", "batch"))
    supervisor.start()
    deadline = time.monotonic() + 20
    while len(looks) < 10 and time.monotonic() < deadline:
        time.sleep(TICK_S)
    supervisor.stop()
    said = capfd.readouterr().err
    assert len(looks) >= 10 and "Traceback" not in said
    assert said.count("Read-only file system") == 2  # one a lane
    assert str(jobs.paths.root) not in said


def test_equal_things_are_said_once_in_a_while() -> None:
    seldom = Seldom(0.05)
    assert [seldom("a"), seldom("b"), seldom("a")] == [True, True, False]
    time.sleep(0.06)
    assert seldom("a")
    assert sys.getsizeof(seldom._said) < 100_000 and all(seldom(str(i)) for i in range(1000))
