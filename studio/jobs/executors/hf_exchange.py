"""A private dataset repository as the post between this machine and a Hugging Face job: both sides use this module.

    parcels/<hash>.tar.gz      the program, and the models that runs need; shared by runs
    runs/<id>/…                a run directory, as far as its owner has sent it
    runs/<id>/asked/<request>  what a person asks of the run
    runs/<id>/made/…           models that the run added, as below a data folder's models/

Before the job begins the run directory is this machine's, then the job's. Imports huggingface_hub inside functions.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from studio.core.public_addresses import NotPublic, watch_hub
from studio.jobs.commands import DEATHS_FILE, REQUESTS
from studio.jobs.executors import HANDLE_FILE
from studio.jobs.executors.engine import Refused, Unreachable
from studio.jobs.locks import LOCK_FILE

STAYS = {*REQUESTS, HANDLE_FILE, LOCK_FILE, DEATHS_FILE, "queue.json"}  # files of a run directory that never travel
GROWS = (".jsonl", ".txt")  # written to while they are read: sent up to their last whole line
ASKED, MADE = "asked", "made"


@dataclass(frozen=True)
class Remote:
    """A file in the repository. oid: sha256 of large files, git's hash of small ones."""

    path: str
    size: int
    oid: str


class Post:
    """The repository, with every error as `Unreachable` or `Refused` in one sentence."""

    def __init__(self, repository: str, token: str | None = None):
        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
        self.repository, self.api = repository, HfApi(token=token)

    def prepare(self) -> None:
        """Make the repository where it is missing; Refused where others could read it."""
        with sentences(f"the repository {self.repository}"):
            self.api.create_repo(self.repository, repo_type="dataset", private=True, exist_ok=True)
            private = self.api.repo_info(self.repository, repo_type="dataset").private
        if not private:
            raise Refused(f"The repository {self.repository} is public; a run travels through a private one only.")

    def send(self, files: Mapping[str, Path | bytes], message: str, delete: tuple[str, ...] = ()) -> None:
        """One commit: files by their path in the repository; `delete` are folders to take away first."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationDelete(f"{folder}/", is_folder=True) for folder in delete
        ]
        operations += [CommitOperationAdd(path, data if isinstance(data, bytes) else str(data)) for path, data in files.items()]
        if operations:
            with sentences(f"the repository {self.repository}"):
                self.api.create_commit(self.repository, operations, commit_message=message, repo_type="dataset")

    def has(self, path: str) -> bool:
        with sentences(f"the repository {self.repository}"):
            return bool(self.api.file_exists(self.repository, path, repo_type="dataset"))

    def revision(self) -> str:
        """The newest commit: what is read at one revision fits together."""
        with sentences(f"the repository {self.repository}"):
            return str(self.api.repo_info(self.repository, repo_type="dataset").sha)

    def files(self, folder: str, revision: str | None = None) -> list[Remote]:
        """Files below a folder; none when there is no such folder."""
        from huggingface_hub.errors import EntryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        with sentences(f"the repository {self.repository}"):
            try:
                found = list(
                    self.api.list_repo_tree(self.repository, folder, recursive=True, revision=revision, repo_type="dataset")
                )
            except EntryNotFoundError:
                return []
        return [Remote(f.path, f.size, f.lfs.sha256 if f.lfs else f.blob_id) for f in found if isinstance(f, RepoFile)]

    def fetch(self, path: str, target: Path, revision: str | None = None) -> Path:
        """Download one file to `target`/path."""
        with sentences(f"the repository {self.repository}"):
            self.api.hf_hub_download(self.repository, path, repo_type="dataset", revision=revision, local_dir=target)
        return target / path


@contextlib.contextmanager
def sentences(what: str) -> Iterator[None]:
    """Errors of the client in words: what cannot work this way is Refused, what may work later is Unreachable."""
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError

    watch_hub()
    try:
        yield
    except NotPublic as error:
        raise Refused(str(error)) from error
    except LocalTokenNotFoundError as error:
        raise Refused(NO_TOKEN) from error
    except OfflineModeIsEnabled as error:
        raise Refused("HF_HUB_OFFLINE is set, so nothing is sent to Hugging Face; unset it to use hf-jobs.") from error
    except RepositoryNotFoundError as error:
        raise Refused(f"Hugging Face does not show {what} to this token; check its name and the token's rights.") from error
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", 0)
        text = " ".join(str(error.server_message or error).split())[:200].rstrip(".")
        if status in (400, 401, 402, 403, 404, 422):
            raise Refused(f"Hugging Face refuses {what} (status {status}: {text}).") from error
        raise Unreachable(f"Hugging Face does not answer for {what} (status {status}); it is tried again.") from error
    except (httpx.HTTPError, ConnectionError, TimeoutError) as error:
        text = " ".join(str(error).split())[:120] or type(error).__name__
        raise Unreachable(f"Hugging Face cannot be reached ({text}); it is tried again.") from error


NO_TOKEN = "hf-jobs needs a token that may write; `hf auth login` keeps one, or set HF_TOKEN."


def run_files(folder: Path, since: dict[str, tuple[int, int]] | None = None) -> dict[str, Path | bytes]:
    """What a run directory has to send, by relative path; with `since` only what changed, and that is noted there."""
    found: dict[str, Path | bytes] = {}
    # What names files is read before them, so that no event that is sent names a file that is not.
    for path in sorted(folder.rglob("*"), key=lambda p: (p.suffix not in GROWS, p)):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name in STAYS or path.name.startswith("."):
            continue
        state = path.stat()
        if since is not None:
            if since.get(name) == (state.st_mtime_ns, state.st_size):
                continue
            since[name] = (state.st_mtime_ns, state.st_size)
        found[name] = whole_lines(path.read_bytes()) if path.suffix in GROWS else path
    return found


def whole_lines(raw: bytes) -> bytes:
    return raw[: raw.rfind(b"\n") + 1]


def same(path: Path, remote: Remote) -> bool:
    """Whether a file here already has the contents of one there."""
    if not path.is_file() or path.stat().st_size != remote.size:
        return False
    raw = path.read_bytes()
    if len(remote.oid) == 64:
        return hashlib.sha256(raw).hexdigest() == remote.oid
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw).hexdigest() == remote.oid


def merge_events(log: Path, theirs: bytes, sent: int, renamed: Mapping[str, str]) -> int:
    """Append to `log` what the job said since the last time; returns how many events.

    The job's log begins as a copy of ours with `sent` events. Ours may have grown since (a dispatcher that died left a
    line), so what comes is numbered on, and "there" keeps its number at the far end. renamed: ids of models that have
    another name here.
    """
    from studio.jobs.events import EventLog, last_event

    mine = [json.loads(line) for line in whole_lines(log.read_bytes()).splitlines() if line.startswith(b"{")]
    after = max((event["there"] for event in mine if isinstance(event.get("there"), int)), default=-1)
    number = (last_event(log) or {"n": -1})["n"] + 1
    lines = []
    for line in whole_lines(theirs).splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event["n"] >= sent and event["n"] > after:
            event["there"], event["n"] = event["n"], number
            if event["kind"] == "student":
                event["id"] = renamed.get(event["id"], event["id"])
            lines.append(json.dumps(event, separators=(",", ":")).encode() + b"\n")
            number += 1
    if lines:
        EventLog(log).close()  # ends a torn line
        with open(log, "ab") as file:
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
    return len(lines)


def place(source: Path, target: Path) -> None:
    """Move a fetched file to its place, as a whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.fetched")
    shutil.copyfile(source, temporary)
    os.replace(temporary, target)
