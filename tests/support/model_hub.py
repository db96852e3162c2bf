"""A stand-in for the Hugging Face Hub on this machine, as far as models are looked at, listed and downloaded.

Answers what huggingface_hub 1.33 asks: model info with siblings, the tree, resolve with redirects of large files to another host,
ranges, ETag and X-Repo-Commit, search. Switches stand for what goes wrong. It counts the bytes it sends. It is no proof about the
service.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

TOKEN = "hf_a_token_for_tests"
LARGE = (".safetensors", ".bin", ".ckpt")  # stored as LFS objects, as the service would
Tree = dict[str, bytes]


def hash_of(path: str, data: bytes) -> str:
    if path.endswith(LARGE):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Repository:
    """Commits are whole trees. gated: none but `TOKEN` may read its files, and only if `granted`."""

    trees: dict[str, Tree] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: str | bool = False
    granted: bool = False
    licence: str | None = "openrail++"
    downloads: int = 7
    task: str = "text-to-image"

    def commit(self, tree: Tree, branch: str = "main") -> str:
        made = hashlib.sha1(f"{len(self.trees)}{sorted(tree)}".encode()).hexdigest()
        self.trees[made], self.refs[branch] = dict(tree), made
        return made

    def at(self, revision: str) -> str | None:
        return revision if revision in self.trees else self.refs.get(revision)


@dataclass
class Faults:
    """status: of the next answers whose path holds a text, (status, headers, how often). cut: sent of a large file in one go.
    swapped: a large file's path -> other bytes of the same length. ignores_range: all is sent though a part was asked for.
    trickle: seconds between two MiB of a large file."""

    status: dict[str, tuple[int, dict[str, str], int]] = field(default_factory=dict)
    cut: int | None = None
    swapped: dict[str, bytes] = field(default_factory=dict)
    ignores_range: bool = False
    trickle: float = 0.0


class ModelHub:
    """`ModelHub().url` is an HF_ENDPOINT."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.faults = Faults()
        self.asked: list[tuple[str, str, str]] = []  # method, path and token of every request
        self.sent: dict[str, int] = {}  # bytes of bodies by path in a repository
        self.started: dict[str, list[int]] = {}  # of large files: byte at which each answer began
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": self}))
        self.port = self.server.server_address[1]
        self.url, self.storage = f"http://127.0.0.1:{self.port}", f"http://localhost:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, name: str, tree: Tree, **about: Any) -> str:
        """Its commit."""
        repository = self.repositories.setdefault(name, Repository(**about))
        return repository.commit(tree)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: ModelHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path, self.query = unquote(url.path), parse_qs(url.query)
        self.token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        self.hub.asked.append((self.command, path, self.token))
        if self.fault(path):
            return
        if self.token not in ("", TOKEN):
            self.say(401, {"error": "Invalid credentials"}, x_error_message="Invalid credentials in Authorization header")
            return
        for pattern, handler in ROUTES:
            if found := re.fullmatch(pattern, path):
                handler(self, *found.groups())
                return
        self.say(404, {"error": f"Not found: {path}"})

    do_HEAD = do_GET

    def fault(self, path: str) -> bool:
        for text, (status, headers, times) in self.hub.faults.status.items():
            if text in f"{self.command} {path}" and times > 0:
                self.hub.faults.status[text] = (status, headers, times - 1)
                self.say(status, {"error": "a fault"}, **headers)
                return True
        return False

    def say(self, status: int, data: Any, **headers: str) -> None:
        self.send(status, json.dumps(data).encode(), content_type="application/json", **headers)

    def send(self, status: int, raw: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(raw)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    # -- repositories ----------------------------------------------------------------------------------------------

    def repository(self, name: str, files: bool = False) -> Repository | None:
        found = self.hub.repositories.get(name)
        if found is None or (found.private and not self.token):
            self.say(404 if self.token else 401, {"error": "Repository not found"}, x_error_code="RepoNotFound")
            return None
        if files and found.gated and not (self.token and found.granted):
            self.say(403 if self.token else 401, {"error": "Access to model is restricted"}, x_error_code="GatedRepo")
            return None
        return found

    def info(self, name: str, revision: str = "main") -> None:
        if (repository := self.repository(name)) is None:
            return
        commit = repository.at(revision)
        if commit is None:
            self.say(404, {"error": "Invalid rev id"}, x_error_code="RevisionNotFound")
            return
        siblings = [self.sibling(path, data) for path, data in repository.trees[commit].items()]
        self.say(200, {**self.about(name, repository), "sha": commit, "siblings": siblings})

    def about(self, name: str, repository: Repository) -> dict[str, Any]:
        tags = [repository.task, *([f"license:{repository.licence}"] if repository.licence else [])]
        return {"id": name, "private": repository.private, "gated": repository.gated, "tags": tags,
                "downloads": repository.downloads, "pipeline_tag": repository.task}  # fmt: skip

    @staticmethod
    def sibling(path: str, data: bytes) -> dict[str, Any]:
        made = {"rfilename": path, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
        if path.endswith(LARGE):
            return {**made, "lfs": {"sha256": hash_of(path, data), "size": len(data), "pointerSize": 130}}
        return {**made, "blobId": hash_of(path, data)}

    def tree(self, name: str, revision: str) -> None:
        if (repository := self.repository(name, files=True)) is None:
            return
        found = []
        for path, data in repository.trees[str(repository.at(revision))].items():
            entry: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": hash_of(path, data)}
            if path.endswith(LARGE):
                entry["lfs"] = {"oid": entry["oid"], "size": len(data), "pointerSize": 130}
            found.append(entry)
        self.say(200, found)

    def resolve(self, name: str, revision: str, path: str) -> None:
        if (repository := self.repository(name, files=True)) is None:
            return
        commit = repository.at(revision)
        if commit is None:
            self.say(404, {"error": "Invalid rev id"}, x_error_code="RevisionNotFound")
            return
        data = repository.trees[commit].get(path)
        if data is None:
            self.say(404, {"error": "Entry not found"}, x_error_code="EntryNotFound")
            return
        etag = f'"{hash_of(path, data)}"'
        if path.endswith(LARGE):
            where = f"{self.hub.storage}/storage/{name}/{commit}/{path}?Signature=secret"
            linked = {"x_linked_etag": etag, "x_linked_size": str(len(data))}
            self.send(302, b"", location=where, x_repo_commit=commit, etag='"other"', **linked)
            return
        self.hub.sent[path] = self.hub.sent.get(path, 0) + (len(data) if self.command == "GET" else 0)
        self.send(200, data, etag=etag, x_repo_commit=commit)

    def store(self, name: str, commit: str, path: str) -> None:
        """A large file, from the place that a redirect names; no token comes here."""
        data = self.hub.faults.swapped.get(path, self.hub.repositories[name].trees[commit][path])
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range") or "")
        start = int(asked[1]) if asked and not self.hub.faults.ignores_range else 0
        self.send_response(206 if start else 200)
        body, cut = data[start:], self.hub.faults.cut
        self.send_header("content-length", str(len(body)))
        if start:
            self.send_header("content-range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        body = body if cut is None else body[:cut]
        self.hub.started.setdefault(path, []).append(start)  # before anything is sent, so that no late answer is counted
        self.hub.sent[path] = self.hub.sent.get(path, 0) + len(body)
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            for at in range(0, len(body), 1 << 20):
                self.wfile.write(body[at : at + (1 << 20)])
                time.sleep(self.hub.faults.trickle)
        self.close_connection = cut is not None

    def search(self) -> None:
        text, task = self.query.get("search", [""])[0], self.query.get("pipeline_tag", [None])[0]
        found = [(name, one) for name, one in self.hub.repositories.items() if text in name and task in (None, one.task)]
        found.sort(key=lambda pair: -pair[1].downloads)
        self.say(200, [self.about(name, one) for name, one in found][: int(self.query.get("limit", ["100"])[0])])


_REPO = "([^/]+/[^/]+)"
ROUTES = [
    ("/api/models", _Handler.search),
    (f"/api/models/{_REPO}", _Handler.info),
    (f"/api/models/{_REPO}/revision/(.+)", _Handler.info),
    (f"/api/models/{_REPO}/tree/([^/]+)", _Handler.tree),
    (f"/storage/{_REPO}/([^/]+)/(.+)", _Handler.store),
    (f"/{_REPO}/resolve/([^/]+)/(.+)", _Handler.resolve),
]


@pytest.fixture
def model_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    """The library of this process, and of those it starts, asks a stand-in; its cache and its login are the test's own."""
    from huggingface_hub import constants

    hub, home = ModelHub(), tmp_path / "hf"
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_CACHE": str(home / "hub"), "HF_HUB_OFFLINE": "0",
                   "HF_HUB_DISABLE_XET": "1", "HF_TOKEN_PATH": str(home / "token")}  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for name, now in {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "DOWNLOAD_CHUNK_SIZE": 1000,
    }.items():
        monkeypatch.setattr(constants, name, now)
    yield hub
    hub.close()


def pipeline(weights: bytes = b"w" * 5000, **more: bytes) -> Tree:
    """Files of an SDXL-like repository, with much that nobody needs."""
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"],
             "vae": ["diffusers", "AutoencoderKL"], "scheduler": ["diffusers", "EulerDiscreteScheduler"],
             "tokenizer": ["transformers", "CLIPTokenizer"], "text_encoder": ["transformers", "CLIPTextModel"],
             "safety_checker": ["stable_diffusion", "Checker"], "image_encoder": [None, None]}  # fmt: skip
    small = {"unet/config.json": {"sample_size": 64}, "vae/config.json": {"block_out_channels": [1, 2, 3, 4]},
             "scheduler/scheduler_config.json": {"a": 1}, "tokenizer/tokenizer_config.json": {"b": 2},
             "tokenizer/vocab.json": {"c": 3},
             "text_encoder/config.json": {"d": 4}, "safety_checker/config.json": {"e": 5}, "model_index.json": index}  # fmt: skip
    tree = {path: json.dumps(value).encode() for path, value in small.items()}
    tree |= {
        "tokenizer/merges.txt": b"a b\n",
        "README.md": b"about",
        "root_1.0.safetensors": b"r" * 9000,
        "unet/diffusion_pytorch_model.safetensors": b"p" * 8000,
        "unet/diffusion_pytorch_model.fp16.safetensors": weights,
        "unet/diffusion_pytorch_model.bin": b"b" * 8000,
        "vae/diffusion_pytorch_model.safetensors": b"v" * 600,
        "text_encoder/model.fp16.safetensors": b"t" * 700,
        "text_encoder/model.safetensors": b"T" * 1400,
        "text_encoder/flax_model.msgpack": b"f" * 1400,
        "vae_decoder/model.onnx": b"o" * 900,
        "safety_checker/model.safetensors": b"s" * 900,
    }
    return tree | {path.replace("__", "/"): data for path, data in more.items()}
