"""The curves of a training run: `metrics.jsonl` in its directory, and on request TensorBoard or Trackio as well.

One line for every iteration, or every k-th of a long run, so that the file stays bounded: losses as they were and smoothed,
and the objective's own numbers. Where a run continues from a checkpoint, lines beyond that checkpoint are dropped: they
will be written again. Whoever draws or judges curves reads them through a `History`, which is bounded as well.
"""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypedDict, cast

from studio.core.files import atomic_write

FILE = "metrics.jsonl"
MAX_LINES = 20_000
SMOOTHING = 0.98  # of the smoothed loss, per iteration
GIVE_UP = 20  # failures after which a sink is not tried again
MOST = 2000  # rows of a history

Values = dict[str, float | None]


class Row(TypedDict):
    """Of an iteration: losses, smoothed ones and what else the method says of it, by name; None is what was not finite."""

    step: int
    losses: Values
    smooth: Values
    log: Values
    seconds: float


class Smooth:
    """Exponential mean without the bias of its first values; values that are not finite are passed over."""

    def __init__(self, decay: float = SMOOTHING):
        self.decay, self._sum, self._weight = decay, 0.0, 0.0

    def add(self, value: float) -> float | None:
        if math.isfinite(value):
            self._sum = self.decay * self._sum + (1 - self.decay) * value
            self._weight = self.decay * self._weight + (1 - self.decay)
        return self._sum / self._weight if self._weight else None


class History:
    """Rows of a run, evenly thinned to at most `most`: every k-th from the first, and the newest."""

    def __init__(self, most: int = MOST):
        self.most, self.stride = most, 1
        self._rows: list[Row] = []
        self._newest: Row | None = None
        self._seen = 0

    def add(self, row: Row) -> None:
        """`row` is of a later step than those before it."""
        self._newest = row
        if self._seen % self.stride == 0:
            self._rows.append(row)
        self._seen += 1
        if len(self._rows) >= self.most:
            self._rows, self.stride = self._rows[::2], 2 * self.stride

    @property
    def points(self) -> list[Row]:
        """Oldest first."""
        newest = [self._newest] if self._newest is not None and (not self._rows or self._rows[-1] is not self._newest) else []
        return [*self._rows, *newest]


class Follower:
    """Reads a metrics file as it grows; starts again when the run went back to a checkpoint. Safe from any thread."""

    def __init__(self, folder: Path):
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._history, self._at, self._file = History(), 0, (0, 0)

    def look(self) -> list[Row]:
        """Rows as they are now, oldest first; none when there is no file."""
        with self._lock:
            try:
                self._read()
            except FileNotFoundError:
                self._history, self._at = History(), 0
            return self._history.points

    def _read(self) -> None:
        with open(self.path, "rb") as file:
            stat = os.fstat(file.fileno())
            if (stat.st_dev, stat.st_ino) != self._file or stat.st_size < self._at:  # written anew
                self._history, self._at, self._file = History(), 0, (stat.st_dev, stat.st_ino)
            file.seek(self._at)
            raw = file.read()
        end = raw.rfind(b"\n") + 1
        self._at += end
        for row in parse(raw[:end]):
            self._history.add(row)


class Sink(Protocol):
    """Somewhere else that curves go."""

    def write(self, step: int, values: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


class Curves:
    """Writes the metrics of one run, folding losses into smoothed ones. Values by name: `loss/<network>` and the log's."""

    def __init__(self, folder: Path, steps: int, at: int):
        """`at`: the step the run continues from; what the file holds beyond it is dropped."""
        self.path = folder / FILE
        self.every = max(1, -(-steps // MAX_LINES))
        self.smooth: dict[str, Smooth] = {}
        self.sinks: dict[str, Sink] = {}
        self.failures: dict[str, int] = {}
        self.history = History()
        self.reached = at  # the last step that was ever written, also before the run went back to `at`
        self._rewind(at)

    def _rewind(self, at: int) -> None:
        rows = read(self.path)
        self.reached = max([at, *(row["step"] for row in rows)])
        kept = [row for row in rows if row["step"] <= at]
        for row in kept:
            for name, value in row["losses"].items():
                self._fold(name, math.nan if value is None else value)
            self.history.add(row)
        if self.path.exists():
            atomic_write(self.path, "".join(_line(row) for row in kept))

    def _fold(self, name: str, value: float) -> float | None:
        return self.smooth.setdefault(name, Smooth()).add(value)

    def add(self, step: int, losses: Mapping[str, float], log: Mapping[str, float], seconds: float) -> Row:
        """The row of this step, JSON-ready; it goes to the file and the sinks when it is its turn."""
        kept = finite(losses)  # smoothed as they are written, so that a run that continues smooths the same numbers
        smooth = {name: self._fold(name, math.nan if value is None else value) for name, value in kept.items()}
        row: Row = {"step": step, "losses": kept, "smooth": finite(smooth), "log": finite(log), "seconds": round(seconds, 5)}
        if step % self.every == 0:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(_line(row))
            self.history.add(row)
            values = {**{f"loss/{name}": value for name, value in losses.items()}, **log}
            self.forward(step, {name: value for name, value in values.items() if math.isfinite(value)})
        return row

    def open_sink(self, name: str, make: Callable[[], Sink]) -> str | None:
        """Add a sink; a sentence when it cannot be used here. Curves are kept in the run's own log either way."""
        try:
            self.sinks[name] = make()
        except ImportError:
            return f"{name} is not installed, so curves are kept in the run's own log only."
        except Exception as error:
            return f"{name} cannot be used ({type(error).__name__}: {error}), so curves are kept in the run's own log only."
        return None

    def forward(self, step: int, values: Mapping[str, float]) -> None:
        """To the sinks. One that fails is counted, and never stops a run."""
        for name, sink in self.sinks.items():
            if self.failures.get(name, 0) >= GIVE_UP:
                continue
            try:
                sink.write(step, values)
            except Exception:
                self.failures[name] = self.failures.get(name, 0) + 1

    def close(self) -> None:
        for name, sink in self.sinks.items():
            try:
                sink.close()
            except Exception:
                self.failures[name] = self.failures.get(name, 0) + 1


def read(path: Path) -> list[Row]:
    """Whole rows of a metrics file; a line torn by a power cut is passed over."""
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return []


def parse(raw: bytes) -> list[Row]:
    """Rows of whole lines; what is no row is passed over."""
    rows: list[Row] = []
    for line in raw.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int) and isinstance(row.get("losses"), dict):
            rows.append(cast(Row, row))
    return rows


def finite(values: Mapping[str, float | None]) -> Values:
    """JSON has no NaN: what is not finite is None; floats are cut to six digits."""
    return {k: float(f"{v:.6g}") if v is not None and math.isfinite(v) else None for k, v in values.items()}


def _line(row: Row) -> str:
    return json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n"


class TensorBoard:
    """Event files in the run's folder `tensorboard/`; `at` is the step the run continues from, as for `Curves`."""

    def __init__(self, folder: Path, at: int):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=at + 1)  # readers drop what is written again

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        self.writer.close()


class Trackio:
    """A run of the local Trackio project "distillation-studio". `name` is this run's alone: continued, it is the same one.

    Trackio keeps what it was given once, so steps up to `reached` are not given again.
    """

    def __init__(self, name: str, reached: int):
        import trackio

        self.trackio, self.reached = trackio, reached
        trackio.init(project="distillation-studio", name=name, resume="allow")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        if step > self.reached:
            self.trackio.log(dict(values), step=step)

    def close(self) -> None:
        self.trackio.finish()
