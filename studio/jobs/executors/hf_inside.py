"""What a Hugging Face job executes: fetch the run directory, run it, send news while it goes on, and in the end all of it.

    python -m studio.worker --inside

Reads STUDIO_RUN, STUDIO_REPOSITORY, STUDIO_SYNC_S and HF_TOKEN from the environment; the working directory is the
unpacked program, beside it data/ with the models that the run needs (see `hf_parcel`). SIGTERM saves and leaves.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from studio.jobs.executors.engine import Refused, Unreachable
from studio.jobs.executors.hf_exchange import ASKED, MADE, Post, run_files
from studio.jobs.paths import open_paths
from studio.jobs.stock import Stock

CHECKPOINTS_EVERY = 10  # exchanges between two that carry checkpoints, which are large
LAST_TRIES, LAST_PAUSE_S = 30, 10.0  # to send the end of a run


class News(threading.Thread):
    """Sends what changed in a run directory and fetches requests, every `sync_s`."""

    def __init__(self, post: Post, run_id: str, folder: Path, made: Callable[[], dict[str, Path]], sync_s: float):
        super().__init__(name="news", daemon=True)
        self.post, self.under, self.folder, self.made, self.sync_s = post, f"runs/{run_id}", folder, made, sync_s
        self.halt = threading.Event()
        self._sent: dict[str, tuple[int, int]] = {}
        run_files(folder, self._sent)  # what came from there need not be sent back
        self._seen = {remote.oid for remote in self.post.files(f"{self.under}/{ASKED}")}
        self._round = 0
        self._with_checkpoints = False

    def run(self) -> None:
        while not self.halt.wait(self.sync_s):
            self._round += 1
            try:
                self.hear()
                self.send(checkpoints=self._with_checkpoints or self._round % CHECKPOINTS_EVERY == 0)
            except (Unreachable, Refused) as error:
                print(error, flush=True)  # in the job's log; the next round tries again
            except OSError as error:
                print(f"news not sent: {error}", flush=True)

    def hear(self) -> None:
        """Requests become the files that the run looks for."""
        for remote in self.post.files(f"{self.under}/{ASKED}"):
            name = remote.path.rsplit("/", 1)[-1]
            if remote.oid not in self._seen and name in ("cancel", "stop", "pause", "save", "sample"):
                self._seen.add(remote.oid)
                self._with_checkpoints = self._with_checkpoints or name == "save"
                (self.folder / name).touch()

    def send(self, *, checkpoints: bool, done: bool = False) -> None:
        """One commit with what changed. Files are pinned under a second name first: a run replaces them as a whole."""
        noted = dict(self._sent)
        files = run_files(self.folder, noted)
        if not checkpoints:
            for name in [name for name in files if name.startswith("checkpoints/")]:
                del files[name]
                noted.pop(name, None)
        if done:
            files |= {f"{MADE}/{name}": data for name, data in self.made().items()}
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as pins:
            pinned = {f"{self.under}/{name}": _pin(data, Path(pins), str(i)) for i, (name, data) in enumerate(files.items())}
            self.post.send(pinned, f"{self.folder.name}: {len(pinned)} files")
        self._sent = noted
        if checkpoints:
            self._with_checkpoints = False

    def close(self) -> None:
        """Send all of it; tries for some minutes, because what is not sent is lost with this machine."""
        self.halt.set()
        if self.is_alive():
            self.join()
        for left in range(LAST_TRIES, 0, -1):
            try:
                return self.send(checkpoints=True, done=True)
            except (Unreachable, OSError) as error:
                print(error, flush=True)
                if left == 1:
                    raise
                time.sleep(LAST_PAUSE_S)


def _pin(data: Path | bytes, pins: Path, name: str) -> Path | bytes:
    if isinstance(data, bytes):
        return data
    try:
        os.link(data, pins / name)
    except OSError:
        shutil.copyfile(data, pins / name)
    return pins / name


def serve(stock: Stock, execute: Callable[[Path, Callable[[], bool]], tuple[str, str]]) -> int:
    """Exit status 0 when the run's end, whatever it is, has been sent; the run says itself how it ended.

    execute: (run directory, whether to leave) -> (state, note).
    """
    run_id, sync_s = os.environ["STUDIO_RUN"], float(os.environ.get("STUDIO_SYNC_S", "60"))
    paths = open_paths(Path("..") / "data")
    post, folder, leaving = Post(os.environ["STUDIO_REPOSITORY"]), paths.run(run_id), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: leaving.set())
    with tempfile.TemporaryDirectory(dir=paths.root) as fetched:
        for remote in post.files(f"runs/{run_id}"):
            if remote.path.split("/")[2] not in (ASKED, MADE):
                post.fetch(remote.path, Path(fetched))
        shutil.copytree(Path(fetched) / "runs" / run_id, folder)
    news = News(post, run_id, folder, partial(stock.made, paths), sync_s)
    news.start()
    print(*execute(folder, leaving.is_set), flush=True)
    news.close()
    return 0
