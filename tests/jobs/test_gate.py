"""Who has the device: interactive requests before training, in threads and with a killed process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from studio.jobs.device_gate import Gate
from studio.jobs.paths import ROOT


class Trainer(threading.Thread):
    """Takes steps of a fixed length under the gate and notes when each began and ended."""

    def __init__(self, folder: Path, seconds: float = 0.05):
        super().__init__(daemon=True)
        self.gate, self.seconds = Gate(folder, "cpu"), seconds
        self.steps: list[tuple[float, float]] = []
        self.halt = threading.Event()

    def run(self) -> None:
        self.gate.enter()
        while not self.halt.is_set():
            begun = time.monotonic()
            time.sleep(self.seconds)
            self.steps.append((begun, time.monotonic()))
            self.gate.step()
        self.gate.leave()


def test_a_request_waits_for_one_step_and_training_goes_on(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path)
    trainer.start()
    for _ in range(3):
        done = len(trainer.steps)
        while len(trainer.steps) <= done:
            time.sleep(0.005)
        asked = time.monotonic()
        with Gate(tmp_path, "cpu").first():
            entered = time.monotonic()
            time.sleep(0.15)
            left = time.monotonic()
        begun_while_asked = [step for step in trainer.steps if asked < step[0] < entered]
        assert len(begun_while_asked) <= 1, "it may have looked just before it was asked"
        assert not [step for step in trainer.steps if step[1] > entered and step[0] < left], "nothing was trained meanwhile"
    done = len(trainer.steps)
    while len(trainer.steps) < done + 2:
        time.sleep(0.005)
    trainer.halt.set()
    trainer.join()
    assert trainer.gate.waited_s > 0.3


def test_a_request_that_gives_up_leaves_nothing_behind(tmp_path: Path) -> None:
    holder, other = Gate(tmp_path, "cuda"), Gate(tmp_path, "cuda:0")
    holder.enter()

    def give_up() -> None:
        raise KeyError("cancelled")

    with pytest.raises(KeyError), other.first(give_up):
        raise AssertionError("the device is taken")
    assert not holder.wanted()
    holder.step()  # nobody waits
    holder.leave()
    with other.first():
        assert Gate(tmp_path, "cuda").wanted()


def test_a_killed_request_is_no_announcement(tmp_path: Path) -> None:
    code = (
        "import time; from pathlib import Path; from studio.jobs.device_gate import Gate\n"
        f"with Gate(Path({str(tmp_path)!r}), 'cpu').first():\n    print('in', flush=True); time.sleep(600)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    assert child.stdout.readline() == "in\n"
    gate = Gate(tmp_path, "cpu")
    assert gate.wanted()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert not gate.wanted()
    gate.enter()
    gate.leave()
