"""Several processes give the weights of one: the draws of a share, how batches divide, and two real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from studio.core import parallel
from studio.core.method import MethodConfig, Streams
from studio.core.parallel import ALONE, BUCKET, Lost, Parallel, batch_mean, divided
from studio.core.rng import Share, rand, randint, randn
from studio.jobs.paths import ROOT
from tests.support.serving import free_port

TOLERANCE = 1e-5
ROUNDING = 0.02  # of how far weights moved: halves are summed in another order, and Adam divides by small gradients


def test_the_shares_of_a_draw_are_the_draw() -> None:
    whole, shares = Streams(4), [Streams(4, share=Share(rank, 3)) for rank in range(3)]
    for draw in (lambda g, n: randn((n, 2, 5), g), lambda g, n: rand((n,), g, torch.float64), lambda g, n: randint(7, (n, 2), g)):
        together = torch.cat([draw(s["noise"], 4) for s in shares])
        assert torch.equal(together, draw(whole["noise"], 12))
    one = {int(randint(1000, (), s["position"])) for s in (whole, *shares)}
    assert len(one) == 1, "a draw without axes is one for the whole batch"
    assert all(torch.equal(s["noise"].get_state(), whole["noise"].get_state()) for s in shares)


def test_a_run_may_be_continued_by_another_number_of_processes() -> None:
    before, after = Streams(4), Streams(4, share=Share(1, 2))
    randn((6, 3), before["noise"])
    after.load_state_dict(before.state_dict())
    assert torch.equal(randn((3, 3), after["noise"]), randn((6, 3), before["noise"])[3:])


class Config(MethodConfig):
    batch: int = 12


def test_a_batch_is_divided_or_refused_in_one_sentence() -> None:
    assert divided(Config(), Share(2, 3)).batch == 4
    assert divided(Config(), Share()).batch == 12
    with pytest.raises(ValueError, match="A batch of 12 does not divide among 5 processes; 10 or 15 would."):
        divided(Config(), Share(0, 5))
    with pytest.raises(ValueError, match="A batch of 2 does not divide among 5 processes; 5 would."):
        divided(Config(batch=2), Share(0, 5))
    with pytest.raises(ValueError, match="no batch"):
        divided(MethodConfig(), Share(0, 2))


def test_alone_nothing_is_exchanged() -> None:
    p = [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(3))]
    given = [torch.ones(2), None]
    found, loss = ALONE.average(p, given, 0.5)
    assert found[0] is given[0] and found[1] is None and loss == 0.5
    assert ALONE.agree(True) and not ALONE.agree(False)
    ALONE.leave()
    ALONE.dismiss()
    assert float(batch_mean(torch.tensor([1.0, 2.0]))) == 1.5


def test_large_networks_are_exchanged_in_pieces() -> None:
    sizes = [BUCKET - 1, 1, 1, 2 * BUCKET, 5]
    assert list(parallel._buckets(range(5), sizes)) == [[0, 1], [2], [3], [4]]
    assert list(parallel._buckets([1, 4], sizes)) == [[1, 4]]


def test_an_error_between_processes_is_one_sentence() -> None:
    lost = Parallel(Share(0, 2))
    with pytest.raises(Lost, match="its own output says why"), parallel._one_sentence():
        raise RuntimeError("Connection closed by peer [127.0.0.1]:29500")
    with pytest.raises(KeyError), lost.iterating():
        raise KeyError("inside an iteration")
    lost.leave()  # nobody could hear it: nothing is sent
    lost.dismiss()


@pytest.mark.learning
def test_two_processes_give_the_weights_of_one(tmp_path: Path) -> None:
    """Every objective on numbers, LCM and DMD2 on nano: half a batch each, for some updates of every network."""
    env = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1",
           "ACCELERATE_USE_CPU": "true"}  # fmt: skip
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.several_processes", str(tmp_path)]
    started = [
        subprocess.Popen(
            command, cwd=ROOT, env={**env, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=900)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], said
    found = json.loads((tmp_path / "found.json").read_text())
    assert {"nano lcm", "nano dmd2", "dmd2", "f-distill", "dmd2 accumulated"} <= set(found)
    within = {case: max(TOLERANCE, ROUNDING * row["moved"]) if "nano" in case else TOLERANCE for case, row in found.items()}
    assert {case: row["apart"] for case, row in found.items() if not row["apart"] <= within[case]} == {}
    assert {case: row["moved"] for case, row in found.items() if not row["moved"] > 5 * TOLERANCE} == {}
    assert all(row["skipped"] == 0 for row in found.values())
