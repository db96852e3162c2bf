"""Files that come through the page: whole or not at all, in their place, and known for what they are."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from studio.jobs.jobs import Jobs
from studio.library import uploads
from studio.library.adding import Wish, add_model
from studio.library.bringing_controlnets import bring
from studio.library.recognising import recognise
from studio.library.removing import own_files, removable, take_away
from studio.ui import weights
from studio.ui.models import form
from studio.ui.routes import routes
from tests.support.original_layout import true_shapes, write, write_header

OWN = {"origin": "http://testserver"}


@pytest.fixture
def client(jobs: Jobs) -> TestClient:
    return TestClient(Starlette(routes=routes(jobs)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "my lora.safetensors", {"unet.x.lora_A.weight": torch.ones(4, 4)})


def left(jobs: Jobs) -> list[str]:
    return sorted(path.name for path in uploads.uploads(jobs.paths).glob("*")) if uploads.uploads(jobs.paths).is_dir() else []


def sent(client: TestClient, name: str, data: bytes, **headers: str) -> Any:
    return client.post("/upload/weights", params={"name": name}, content=data, headers={**OWN, **headers})


def test_a_file_comes_whole_under_a_plain_name(client: TestClient, jobs: Jobs, file: Path) -> None:
    asked = client.get("/upload/weights", params={"name": file.name, "size": file.stat().st_size})
    assert asked.json() == {"name": "my-lora.safetensors"}
    answer = sent(client, "../../my lora.safetensors", file.read_bytes())
    assert (answer.status_code, answer.json()) == (200, {"place": "uploads/my-lora.safetensors"})
    place = uploads.uploads(jobs.paths) / "my-lora.safetensors"
    assert place.read_bytes() == file.read_bytes() and left(jobs) == ["my-lora.safetensors"]
    assert sent(client, file.name, file.read_bytes()).json() == {"place": "uploads/my-lora-2.safetensors"}
    assert uploads.place_of(jobs.paths, "uploads/my-lora.safetensors") == str(place)
    for other in ("uploads/../uploads/my-lora.safetensors", "uploads/gone.safetensors", "ada/model"):
        assert uploads.place_of(jobs.paths, other) == other
    assert form.here(jobs.paths, "uploads/my-lora.safetensors") == place
    uploads.forget(jobs.paths, "uploads/my-lora.safetensors")
    assert left(jobs) == ["my-lora-2.safetensors"]
    for other in ("uploads/gone.safetensors", str(file), "../x"):
        with pytest.raises(ValueError, match="is no upload"):
            uploads.forget(jobs.paths, other)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://elsewhere.example"}, 403),
        ({"origin": ""}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://testserver:81"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_only_its_own_page_can_send(headers: dict[str, str], status: int, client: TestClient, jobs: Jobs, file: Path) -> None:
    assert sent(client, file.name, file.read_bytes(), **headers).status_code == status
    assert bool(left(jobs)) == (status == 200)


def test_nobody_sends_over_a_public_link(jobs: Jobs, file: Path) -> None:
    public = TestClient(Starlette(routes=routes(jobs, public=True)))
    answer = sent(public, file.name, file.read_bytes())
    assert answer.status_code == 403 and answer.json()["problem"].startswith("Files are not taken from visitors of a public link")
    assert public.get("/upload/weights", params={"name": file.name, "size": 99}).status_code == 403
    assert left(jobs) == []


def test_what_does_not_fit_leaves_nothing(client: TestClient, jobs: Jobs, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file.read_bytes()
    for name, body, said in (
        ("model.ckpt", data, "is a pickle"),
        ("model.png", data, "is no .safetensors file"),
        ("model.safetensors", data[:-10], "is cut short"),
        ("model.safetensors", b"PK\x03\x04" + bytes(60), "is a pickle whatever its name"),
        ("model.safetensors", b"short", "has 5 bytes"),
    ):
        answer = sent(client, name, body)
        assert answer.status_code == 400 and said in answer.json()["problem"], answer.text
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 30))
    answer = client.get("/upload/weights", params={"name": file.name, "size": 7 << 30})
    assert "takes 7.5 GB, and the disk of the data folder has 1.1 GB free" in answer.json()["problem"]
    assert "free some first" in sent(client, file.name, data).json()["problem"]
    assert client.get("/upload/weights", params={"name": file.name, "size": "much"}).status_code == 411
    assert left(jobs) == []


def test_a_full_disk_and_a_broken_connection_leave_nothing(
    client: TestClient, jobs: Jobs, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, status in ((OSError(28, "No space left on device"), 507), (ClientDisconnect(), 400)):

        def breaks(self: Any, data: bytes, error: Exception = error) -> None:
            assert next(uploads.uploads(jobs.paths).glob(".*/*")).name == "my-lora.safetensors", "it had begun"
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(weights.Incoming, "write", breaks)
            assert sent(client, file.name, file.read_bytes()).status_code == status
        assert left(jobs) == []


def test_a_file_is_as_long_as_it_was_announced(jobs: Jobs) -> None:
    with pytest.raises(ValueError, match="longer than its 20 bytes"), uploads.Incoming(jobs.paths, "a.safetensors", 20) as coming:
        coming.write(bytes(21))
    with (
        pytest.raises(ValueError, match="broke off at 3 bytes of 20"),
        uploads.Incoming(jobs.paths, "a.safetensors", 20) as coming,
    ):
        coming.write(b"abc")
        coming.keep()
    assert left(jobs) == []


def test_what_a_stopped_server_left_goes_with_the_next(jobs: Jobs) -> None:
    home = uploads.uploads(jobs.paths)
    (home / ".old").mkdir(parents=True)
    (home / ".new").mkdir()
    os.utime(home / ".old", (time.time() - 2 * uploads.LEFT_S,) * 2)
    with uploads.Incoming(jobs.paths, "a.safetensors", 20):
        pass
    assert left(jobs) == [".new"]


def arrived(jobs: Jobs, make: Any, name: str) -> Path:
    uploads.uploads(jobs.paths).mkdir(exist_ok=True)
    return make(uploads.uploads(jobs.paths) / name)


def test_an_upload_goes_with_the_model_that_it_became(jobs: Jobs) -> None:
    place = arrived(jobs, lambda path: write_header(path, true_shapes("sd1")), "one.safetensors")
    listed = add_model(jobs.paths, Wish(str(place), id="mine/one"))
    with pytest.raises(ValueError, match="is used by mine/one"):
        uploads.forget(jobs.paths, "uploads/one.safetensors")
    again = add_model(jobs.paths, Wish(str(place), id="mine/two"))
    assert own_files(jobs.paths, listed) == [], "another one needs it"
    take_away(jobs.paths, again, [], False)
    assert own_files(jobs.paths, removable(jobs.paths, "mine/one", files=True)) == [place]
    size = place.stat().st_size
    assert take_away(jobs.paths, listed, [place], True) == size and not place.exists()


def test_a_controlnet_takes_its_upload_along(jobs: Jobs) -> None:
    from tests.library.test_bringing_controlnets import real

    place = arrived(jobs, lambda path: write_header(path, real("sd1")), "canny.safetensors")
    assert recognise(place) == {
        "holds": "controlnet",
        "said": "A ControlNet for Stable Diffusion 1.x.",
        "name": "canny",
        "hint": "canny",
        "like": "",
    }
    told = form.bring(jobs.paths, "uploads/canny.safetensors", "edges", "Canny ")
    assert told == {
        "id": "mine/edges",
        "said": "mine/edges is for Stable Diffusion 1.x; Control offers it on pairs that it fits.",
    }
    assert left(jobs) == [] and not any(path.is_symlink() for path in (jobs.paths.root / "controlnets/mine/edges").iterdir())
    with pytest.raises(ValueError, match="is no place on this machine"):
        form.bring(jobs.paths, "ada/canny", "", "")
    with pytest.raises(ValueError, match="'one' is not there"):
        bring(jobs.paths, Path("one"))


def test_what_lies_here_is_recognised(jobs: Jobs, tmp_path: Path, file: Path) -> None:
    whole = write_header(tmp_path / "whole.safetensors", true_shapes("sdxl"))
    assert (recognise(whole)["holds"], recognise(whole)["like"]) == ("single_file", "sdxl")
    assert recognise(whole)["said"] == "A checkpoint of Stable Diffusion XL."
    assert recognise(file)["holds"] == "lora"
    unet = {n.removeprefix("model.diffusion_model."): s for n, s in true_shapes("sd1").items() if n.startswith("model.diff")}
    assert recognise(write_header(tmp_path / "unet.safetensors", unet))["holds"] == "network"
    nano = Path("assets/nano/dmd2").resolve()
    assert (recognise(nano)["holds"], recognise(nano / "unet")["holds"]) == ("pipeline", "network")
    for place, said in ((tmp_path / "gone", "'gone' is not there"), (tmp_path, "is no folder that diffusers wrote")):
        with pytest.raises(ValueError, match=said):
            recognise(place)
    (tmp_path / "a.pt").write_bytes(b"x")
    with pytest.raises(ValueError, match="is a pickle"):
        recognise(tmp_path / "a.pt")
    t2i = write(tmp_path / "t2i.safetensors", {"body.0.block1.weight": torch.ones(1)})
    with pytest.raises(ValueError, match="is a T2I adapter"):
        recognise(t2i)
