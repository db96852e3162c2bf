"""Who is answered, by which name, from which page, inside of which, and with which login."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from studio.jobs.jobs import Jobs
from studio.ui import serve
from studio.ui.app import build, launch_options
from studio.ui.guard import Welcome
from studio.ui.kit import uploads
from studio.ui.routes import middleware
from tests.support.serving import free_port

ORIGIN = "http://127.0.0.1:7860"


def served(welcome: Welcome = Welcome()) -> Starlette:  # noqa: B008 - it is frozen
    async def answer(request: Request) -> Response:
        if request.url.path == "/ui/broken":
            raise RuntimeError("the roof leaks")
        return PlainTextResponse("here", headers={"Content-Security-Policy": "default-src 'none'"})

    places = ["/", "/gradio_api/run/compare", "/gradio_api/upload", "/gradio_api/component_server", "/run-file/x", "/ui/broken"]
    return Starlette(routes=[Route(path, answer, methods=["GET", "POST"]) for path in places], middleware=middleware(welcome))


@pytest.fixture
def client() -> TestClient:
    return TestClient(served(), base_url=ORIGIN)


@pytest.mark.parametrize("path", ["/gradio_api/run/compare", "/gradio_api/upload", "/gradio_api/component_server", "/run-file/x"])
def test_pages_of_other_addresses_are_refused_at_every_route(client: TestClient, path: str) -> None:
    for origin in ("http://localhost:9999", "http://127.0.0.1:9999", "http://evil.example", "null", "http://127.0.0.1"):
        for method in ("POST", "GET"):
            answer = client.request(method, path, headers={"Origin": origin})
            assert (answer.status_code, answer.json()["error"]) == (
                403,
                "Another page asked this; the studio answers its own page, and programs.",
            )
    for site in ("cross-site", "same-site"):  # without a script: a form, an image
        assert client.get(path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status_code == 403
        assert client.post(path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}).status_code == 403
    assert client.post(path, headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}).status_code == 200
    assert client.post(path).status_code == 200  # a program


def test_a_link_from_another_page_is_followed(client: TestClient) -> None:
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status_code == 200


def test_behind_a_proxy_the_page_is_known_by_the_name_that_the_browser_has() -> None:
    client = TestClient(served(Welcome("0.0.0.0")), base_url=ORIGIN)
    asked = {"Origin": "https://studio.example", "X-Forwarded-Host": "studio.example"}
    assert client.post("/gradio_api/upload", headers=asked).status_code == 200
    assert client.post("/gradio_api/upload", headers={"Origin": "https://studio.example"}).status_code == 403


@pytest.mark.parametrize(
    ("welcome", "name", "status"),
    [
        (Welcome(), "evil.example", 400),
        (Welcome(), "127.0.0.1.evil.example", 400),
        (Welcome(), "192.168.1.5", 400),
        (Welcome(), "localhost:7860", 200),
        (Welcome(), "[::1]:7860", 200),
        (Welcome(names=("studio.example",)), "studio.example", 200),
        (Welcome("0.0.0.0"), "evil.example", 400),  # its name may lead here by rebinding
        (Welcome("0.0.0.0"), "lan.evil.example", 400),
        (Welcome("0.0.0.0"), "192.168.1.5:7860", 200),
        (Welcome("0.0.0.0"), "[fd00::1]", 200),
        (Welcome("0.0.0.0"), "studio.lan", 200),
        (Welcome("0.0.0.0"), "workstation", 200),
        (Welcome("0.0.0.0", names=("studio.example",)), "STUDIO.example:80", 200),
        (Welcome(public=True), "abc.example", 200),
    ],
)
def test_names_by_which_it_may_be_reached(welcome: Welcome, name: str, status: int) -> None:
    answer = TestClient(served(welcome), base_url=ORIGIN).get("/", headers={"Host": name})
    assert answer.status_code == status
    if status == 400:
        assert "--name" in answer.json()["error"]


def test_no_other_page_holds_it_in_a_frame_but_a_space_is_shown_in_one(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = client.get("/run-file/x").headers
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers.get_list("content-security-policy") == ["default-src 'none'", "frame-ancestors 'self'"]
    monkeypatch.setenv("SPACE_ID", "ada/studio")
    headers = TestClient(served(Welcome(public=True))).get("/").headers
    assert "x-frame-options" not in headers
    assert "frame-ancestors 'self' https://huggingface.co https://*.hf.space" in headers["content-security-policy"]


def test_what_waits_to_be_kept_has_an_end(client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(uploads, "MOST_ARRIVING", 1000)
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "a.png").write_bytes(b"x" * 600)
    assert client.post("/gradio_api/upload", content=b"x" * 300).status_code == 200
    answer = client.post("/gradio_api/upload", content=b"x" * 500)
    assert answer.status_code == 413 and answer.json()["error"].startswith("No more can be uploaded now")
    assert client.post("/gradio_api/run/compare", content=b"x" * 500).status_code == 200


def test_a_fault_is_answered_in_a_sentence(client: TestClient) -> None:
    answer = client.get("/ui/broken")
    assert (answer.status_code, answer.json()["error"]) == (
        500,
        "This failed for a reason of the studio's own; its log says where.",
    )


@pytest.fixture
def locked(jobs: Jobs) -> Iterator[str]:
    """The address of a studio with a login."""
    demo = build(jobs)
    options = launch_options(jobs, "127.0.0.1", free_port(), False, login=("ada", "a-long-password"))
    demo.launch(prevent_thread_lock=True, quiet=True, **options)
    yield demo.local_url.rstrip("/")
    demo.close()


@pytest.mark.filterwarnings("ignore")
def test_with_a_login_runs_are_read_and_begun_by_nobody_else(locked: str, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    run = jobs.submit("compare", {"prompt": "a cat", "pair": "test/dmd2"})
    (jobs.paths.run(run) / "artifacts" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    file = f"{locked}/run-file/{run}/artifacts/a.png"
    with httpx.Client(trust_env=False) as visitor, httpx.Client(trust_env=False) as stranger:
        answer = visitor.post(f"{locked}/login", data={"username": "ada", "password": "a-long-password"})
        assert answer.status_code == 200
        page = visitor.get(locked).text
        assert "Distillation Studio" in page and visitor.get(file).status_code == 200
        assert stranger.get(file).status_code == 401
        asked = {"data": [{"prompt": "a cat", "pair": "test/dmd2"}]}
        assert stranger.post(f"{locked}/gradio_api/run/compare", json=asked).status_code == 401
        assert stranger.post(f"{locked}/gradio_api/upload", files={"files": b"x"}).status_code == 401
        login = stranger.get(locked).text  # never the page that was made for somebody who had logged in
        assert re.search(r'"auth_required": ?true', login) and "test/dmd2" not in login
        wrong = stranger.post(f"{locked}/login", data={"username": "ada", "password": "x"})
        assert wrong.status_code == 400 and stranger.get(file).status_code == 401
    assert Client(locked, auth=("ada", "a-long-password"), verbose=False).predict(api_name="/runs")[0]["run"] == run


def test_who_opens_it_to_others_is_warned_and_may_ask_for_a_login(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("STUDIO_AUTH", "STUDIO_HOST", "STUDIO_NAMES", "STUDIO_SHARE", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    assert serve.open_to_all(serve.parse_options([])) == ""
    assert "can start jobs" in serve.open_to_all(serve.parse_options(["--host", "0.0.0.0"]))
    assert "can start jobs" in serve.open_to_all(serve.parse_options(["--share"]))
    monkeypatch.setenv("STUDIO_AUTH", "ada:a:long password")
    monkeypatch.setenv("STUDIO_NAMES", "studio.example, other.example")
    options = serve.parse_options(["--host", "0.0.0.0", "--name", "third.example"])
    assert options.auth == ("ada", "a:long password") and serve.open_to_all(options) == ""
    assert options.name == ["third.example", "studio.example", "other.example"]
    assert serve.parse_options([]).name == ["studio.example", "other.example"]
    with pytest.raises(SystemExit):
        serve.parse_options(["--auth", "ada"])
    assert "like ada:a-long-password" in capsys.readouterr().err
