"""Where data lives: one folder for everything a person makes, and names that cannot leave it.

<data>/index.db           what runs exist (an index: it can be deleted and is rebuilt)
<data>/runs/<id>/         one run directory each, the truth
<data>/trash/<id>/        runs that were deleted, for some days (`trash`)
<data>/lanes/             locks, heartbeats and logs of the worker processes
<data>/models/*.yaml      models people added, beside the shipped ones
<data>/cache/             what can be computed again
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from studio.core.environment import environment, storage

CODE = Path(__file__).resolve().parents[2]  # holds the package: the checkout, or an environment's site-packages
PACKED = CODE / "studio" / "_data"  # where a wheel has assets/ and presets/ (setup.py); a checkout has no such folder
ROOT = PACKED if PACKED.is_dir() else CODE  # holds assets/ and presets/
PROGRAM = "studio.worker"  # the module that puts this engine and its work together: every process of ours is started as it
PRESETS = ROOT / "presets"
ASSETS = ROOT / "assets"

OURS = {"uploads", "adapters", "imports", "tokens", "subjects", "controlnets", "votes", "judges"}  # made by rooms above
RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{3}-[a-z2-7]{6}(?:[a-z2-7]{20})?")
GUESSABLE = 26  # characters of an id with 30 random bits, which somebody with time may guess
DOWNLOADS = "downloads"  # the lane whose worker asks the network and opens no model
LANE = re.compile(r"[a-z][a-z0-9-]{0,23}")


def default_data_dir() -> Path:
    """`$STUDIO_DATA_DIR`, else a Space's storage, else the platform's place for an application's data."""
    if given := os.environ.get("STUDIO_DATA_DIR"):
        return Path(given)
    if kept := storage(environment()):
        return kept
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "distillation-studio"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "distillation-studio"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "distillation-studio"


@dataclass(frozen=True)
class Paths:
    """The data folder and the names inside it."""

    root: Path

    @property
    def db(self) -> Path:
        return self.root / "index.db"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def lanes(self) -> Path:
        return self.root / "lanes"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def hashes(self) -> Path:
        """Where hashes of weights are kept (`core.kept_hashes`)."""
        return self.cache / "hashes.json"

    @property
    def trash(self) -> Path:
        return self.root / "trash"

    def material(self, model_id: str, weights: str) -> Path:
        """Where what a model is taught on is kept. weights: their hash."""
        return self.cache / "material" / f"{model_id.replace('/', '-')}-{weights}"

    def run(self, run_id: str) -> Path:
        """The directory of a run. ValueError when `run_id` is not an id this program could have made, or leads elsewhere."""
        folder = self.runs / check_run_id(run_id)
        if folder.is_symlink():
            raise ValueError(f"The folder of the run {run_id} is a link to another place, which is not followed.")
        return folder

    def lane(self, lane: str, suffix: str) -> Path:
        """A lane's file: `lock`, `json` (heartbeat), `log`, `wake`, `wanted`."""
        if not isinstance(lane, str) or not LANE.fullmatch(lane):
            raise ValueError(f"{str(lane)[:40]!r} is not the name of a lane; lower-case letters, digits and - fit.")
        return self.lanes / f"{lane}.{suffix}"


def open_paths(data_dir: str | os.PathLike[str] | None = None) -> Paths:
    """The data folder, made when missing: `data_dir`, else the environment's, else the platform's.

    Refuses a folder inside the program's own `assets/`, which is served to browsers.
    """
    root = Path(data_dir) if data_dir else default_data_dir()
    root = root.expanduser().resolve()
    if root == ASSETS or ASSETS in root.parents:
        raise ValueError("The data folder may not lie inside assets/, which is served; choose a folder elsewhere.")
    paths = Paths(root)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (paths.runs, paths.lanes, paths.models, paths.cache, paths.trash):
            folder.mkdir(exist_ok=True)
        close_to_others(paths)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"The data folder {root} cannot be used ({reason}); choose one with --data-dir.") from error
    return paths


def close_to_others(paths: Paths) -> None:
    """Other users of this machine read nothing of a data folder: 0700, what runs write in it included.

    A folder that a group may write to is shared on purpose and stays so. One that has other things in it (a home folder, a disk)
    is left as it is, and what is ours in it is closed. Folders of another owner are theirs to close.
    """
    if os.name != "posix":
        return
    mode = paths.root.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_ISGID | stat.S_ISVTX):
        return
    ours = {name.name for name in (paths.runs, paths.lanes, paths.models, paths.cache, paths.trash)}
    alone = all(child.name in ours | OURS or child.name.startswith("index.") for child in paths.root.iterdir())
    for folder in [paths.root] if alone else [paths.root / name for name in ours | OURS] + [paths.db]:
        with contextlib.suppress(OSError):
            folder.chmod(0o600 if folder == paths.db else 0o700)


def write_privately(paths: Paths) -> None:
    """What this process writes from now on is for its user alone; with a data folder that a group shares, for the group."""
    if os.name == "posix":
        os.umask(0o007 if paths.root.stat().st_mode & (stat.S_IWGRP | stat.S_ISGID) else 0o077)


def new_run_id(unguessable: bool = False) -> str:
    """Sortable UTC time to the millisecond and 30 random bits, or 130; nothing in it comes from a person."""
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    suffix = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26 if unguessable else 6))
    return f"{stamp}-{int(now * 1000) % 1000:03d}-{suffix}"


def check_run_id(run_id: str) -> str:
    """`run_id` itself, or ValueError when it does not have the form of `new_run_id`."""
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        raise ValueError(f"{str(run_id)[:60]!r} is not a run id; ids look like 20260131-093000-123-abcdef.")
    return run_id
