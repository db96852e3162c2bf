"""How much one visitor of a public demo, one network and everybody together may ask for, and what refuses more."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from studio.core import demo, visitors
from studio.core.allowance import Allowance
from studio.core.demo import Limits, TooOften
from studio.jobs.jobs import Jobs
from studio.jobs.visitors import VisitorsJobs, of_visitors
from studio.library.stock import open_jobs
from studio.ui.kit.refusals import Refused, said

DRAWN = {"prompt": "a red house", "pair": "nano/dmd2", "arms": ["student"], "seeds": [0]}
MIXTURE = {"D": 4}


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VisitorsJobs:
    monkeypatch.setenv("STUDIO_DEMO", "1")
    for name, value in {"minute": 4, "address_minute": 6, "own_waiting": 2, "address_waiting": 3, "waiting": 4}.items():
        monkeypatch.setenv(f"STUDIO_DEMO_{name.upper()}", str(value))
    made = of_visitors(open_jobs(tmp_path / "data"))
    assert isinstance(made, VisitorsJobs) and made.limits.minute == 4
    return made


def ask(jobs: Jobs, who: str, address: str = "1.1.1.1", kind: str = "compare", end: bool = False) -> str:
    """A run of somebody's. end: it waits no more."""
    visitors.asks({visitors.SCOPE: visitors.known_by(who, address)})
    run = jobs.submit(kind, DRAWN if kind == "compare" else MIXTURE)
    if end:
        jobs.cancel(run)
    return run


def test_few_runs_of_one_visitor_wait(shared: VisitorsJobs) -> None:
    first = ask(shared, "ada")
    ask(shared, "ada")
    with pytest.raises(TooOften, match="^2 of your runs are waiting, and a public demo keeps 2; try again when one has ended"):
        ask(shared, "ada")
    ask(shared, "bob", "2.2.2.2")
    visitors.asks({visitors.SCOPE: visitors.known_by("ada", "1.1.1.1")})
    shared.cancel(first)
    assert shared.get(ask(shared, "ada")).state == "queued"


def test_few_runs_of_one_address_wait_whoever_asks(shared: VisitorsJobs) -> None:
    for who in "abc":
        ask(shared, who)
    with pytest.raises(TooOften, match="^3 runs from your address are waiting, and a public demo keeps 3;"):
        ask(shared, "d")
    ask(shared, "d", "2.2.2.2")
    with pytest.raises(ValueError, match="^4 runs are waiting already;"):  # everybody's
        ask(shared, "e", "3.3.3.3")


def test_a_visitor_asks_so_often_and_then_as_time_goes(shared: VisitorsJobs) -> None:
    now = [0.0]
    shared._mine = Allowance(4, lambda: now[0])
    for _ in range(4):
        ask(shared, "ada", end=True)
    with pytest.raises(TooOften, match=r"^A public demo takes 4 runs a minute from one visitor; try again in 15 seconds\.$"):
        ask(shared, "ada")
    ask(shared, "bob", end=True)
    now[0] = 14.0
    with pytest.raises(TooOften, match="try again in 1 seconds"):
        ask(shared, "ada")
    now[0] = 15.0
    ask(shared, "ada", end=True)


def test_another_name_does_not_help_at_the_same_address(shared: VisitorsJobs) -> None:
    for number in range(6):
        ask(shared, f"somebody {number}", end=True)
    with pytest.raises(TooOften, match="^A public demo takes 6 runs a minute from one address; try again in 10 seconds"):
        ask(shared, "another")
    ask(shared, "another", "2.2.2.2")


def test_what_is_refused_costs_nothing_and_sliders_cost_little(shared: VisitorsJobs) -> None:
    for _ in range(20):
        with pytest.raises(ValueError, match="in which runs of this kind are not started"):
            visitors.asks({visitors.SCOPE: visitors.known_by("ada", "1.1.1.1")})
            shared._submit("distill", [], None, None, {})
    for _ in range(40):
        ask(shared, "ada", kind="mixture", end=True)
    for _ in range(2):
        ask(shared, "ada", end=True)
    with pytest.raises(TooOften):
        ask(shared, "ada")


def test_the_api_says_429(shared: VisitorsJobs) -> None:
    for _ in range(2):
        ask(shared, "ada")
    with pytest.raises(Refused) as refused:
        said(lambda: ask(shared, "ada"))
    assert refused.value.status == 429


def test_of_many_at_once_no_more_are_taken_than_fit(shared: VisitorsJobs) -> None:
    taken: list[str] = []

    def one() -> None:
        try:
            taken.append(ask(shared, "ada"))
        except TooOften:
            return

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 2 == len(shared.store.select(states=("queued",)))


def test_limits_are_said_in_one_place_and_set_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    assert demo.limits() == Limits()
    monkeypatch.setenv("STUDIO_DEMO_SEEDS", "3")
    assert demo.limits() == Limits(seeds=3)
    for wrong in ("0", "-1", "many", "1.5", "1000001"):
        monkeypatch.setenv("STUDIO_DEMO_SEEDS", wrong)
        with pytest.raises(ValueError, match=f"^STUDIO_DEMO_SEEDS is '{wrong}'; a whole number from 1 to 1,000,000 fits"):
            demo.limits()


def test_outside_of_a_demo_nothing_is_counted(tmp_path: Path) -> None:
    jobs = open_jobs(tmp_path)
    assert of_visitors(jobs) is jobs
    for _ in range(Limits().minute + 1):
        jobs.cancel(jobs.submit("compare", DRAWN))
