"""A stand-in for Hugging Face on this machine: private dataset repositories, and jobs that are really executed.

Speaks the endpoints that huggingface_hub 1.33 asks for (repositories: create, info, tree, resolve, preupload, LFS batch
and PUT, commit; jobs: start, inspect, list, logs, cancel) and keeps them to what the client sends and reads. A job's
command runs in a subprocess of its own, with a home and a working directory of its own and only the environment that it
was started with, so nothing but the repository connects it to whoever started it. It is no proof about the service.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_a_token_for_tests"
LARGE = (".pt", ".safetensors", ".gz")  # stored as LFS objects, as the service would


class Repository:
    """Commits are whole trees: path -> bytes."""

    def __init__(self, private: bool):
        self.private, self.kind, self.sdk = private, "dataset", ""
        self.trees: dict[str, dict[str, bytes]] = {}
        self.head = self.commit({})

    def commit(self, tree: dict[str, bytes]) -> str:
        self.head = hashlib.sha1(f"{len(self.trees)} {time.time()}".encode()).hexdigest()
        self.trees[self.head] = tree
        return self.head

    def tree(self, revision: str) -> dict[str, bytes]:
        return self.trees[self.head if revision == "main" else revision]


def oid_of(path: str, data: bytes) -> str:
    if path.endswith(LARGE):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Job:
    def __init__(self, hub: Hub, owner: str, spec: dict[str, Any]):
        self.hub, self.owner, self.spec = hub, owner, spec
        self.id = hashlib.sha1(os.urandom(8)).hexdigest()[:24]
        self.created = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        self.process: subprocess.Popen[bytes] | None = None
        self.stage = "SCHEDULING"
        self.home = hub.root / "jobs" / self.id
        self.home.mkdir(parents=True)

    def start(self) -> None:
        """A machine is found."""
        names = ("PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "SYSTEMROOT")
        env = {name: os.environ[name] for name in names if name in os.environ}
        env |= {"HOME": str(self.home), "TMPDIR": str(self.home), "HF_HUB_DISABLE_XET": "1", "STUDIO_DEVICE": "cpu"}
        env |= {**self.spec.get("environment", {}), **self.spec.get("secrets", {})}
        command = [sys.executable if word == "python" else word for word in self.spec["command"]]
        with open(self.home / "output", "wb") as output:
            self.process = subprocess.Popen(
                command, cwd=self.home, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.stage = "RUNNING"

    def look(self) -> dict[str, Any]:
        if self.stage == "SCHEDULING" and self.hub.machines:
            self.start()
        if self.stage == "RUNNING" and self.process is not None and (status := self.process.poll()) is not None:
            self.stage = "ERROR" if status else "COMPLETED"
        message = "Job failed with exit code: 1" if self.stage == "ERROR" else None
        secrets = dict.fromkeys(self.spec.get("secrets", {}), "***")
        return {
            "id": self.id, "createdAt": self.created, "dockerImage": self.spec.get("dockerImage"),
            "command": self.spec["command"], "arguments": [], "environment": self.spec.get("environment"),
            "secrets": secrets, "flavor": self.spec["flavor"],
            "labels": self.spec.get("labels"), "status": {"stage": self.stage, "message": message},
            "owner": {"id": "1", "name": self.owner, "type": "user"},
        }  # fmt: skip

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.stage = "CANCELED"


class Hub:
    """`Hub(folder).url` is an HF_ENDPOINT. `machines = False` keeps new jobs waiting."""

    def __init__(self, root: Path):
        self.root = root
        self.machines = True
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.jobs: dict[str, Job] = {}
        self.asked: list[tuple[str, str]] = []  # method and path of every request
        self.lock = threading.RLock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        for job in self.jobs.values():
            if job.process is not None and job.process.poll() is None:
                job.end()
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_PUT = do_HEAD = do_GET

    # -- answers ---------------------------------------------------------------------------------------------------

    def answer(self) -> None:
        url = urlsplit(self.path)
        path, self.query = unquote(url.path), parse_qs(url.query)
        self.body = self.read_body()
        with self.hub.lock:
            self.hub.asked.append((self.command, path))
            if path.startswith("/lfs/"):  # a signed address: no token goes with it
                oid = path.removeprefix("/lfs/")
                if hashlib.sha256(self.body).hexdigest() != oid:
                    return self.say(400, {"error": "The contents are not what was announced"})
                self.hub.objects[oid] = self.body
                return self.send(200, b"")
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                return self.say(401, {"error": "Invalid username or password."})
            for pattern, handler in ROUTES:
                if found := re.fullmatch(pattern, path):
                    return handler(self, *found.groups())
            self.say(404, {"error": f"Not found: {path}"})

    def read_body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            out = b""
            while size := int(self.rfile.readline(), 16):
                out += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return out
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def say(self, status: int, data: Any, **headers: str) -> None:
        self.send(status, json.dumps(data).encode(), **{"content-type": "application/json", **headers})

    def send(self, status: int, raw: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(raw)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def repository(self, name: str) -> Repository | None:
        found = self.hub.repositories.get(name)
        if found is None:
            self.say(404, {"error": "Repository not found"}, x_error_code="RepoNotFound")
        return found

    # -- repositories ----------------------------------------------------------------------------------------------

    def whoami(self) -> None:
        self.say(200, {"type": "user", "id": "1", "name": "ada", "auth": {"accessToken": {"role": "write"}}})

    def create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or 'ada'}/{asked['name']}"
        if name in self.hub.repositories:
            return self.say(409, {"error": "You already created this repository", "url": f"{self.hub.url}/datasets/{name}"})
        made = self.hub.repositories[name] = Repository(asked.get("visibility") == "private")
        made.kind, made.sdk = asked.get("type", "model"), asked.get("sdk", "")
        self.say(200, {"url": f"{self.hub.url}/datasets/{name}", "name": name, "id": name})

    def validate(self) -> None:
        """Of a README's front matter, which a client asks about before it sends one."""
        begins = json.loads(self.body)["content"].startswith("---\n")
        self.say(200, {"errors": [] if begins else [{"message": "no front matter"}], "warnings": []})

    def info(self, name: str) -> None:
        if (repo := self.repository(name)) is not None:
            self.say(200, {"id": name, "sha": repo.head, "private": repo.private, "siblings": [], "tags": []})

    def tree(self, name: str, revision: str, folder: str = "") -> None:
        if (repo := self.repository(name)) is None:
            return
        found = []
        for path, data in repo.tree(revision).items():
            if not folder or path.startswith(f"{folder}/"):
                entry = {"type": "file", "path": path, "size": len(data), "oid": oid_of(path, data)}
                if path.endswith(LARGE):
                    entry["lfs"] = {"oid": entry["oid"], "size": len(data), "pointerSize": 130}
                found.append(entry)
        if found or not folder:
            return self.say(200, found)
        self.say(404, {"error": "Not Found"}, x_error_code="EntryNotFound")

    def resolve(self, name: str, revision: str, path: str) -> None:
        if (repo := self.repository(name)) is None:
            return
        data = repo.tree(revision).get(path)
        if data is None:
            return self.say(404, {"error": "Entry not found"}, x_error_code="EntryNotFound")
        commit = repo.head if revision == "main" else revision
        self.send(200, data, etag=f'"{oid_of(path, data)}"', x_repo_commit=commit, accept_ranges="none")

    def preupload(self, name: str, revision: str) -> None:
        if (repo := self.repository(name)) is not None:
            modes = []
            for file in json.loads(self.body)["files"]:
                there = repo.tree("main").get(file["path"])
                mode = "lfs" if file["path"].endswith(LARGE) else "regular"
                oid = oid_of(file["path"], there) if there is not None else None
                modes.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
            self.say(200, {"files": modes, "commitOid": repo.head})

    def lfs(self, name: str) -> None:
        objects: list[dict[str, Any]] = []
        for asked in json.loads(self.body)["objects"]:
            actions = {} if asked["oid"] in self.hub.objects else {"upload": {"href": f"{self.hub.url}/lfs/{asked['oid']}"}}
            objects.append({**asked, **({"actions": actions} if actions else {})})
        self.say(200, {"transfer": "basic", "objects": objects})

    def commit(self, name: str, revision: str) -> None:
        if (repo := self.repository(name)) is None:
            return
        tree = dict(repo.tree("main"))
        for line in self.body.splitlines():
            change = json.loads(line)
            value = change["value"]
            if change["key"] == "file":
                tree[value["path"]] = base64.b64decode(value["content"])
            elif change["key"] == "lfsFile":
                tree[value["path"]] = self.hub.objects[value["oid"]]
            elif change["key"] == "deletedFile":
                del tree[value["path"]]
            elif change["key"] == "deletedFolder":
                tree = {path: data for path, data in tree.items() if not path.startswith(f"{value['path'].rstrip('/')}/")}
        head = repo.commit(tree)
        self.say(200, {"commitOid": head, "commitUrl": f"{self.hub.url}/datasets/{name}/commit/{head}"})

    # -- jobs ------------------------------------------------------------------------------------------------------

    def start(self, owner: str) -> None:
        job = Job(self.hub, owner, json.loads(self.body))
        self.hub.jobs[job.id] = job
        self.say(200, job.look())

    def list_jobs(self, owner: str) -> None:
        labels = dict(label.split("=", 1) for label in self.query.get("label", []))
        found = [job.look() for job in self.hub.jobs.values()]
        wanted = self.query.get("stage", [])
        self.say(200, [job for job in found if labels.items() <= (job["labels"] or {}).items()
                       and (not wanted or job["status"]["stage"] in wanted)])  # fmt: skip

    def jobs(self, owner: str) -> None:
        (self.start if self.command == "POST" else self.list_jobs)(owner)

    def inspect(self, owner: str, job_id: str) -> None:
        job = self.hub.jobs.get(job_id)
        self.say(200, job.look()) if job else self.say(404, {"error": "Job not found"})

    def cancel(self, owner: str, job_id: str) -> None:
        self.hub.jobs[job_id].end()
        self.say(200, self.hub.jobs[job_id].look())

    def logs(self, owner: str, job_id: str) -> None:
        lines = (self.hub.jobs[job_id].home / "output").read_text().splitlines()[-int(self.query.get("tail", ["100"])[0]) :]
        events = "".join(f"data: {json.dumps({'data': line, 'timestamp': ''})}\n\n" for line in lines)
        self.send(200, events.encode(), content_type="text/event-stream")


_REPO, _KIND = "([^/]+/[^/]+)", "(?:datasets|spaces)"
ROUTES = [
    ("/api/whoami-v2", _Handler.whoami),
    ("/api/repos/create", _Handler.create),
    ("/api/validate-yaml", _Handler.validate),
    (f"/api/{_KIND}/{_REPO}", _Handler.info),
    (f"/api/{_KIND}/{_REPO}/tree/([^/]+)", _Handler.tree),
    (f"/api/{_KIND}/{_REPO}/tree/([^/]+)/(.+)", _Handler.tree),
    (f"/api/{_KIND}/{_REPO}/preupload/([^/]+)", _Handler.preupload),
    (f"/api/{_KIND}/{_REPO}/commit/([^/]+)", _Handler.commit),
    (f"/{_KIND}/{_REPO}.git/info/lfs/objects/batch", _Handler.lfs),
    (f"/datasets/{_REPO}/resolve/([^/]+)/(.+)", _Handler.resolve),
    ("/api/jobs/([^/]+)", _Handler.jobs),
    ("/api/jobs/([^/]+)/([^/]+)", _Handler.inspect),
    ("/api/jobs/([^/]+)/([^/]+)/cancel", _Handler.cancel),
    ("/api/jobs/([^/]+)/([^/]+)/logs", _Handler.logs),
]
