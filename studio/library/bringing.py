"""One download into the Hugging Face cache, file by file, each continued where an earlier try ended."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from studio.library.hub_files import HubFile, Look, Progress, repository, told_bytes
from studio.library.hub_words import HubError, broken_off, check_token, sentences
from studio.library.source import cache_folder

CHUNK = 1 << 20  # bytes that are hashed at once
LOCK_S = 1.0  # between looks at whether to stop while another download has the file


class Left(Exception):
    """A download was asked to stop; what has arrived is kept."""


class Watch:
    """How far a download is, and whether it is to stop."""

    def __init__(
        self, plan: Look, progress: Callable[[Progress], None], should_stop: Callable[[], bool], say: Callable[[str], None]
    ):
        self.total, self.told, self.should_stop, self.say = plan.bytes, progress, should_stop, say
        self.done, self.moved, self.file = 0, 0, ""
        self._began = time.monotonic()

    def at(self, done: int, moved: int = 0) -> None:
        """done: bytes of all that are here."""
        self.moved += moved
        passed = max(time.monotonic() - self._began, 1e-3)
        self.told(Progress(done, self.total, self.moved / passed, self.file))
        self.check()

    def check(self) -> None:
        if self.should_stop():
            raise Left


class Part:
    """The file that a download is written to; the client uses no more of a file than this."""

    def __init__(self, path: Path, watch: Watch):
        self.file, self.watch = open(path, "ab", buffering=0), watch  # noqa: SIM115, `Bringing` closes it

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[self.file.write(rest) :]
        self.watch.at(self.watch.done + self.file.tell(), len(data))
        return len(data)

    def tell(self) -> int:
        return self.file.tell()

    def seek(self, to: int) -> int:
        return self.file.seek(to)

    def truncate(self) -> int:
        """The Hub sends the file from its beginning although a part was asked for."""
        return self.file.truncate()


class Bringing:
    """One download into the cache."""

    def __init__(self, plan: Look, watch: Watch, token: SecretStr | None):
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
        self.plan, self.watch, self.token = plan, watch, check_token(token)
        name = "models--" + repository(plan.source).replace("/", "--")
        self.folder, self.locks = cache_folder() / name, cache_folder() / ".locks" / name
        self.blobs, self.snapshot = self.folder / "blobs", self.folder / "snapshots" / plan.commit

    def room(self) -> None:
        """ValueError where the disk has less room than what is missing needs."""
        missing = sum(file.size - self._arrived(file) for file in self.plan.files)
        place = next(path for path in (self.blobs, *self.blobs.parents) if path.is_dir())
        free = shutil.disk_usage(place).free
        if missing > free:
            raise HubError(
                f"{self.plan.source.name} needs {told_bytes(missing)} more on the disk of the Hugging Face cache, which has "
                f"{told_bytes(free)} free; free some, or name a folder on another disk in HF_HOME."
            )

    def bring(self, file: HubFile) -> None:
        """One file to its place among the blobs, whole and with the hash that the Hub names."""
        self.watch.file = file.path
        self.watch.at(self.watch.done)
        if not self._there(file):
            self._locked(file)
        self.watch.done += file.size
        self.watch.at(self.watch.done)

    def lay_out(self) -> Path:
        """The snapshot's folder, with a link for each file. Whatever the client finds missing it would download: nothing is."""
        from huggingface_hub import HfApi, snapshot_download

        source, names = self.plan.source, [glob.escape(file.path) for file in self.plan.files]
        with sentences(source):
            folder = snapshot_download(
                repository(source), revision=self.plan.commit, allow_patterns=names, token=self.token, max_workers=1
            )
            if not source.pinned:  # what the branch or tag was when this began
                HfApi(token=self.token).resolve_revision(repository(source), revision=source.revision)
        return Path(folder)

    def _there(self, file: HubFile) -> bool:
        return (self.snapshot / file.path).is_file() or (self.blobs / file.hash).is_file()

    def _arrived(self, file: HubFile) -> int:
        """Bytes of a file that are here."""
        if self._there(file):
            return file.size
        part = self._part(file)
        return min(part.stat().st_size, file.size) if part.is_file() else 0

    def _part(self, file: HubFile) -> Path:
        return self.blobs / f"{file.hash}.incomplete"

    def _locked(self, file: HubFile) -> None:
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock

        self.blobs.mkdir(parents=True, exist_ok=True)
        self.locks.mkdir(parents=True, exist_ok=True)
        waited = False
        while True:
            try:
                with WeakFileLock(self.locks / f"{file.hash}.lock", timeout=LOCK_S):
                    if not self._there(file):
                        self._bring(file)
                    return
            except Timeout:
                if not waited:
                    self.watch.say(f"Another download has {file.path} at hand; this one waits for it and uses what it brings.")
                waited = True
                self.watch.check()

    def _bring(self, file: HubFile) -> None:
        part = self._part(file)
        if part.is_file() and part.stat().st_size > file.size:
            part.unlink()
        self._announced(file)
        self._get(file, part)
        if part.stat().st_size != file.size:
            raise HubError(broken_off(file.path))
        if hash_of(part, len(file.hash), self.watch.check) != file.hash:
            part.unlink()
            raise HubError(
                f"{file.path} of {self.plan.source.name} arrived with another checksum than the Hub names, so it was thrown "
                "away; another try fetches it anew."
            )
        os.replace(part, self.blobs / file.hash)

    def _announced(self, file: HubFile) -> None:
        """HubError where the file that would be sent is not the one that was listed, or none would be."""
        from huggingface_hub import get_hf_file_metadata

        with sentences(self.plan.source, file.path):
            now = get_hf_file_metadata(self._url(file), token=self.token)
        if now.commit_hash != self.plan.commit or now.etag != file.hash:
            raise HubError(f"The Hub names another {file.path} than it listed, so nothing of it was taken; try again later.")

    def _get(self, file: HubFile, path: Path) -> None:
        """To the end of the file, from where the part ends."""
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers

        part = Part(path, self.watch)
        try:
            with sentences(self.plan.source, file.path):
                http_get(
                    self._url(file),
                    part,  # type: ignore[arg-type]
                    resume_size=part.tell(),
                    headers=build_hf_headers(token=self.token),
                    expected_size=file.size,
                    displayed_filename=file.path,
                )
                os.fsync(part.file.fileno())
        finally:
            part.file.close()

    def _url(self, file: HubFile) -> str:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(repository(self.plan.source), file.path, revision=self.plan.commit)


def hash_of(path: Path, digits: int, check: Callable[[], None] = lambda: None) -> str:
    """sha256 of a file (64 digits), or the sha1 that git gives it as a blob (40)."""
    made = hashlib.sha256() if digits == 64 else hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            made.update(chunk)
            check()
    return made.hexdigest()
