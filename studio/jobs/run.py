"""One run directory: `spec.json`, `events.jsonl`, `log.txt`, `env.json`, `artifacts/`, `result.json`, and `notes.json` where
somebody named or tagged it (`notes`).

Empty files in it are requests that any process may make: `cancel`, and of runs that can be continued `pause`, `stop`,
`save` and `sample`; `delete` asks for the directory to be removed when the run has ended (see `commands`).

A `Run` is what a job kind is given: where it reports, leaves its files, and asks whether it should stop.
"""

from __future__ import annotations

import json
import platform
import re
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from studio.core.files import Json, atomic_write, read_json
from studio.jobs import VERSION
from studio.jobs.device_gate import Gate
from studio.jobs.events import EventLog
from studio.jobs.paths import Paths, check_run_id
from studio.jobs.stock import Tools

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_PACKAGES = ("torch", "diffusers", "transformers", "peft", "pillow", "numpy", "gradio")


class Cancelled(Exception):
    """Raised by `Run.check` when somebody asked this run to end."""


class LeftOff(Exception):
    """A kind that can be continued lets go before its end, everything saved. `state`: paused, stopped or queued."""

    def __init__(self, state: str, note: str):
        super().__init__(note)
        self.state, self.note = state, note


LEFT = {"stop": ("stopped", "Stopped"), "pause": ("paused", "Paused"), "": ("queued", "The worker was asked to leave")}


class Spec(BaseModel):
    """`spec.json`: everything needed to do this run again."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    kind: str
    lane: str
    config: Json
    created: float
    version: int = VERSION
    title: str = ""
    parent: str | None = None  # the run this one repeats
    executor: Json = {}  # where it is executed: {"name": ..., its options}; empty is this machine
    visitor: str = ""  # of a public demo, who asked for it: a digest (`core.visitors`)

    def plain(self) -> Json:
        """What `spec.json` holds."""
        return self.model_dump(exclude=set() if self.visitor else {"visitor"})


def read_spec(folder: Path) -> Spec:
    """The run's spec. ValueError in one sentence when the folder is not a run of a version this program reads."""
    data = read_json(folder / "spec.json")
    if data is None:
        raise ValueError(f"{folder.name} has no readable spec.json; it is not a run directory.")
    try:
        spec = Spec.model_validate(data)
        check_run_id(spec.id)
    except ValueError as error:
        raise ValueError(f"spec.json of {folder.name} does not describe a run.") from error
    if spec.version > VERSION:
        raise ValueError(f"{folder.name} was made by a newer version of the studio; update to open it.")
    return spec


def artifact_path(folder: Path, relative: str) -> Path:
    """A file below the run's `artifacts/`. ValueError for any name that would lead elsewhere."""
    parts = relative.split("/") if isinstance(relative, str) and len(relative) < 400 else []
    plain = len(parts) >= 2 and parts[0] == "artifacts" and all(_PART.fullmatch(part) for part in parts)
    path = folder.joinpath(*parts) if plain else folder
    if not plain or not path.resolve().is_relative_to((folder / "artifacts").resolve()):
        given = repr(str(relative)[:60])
        raise ValueError(f"{given} is not an artifact of this run; names look like artifacts/teacher/0.png.")
    return path


def versions() -> dict[str, str]:
    """Installed versions of what decides the pixels, read from package metadata (imports nothing)."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


T = TypeVar("T", bound=Tools)


class Run(Generic[T]):
    """A run directory opened by the process that executes it. Only this process writes its events.

    tools: what the work is done with. home: the data folder.
    """

    def __init__(
        self,
        folder: Path,
        tools: T,
        *,
        owner: Mapping[str, object] | None = None,
        leaving: Callable[[], bool] = lambda: False,
        told: Callable[[str], None] = lambda state: None,
        awaited: Callable[[], bool] = lambda: False,
    ):
        self.folder, self.tools, self.home = folder, tools, Paths(folder.parents[1])
        self.owner = dict(owner or {})
        self.told = told  # called when the state is another than before
        self.leaving = leaving  # whether the process around this run was asked to end
        self.awaited = awaited  # whether another run waits until this one has ended
        self.gate = Gate(self.home.lanes, tools.device)
        self.spec = read_spec(folder)
        self.events = EventLog(folder / "events.jsonl")
        self._cancel = folder / "cancel"
        self._state = ""
        (folder / "artifacts").mkdir(exist_ok=True)

    def check(self) -> None:
        """Raise `Cancelled` when the file `cancel` is there. A few microseconds: call it between all steps."""
        if self._cancel.exists():
            raise Cancelled

    def asked(self) -> str | None:
        """What somebody asks a run that can be continued to do before its end: "stop", "pause" or nothing."""
        return next((name for name in ("stop", "pause") if (self.folder / name).exists()), None)

    def to_leave(self) -> tuple[str, str] | None:
        """Why a run that can be continued should leave before its end, (the state it is then in, a word for it): somebody asks it
        to, or the process around it must go; None where it may go on."""
        reason = self.asked() or ("" if self.leaving() else None)
        return None if reason is None else LEFT[reason]

    def between(self, kept: Callable[[], str]) -> None:
        """Between two pieces of work: the device goes to whoever waits for it, and a wish to end is heard. kept: behind the word
        for why it leaves, what is kept."""
        self.gate.step(self.check)
        self.check()
        if (why := self.to_leave()) is not None:
            raise LeftOff(why[0], f"{why[1]}{kept()}")

    def taken(self, name: str) -> bool:
        """Whether somebody asked for `name` ("save", "sample") since the last time; the request is then used up."""
        try:
            (self.folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def event(self, kind: str, **fields: object) -> Json:
        return self.events.write(kind, **fields)

    def state(self, state: str, note: str = "") -> None:
        self.events.write("state", state=state, note=note)
        if state != self._state:
            self._state = state
            self.told(state)

    def notice(self, text: str) -> None:
        """Something a person should know that is no error. The kind keeps it in its result as well."""
        self.events.write("notice", text=text)

    def progress(self, done: int, total: int, **where: object) -> None:
        self.events.write("progress", done=done, total=total, **where)

    def artifact(self, relative: str, data: bytes) -> str:
        """Write a file below `artifacts/` as a whole; returns its name relative to the run directory."""
        path = artifact_path(self.folder, relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, data, durable=False)
        return relative

    def result(self, data: Mapping[str, object]) -> None:
        """Write `result.json`. A kind may call it again and again: what is there is kept when the run is stopped."""
        atomic_write(self.folder / "result.json", json.dumps(data, indent=1, allow_nan=False))

    def keep(self, name: str, data: Mapping[str, object]) -> None:
        """Write a JSON file of the kind's own beside `result.json`."""
        atomic_write(self.folder / name, json.dumps(data, indent=1, allow_nan=False))

    def log(self, text: str) -> None:
        with open(self.folder / "log.txt", "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text.rstrip()}\n")

    def write_env(self, device: str) -> None:
        env = {"versions": versions(), "device": device, "platform": platform.platform(), "worker": self.owner,
               "started": time.time()}  # fmt: skip
        atomic_write(self.folder / "env.json", json.dumps(env, indent=1))

    def close(self) -> None:
        self.gate.leave()
        self.events.close()
