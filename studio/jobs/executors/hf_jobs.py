"""Runs on Hugging Face Jobs: each is a job there, and its run directory travels through a private dataset repository.

Proved against a stand-in for the service on this machine (`tests/support/fake_hub.py`), not against the service itself.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.files import Json
from studio.jobs.events import last_event
from studio.jobs.executors import HfJobsOptions, check_package, hf_parcel, read_options
from studio.jobs.executors.engine import Look, Refused, Unreachable
from studio.jobs.executors.hf_exchange import ASKED, MADE, NO_TOKEN, Post, merge_events, place, run_files, same, sentences
from studio.jobs.paths import Paths
from studio.jobs.run import read_spec
from studio.jobs.stock import Stock

if TYPE_CHECKING:
    from huggingface_hub import JobInfo

LABEL = "studio-run"
ENDED = ("COMPLETED", "CANCELED", "ERROR", "DELETED")
LOG_LINES = 200  # of a job that ended badly, kept in the run's log
# Runs in the job before there is anything else: unpack the parcels, install what the image lacks, go on as the program.
BOOT = """
import importlib.util, os, subprocess, sys, tarfile, tempfile
def lacks(*names): return [name for name in names if importlib.util.find_spec(name) is None]
def install(*what): subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", *what])
if lacks("huggingface_hub"): install("huggingface_hub>=1,<2")
from huggingface_hub import hf_hub_download
home = tempfile.mkdtemp(prefix="studio-")
for name in os.environ["STUDIO_PARCELS"].split():
    with tarfile.open(hf_hub_download(os.environ["STUDIO_REPOSITORY"], name, repo_type="dataset")) as tar:
        tar.extractall(home, filter="data")
os.chdir(os.path.join(home, "program"))
if lacks("torch", "diffusers", "transformers", "peft", "pydantic", "yaml", "psutil", "PIL"): install("-r", "requirements.txt")
os.execv(sys.executable, [sys.executable, "-m", "studio.worker", "--inside"])
"""


@dataclass
class _Seen:
    """What this process knows of a run: which files it has, and when it looked."""

    post: Post
    at: float = 0.0
    revision: str = ""
    oids: dict[str, str] = field(default_factory=dict)
    look: Look = field(default_factory=Look)
    waiting: bool = True


class HfJobsEngine:
    title = "Hugging Face"
    poll_s = 0.5

    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self._runs: dict[str, _Seen] = {}

    def open(self) -> None:
        try:
            check_package("hf-jobs")
        except ValueError as error:
            raise Refused(str(error)) from error
        _token()

    # -- handing over ----------------------------------------------------------------------------------------------

    def start(self, folder: Path, executor: Json) -> Json:
        options, token = read_options(executor, HfJobsOptions), _token()
        post = Post(options.repository, token)
        post.prepare()
        with sentences("this token"):
            namespace = options.namespace or str(post.api.whoami()["name"])
        job = self._running(post, namespace, folder.name)
        if job is None:
            parcels = self._send(post, folder)
            environment = {
                "STUDIO_RUN": folder.name, "STUDIO_REPOSITORY": options.repository, "STUDIO_PARCELS": " ".join(parcels),
                "STUDIO_SYNC_S": f"{options.sync_s:g}",
            }  # fmt: skip
            if os.environ.get("HF_ENDPOINT"):
                environment["HF_ENDPOINT"] = os.environ["HF_ENDPOINT"]
            with sentences(f"a job on {options.flavor} for {namespace}"):
                job = post.api.run_job(
                    image=options.image,
                    command=["python", "-c", BOOT],
                    env=environment,
                    secrets={"HF_TOKEN": token},
                    flavor=options.flavor,
                    timeout=options.timeout,
                    namespace=namespace,
                    labels={"name": f"studio-{folder.name}", LABEL: folder.name},
                )
        sent = (last_event(folder / "events.jsonl") or {"n": -1})["n"] + 1
        return {"job": job.id, "namespace": namespace, "url": job.url, "repository": options.repository,
                "sync_s": options.sync_s, "flavor": options.flavor, "sent": sent}  # fmt: skip

    def _running(self, post: Post, namespace: str, run_id: str) -> JobInfo | None:
        """A job of this run that a dispatcher started just before it died: it must not be paid for twice."""
        with sentences(f"the jobs of {namespace}"):
            found = list(post.api.list_jobs(namespace=namespace, labels={LABEL: run_id}, status=["RUNNING", "SCHEDULING"]))
        return found[0] if found else None

    def _send(self, post: Post, folder: Path) -> list[str]:
        """The parcels that are not there yet, then the run directory in place of what an earlier job left."""
        spec = read_spec(folder)
        parcels = [hf_parcel.program(), hf_parcel.models(spec, self.stock, Paths(folder.resolve().parents[1]))]
        post.send({name: raw for name, raw in parcels if not post.has(name)}, "Parcels")
        under = f"runs/{folder.name}"
        files = {f"{under}/{name}": data for name, data in run_files(folder).items()}
        gone = {part for part in (ASKED, MADE) if post.files(f"{under}/{part}")}
        post.send(files, f"{folder.name}: begin", delete=tuple(f"{under}/{part}" for part in sorted(gone)))
        return [name for name, _ in parcels]

    def knows(self, handle: Json) -> bool:
        if "job" not in handle:
            return False
        try:
            self._inspect(self._seen(handle), handle)
        except Refused:
            return False
        return True

    # -- following -------------------------------------------------------------------------------------------------

    def look(self, folder: Path, handle: Json) -> Look:
        """Asks at most every `sync_s`; in between the last answer stands."""
        seen = self._seen(handle)
        if time.monotonic() - seen.at < float(handle["sync_s"]) and seen.at:
            return seen.look
        seen.at = time.monotonic()
        status = self._inspect(seen, handle).status
        stage, message = str(getattr(status.stage, "value", status.stage)), status.message
        seen.waiting = stage == "SCHEDULING"
        self._fetch(folder, handle, seen)  # after the question: a job that had ended by then has sent everything
        if stage not in ENDED:
            seen.look = Look(note=f"Waiting for a machine at Hugging Face ({handle['flavor']})." if seen.waiting else "")
            return seen.look
        why = f"{stage.lower()}{f': {message}' if message else ''}"
        if stage == "ERROR":
            self._keep_log(folder, handle, seen)
        saved = any((folder / "checkpoints").glob("*.pt"))
        kept = "its last checkpoint is kept. Resume it to go on" if saved else "it had saved nothing yet"
        return Look(ended=True, state="interrupted", note=f"The Hugging Face job ended ({why}); {kept}.")

    def ask(self, folder: Path, handle: Json, request: str, begun: bool) -> None:
        seen = self._seen(handle)
        if request == "cancel" or (seen.waiting and not begun and request in ("stop", "pause")):
            with sentences("the end of the job"):
                seen.post.api.cancel_job(job_id=handle["job"], namespace=handle["namespace"])
        elif begun:
            name = f"runs/{folder.name}/{ASKED}/{request}"
            seen.post.send({name: str(time.time_ns()).encode()}, f"{folder.name}: {request}")
            if request in ("save", "sample"):
                (folder / request).unlink(missing_ok=True)
        else:
            raise Unreachable("The job has not begun.")  # asked again at the next look

    def let_go(self, handle: Json) -> None:
        self._runs.pop(str(handle.get("job")), None)

    # -- taking back -----------------------------------------------------------------------------------------------

    def _fetch(self, folder: Path, handle: Json, seen: _Seen) -> None:
        """What the job sent since the last time, all of one commit; its events come last, so that what they name is here."""
        revision = seen.post.revision()
        if revision == seen.revision:
            return
        staging = folder.parents[1] / "cache" / "hf-jobs" / folder.name
        try:
            changed = [r for r in seen.post.files(f"runs/{folder.name}", revision) if seen.oids.get(r.path) != r.oid]
            made, events = False, None
            for remote in changed:
                inside = remote.path.split("/", 2)[2]
                if inside == "spec.json" or inside.startswith(f"{ASKED}/") or not _plain(inside):
                    continue
                if inside == "events.jsonl":
                    events = remote
                    continue
                if not same(folder / inside, remote):
                    got = seen.post.fetch(remote.path, staging, revision)
                    made = made or inside.startswith(f"{MADE}/")
                    if not inside.startswith(f"{MADE}/"):
                        place(got, folder / inside)
                seen.oids[remote.path] = remote.oid
            home, there = Paths(folder.resolve().parents[1]), staging / "runs" / folder.name / MADE
            renamed = self.stock.install(home, folder, there) if made else {}
            if events is not None:
                got = seen.post.fetch(events.path, staging, revision)
                merge_events(folder / "events.jsonl", got.read_bytes(), int(handle["sent"]), renamed)
                seen.oids[events.path] = events.oid
            seen.revision = revision
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _keep_log(self, folder: Path, handle: Json, seen: _Seen) -> None:
        with sentences("the job's log"):
            lines = list(seen.post.api.fetch_job_logs(job_id=handle["job"], namespace=handle["namespace"], tail=LOG_LINES))
        with open(folder / "log.txt", "a", encoding="utf-8") as file:
            file.write("".join(f"{line.rstrip()}\n" for line in ["What the job printed:", *lines]))

    def _seen(self, handle: Json) -> _Seen:
        return self._runs.setdefault(str(handle["job"]), _Seen(Post(handle["repository"], _token())))

    def _inspect(self, seen: _Seen, handle: Json) -> JobInfo:
        with sentences(f"the job {handle['job']}"):
            return seen.post.api.inspect_job(job_id=handle["job"], namespace=handle["namespace"])


def _token() -> str:
    from huggingface_hub import get_token

    token = get_token()
    if not token:
        raise Refused(NO_TOKEN)
    return token


def _plain(name: str) -> bool:
    """Whether a path from the repository stays inside the run directory."""
    parts = name.split("/")
    return all(part and part not in (".", "..") and "\\" not in part and ":" not in part for part in parts)
