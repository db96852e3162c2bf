"""How many iterations fit into some minutes on the machine at hand."""

from __future__ import annotations

from studio.core.method import Method
from studio.core.trainer import Trainer, TrainerConfig


def fitting(method: Method, device: str, minutes: float, trial: int = 40) -> int:
    """Iterations that fit into ``minutes``, by the second half of a short trial; the first half compiles."""
    config = TrainerConfig(steps=trial, precision="auto", optimizer="muon")
    spent = [progress.seconds for progress in Trainer(method, config, None, device).run()][trial // 2 :]
    steps = max(1, round(60 * minutes * len(spent) / sum(spent)))
    print(f"{sum(spent) / len(spent) * 1000:.1f} ms an iteration: {steps} fit into {minutes:g} minutes", flush=True)
    return steps
