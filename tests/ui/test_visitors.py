"""A public demo on which two people are at once: neither sees, opens, cancels or uses what the other has drawn."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from studio.core import demo, visitors
from studio.jobs.jobs import Jobs
from studio.jobs.run import read_spec
from studio.ui import visitors as at_the_door
from studio.ui.app import build, launch_options
from studio.ui.compare.form import CompareForm
from studio.ui.guard import Welcome
from studio.ui.routes import middleware
from tests.support.scripted_compare import ScriptedWorker
from tests.support.serving import free_port

pytestmark = pytest.mark.filterwarnings("ignore:.*no_silent_downcasting", "ignore::DeprecationWarning")
ASKED = {"prompt": "a cat", "pair": "test/dmd2", "seeds": [4], "arms": ["teacher", "student"]}
KEYS = ("a-text-that-only-ada-knows", "a-text-that-only-bob-knows", "")  # agents send one


@pytest.fixture
def url(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("STUDIO_DEMO", "1")
    page = build(jobs)
    page.launch(prevent_thread_lock=True, quiet=True, **launch_options(jobs, "127.0.0.1", free_port(), False))
    yield page.local_url.rstrip("/")
    page.close()


@pytest.fixture
def two(url: str) -> tuple[Client, Client]:
    return Client(url, verbose=False), Client(url, verbose=False)


def http(url: str, client: Client) -> httpx.Client:
    """The same visitor, asking by plain HTTP."""
    return httpx.Client(base_url=url, cookies=client.cookies)


def test_two_visitors_know_their_own_runs_alone(url: str, two: tuple[Client, Client], worker: ScriptedWorker, jobs: Jobs) -> None:
    ada, bob = two
    hers, his = (one.predict(ASKED, api_name="/compare")["run"] for one in two)
    operators = jobs.submit("compare", ASKED)
    assert ada.predict(hers, 30, api_name="/wait")["state"] == "done"
    for client, own in ((ada, hers), (bob, his)):
        assert [one["run"] for one in client.predict(api_name="/runs")] == [own]
    for run in (his, operators):
        for endpoint in ("job", "wait", "events", "files", "run_state", "cancel"):
            with pytest.raises(AppError, match=f"There is no run {run}; it may have been deleted."):
                ada.predict(run, api_name=f"/{endpoint}")
        with pytest.raises(AppError, match="There is no run"):
            ada.predict({"source": run}, api_name="/scrub")
        with http(url, ada) as asks:
            assert asks.get(f"/run-state/{run}").status_code == 404
    with http(url, ada) as hers_alone, http(url, bob) as his_alone:
        assert hers_alone.get(f"/run-state/{hers}").json()["state"] == "done"  # and kept for whoever asks next
        assert his_alone.get(f"/run-state/{hers}").status_code == 404
        assert httpx.get(f"{url}/run-state/{hers}").status_code == 404
    with pytest.raises(AppError, match=f"The states of run {hers} were not kept"):  # looked at: it is hers
        ada.predict({"source": hers}, api_name="/scrub")


def test_an_address_of_a_picture_may_be_passed_on_as_nobody_can_guess_it(
    url: str, two: tuple[Client, Client], worker: ScriptedWorker, jobs: Jobs
) -> None:
    hers = two[0].predict(ASKED, api_name="/compare")["run"]
    told = two[0].predict(hers, 30, api_name="/wait")
    assert re.fullmatch(r"\d{8}-\d{6}-\d{3}-[a-z2-7]{26}", hers)
    picture = told["result"]["arms"][0]["images"][0]["url"]
    assert httpx.get(f"{url}/{picture}").status_code == 200
    operators = jobs.submit("compare", ASKED)
    (jobs.paths.run(operators) / "artifacts" / "a.png").write_bytes(b"")
    assert httpx.get(f"{url}/run-file/{operators}/artifacts/a.png").status_code == 404  # an id that can be guessed


def test_the_page_of_a_demo_begins_with_what_it_draws(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def begins() -> str:
        with gr.Blocks():
            return str(CompareForm(jobs).seeds.value)

    assert begins() == "16"
    monkeypatch.setenv("STUDIO_DEMO", "1")
    assert begins() == str(demo.limits().seeds)


def test_what_is_kept_of_a_visitor_is_a_digest(url: str, two: tuple[Client, Client], jobs: Jobs) -> None:
    run = two[0].predict(ASKED, api_name="/compare")["run"]
    (secret,) = two[0].cookies.values()
    assert read_spec(jobs.paths.run(run)).visitor == visitors.known_by(secret).id
    kept = [path.read_bytes() for path in jobs.paths.root.rglob("*") if path.is_file()]
    assert kept and not any(secret.encode() in one for one in kept)
    (jobs.paths.root / "index.db").unlink()  # the directory is the truth
    assert [one["run"] for one in two[0].predict(api_name="/runs")] == [run]
    assert two[1].predict(api_name="/runs") == []


def test_outside_of_a_demo_runs_are_everybodys(jobs: Jobs) -> None:
    run = jobs.submit("compare", ASKED)
    assert "visitor" not in (jobs.paths.run(run) / "spec.json").read_text()
    assert len(run) == len("20260131-093000-123-abcdef")


def test_who_gives_no_cookie_is_known_by_a_header_or_the_session_of_the_page(url: str) -> None:
    def post(name: str, value: object, session: str = "", **headers: str) -> httpx.Response:
        body: dict[str, Any] = {"data": [value]} | ({"session_hash": session} if session else {})
        return httpx.post(f"{url}/gradio_api/run/{name}", json=body, headers=headers)

    nobody = post("compare", ASKED)
    assert (nobody.status_code, nobody.json()["error"]) == (400, demo.KNOWN_BY)
    assert post("compare", ASKED, **{"X-Studio-Visitor": "too short"}).status_code == 400
    run = post("compare", ASKED, session="k2jd93kd02kd").json()["data"][0]["run"]
    assert post("job", run, session="k2jd93kd02kd").json()["data"][0]["run"] == run
    assert post("job", run, session="k2jd93kd02ke").status_code == 400
    assert post("job", run).status_code == 400
    key = {"X-Studio-Visitor": "a-text-that-nobody-else-knows"}
    run = post("compare", ASKED, **key).json()["data"][0]["run"]
    assert httpx.get(f"{url}/run-state/{run}", headers=key).json()["run"] == run
    assert httpx.get(f"{url}/run-state/{run}").status_code == 404


def test_who_asks_too_often_is_told_when_to_try_again(url: str, jobs: Jobs) -> None:
    def post(who: str) -> httpx.Response:
        return httpx.post(f"{url}/gradio_api/run/compare", json={"data": [ASKED]}, headers={"X-Studio-Visitor": who})

    for _ in range(demo.Limits().own_waiting):
        assert post(KEYS[0]).status_code == 200
    refused = post(KEYS[0])
    assert refused.status_code == 429
    assert refused.json()["error"].startswith(
        "3 of your runs are waiting, and a public demo keeps 3; try again when one has ended"
    )
    assert all(httpx.get(f"{url}/config").status_code == 200 for _ in range(20)) and post(KEYS[1]).status_code == 200


def served() -> Starlette:
    async def answer(request: Request) -> Response:
        return JSONResponse({"id": visitors.now().id, "address": visitors.now().address}, headers={"Cache-Control": "public"})

    async def echo(request: Request) -> Response:
        return JSONResponse({"id": visitors.now().id, "body": (await request.body()).decode()})

    places = [*(Route(path, answer) for path in ("/", "/config", "/job")), Route("/echo", echo, methods=["POST"])]
    return Starlette(routes=places, middleware=middleware(Welcome()))


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TestClient]:
    def open_door(space: bool, peer: str = "127.0.0.1", port: int = 50_000) -> TestClient:
        monkeypatch.setenv("STUDIO_DEMO", "1")
        if space:
            monkeypatch.setenv("SPACE_ID", "ada/studio")
        scheme = "https" if space else "http"
        return TestClient(served(), base_url=f"{scheme}://127.0.0.1:7860", client=(peer, port))

    return open_door


@pytest.mark.parametrize(
    ("space", "name", "kind"),
    [(False, "studio-visitor", "HttpOnly; SameSite=Lax"),
     (True, "__Host-studio-visitor", "HttpOnly; Secure; SameSite=None; Partitioned")],
)  # fmt: skip
def test_the_cookie_is_given_once_with_the_page_and_is_kept_by_no_cache(
    door: Callable[..., TestClient], space: bool, name: str, kind: str
) -> None:
    client = door(space)
    assert "set-cookie" not in client.get("/job").headers
    answer = client.get("/config")
    given = answer.headers["set-cookie"]
    assert re.fullmatch(rf"{name}=[\w-]{{43}}; Max-Age=31536000; Path=/; {kind}", given)
    assert answer.headers["cache-control"] == "no-store"
    secret = given.partition("=")[2].partition(";")[0]
    kept = {"Cookie": f"{name}={secret}"}
    client.cookies.clear()
    assert client.get("/job", headers=kept).json()["id"] == visitors.known_by(secret).id
    assert "set-cookie" not in client.get("/config", headers=kept).headers
    assert "set-cookie" in client.get("/config", headers={"Cookie": f"{name}=chosen"}).headers


@pytest.mark.parametrize(
    ("space", "peer", "port", "forwarded", "address"),
    [
        (True, "10.0.0.7", 443, "6.6.6.6, 9.9.9.9, 10.1.2.3", "9.9.9.9"),  # what stands before may be anybody's
        (True, "10.0.0.7", 443, "2001:4860:4860::8888", "2001:4860:4860::/64"),
        (True, "10.0.0.7", 443, "nonsense", "10.0.0.7"),
        (False, "192.168.1.9", 50_000, "9.9.9.9", "192.168.1.9"),
        (False, "9.9.9.9", 0, "9.9.9.9", "this machine"),  # as uvicorn rewrites what a program here sends
    ],
)
def test_the_address_is_told_by_a_header_on_a_space_alone(
    door: Callable[..., TestClient], space: bool, peer: str, port: int, forwarded: str, address: str
) -> None:
    assert door(space, peer, port).get("/job", headers={"X-Forwarded-For": forwarded}).json()["address"] == address


def test_a_session_is_looked_for_in_small_json_and_the_request_is_whole_afterwards(door: Callable[..., TestClient]) -> None:
    client, session = door(False), "k2jd93kd02kd"
    sent = json.dumps({"session_hash": session})
    answer = client.post("/echo", content=sent, headers={"Content-Type": "application/json"})
    assert answer.json() == {"id": visitors.known_by(session).id, "body": sent}
    large = json.dumps({"session_hash": session, "more": "x" * at_the_door.MOST_READ})
    for other, kind in (("[1]", "json"), ("{", "json"), (large, "json"), (sent, "text")):
        assert client.post("/echo", content=other, headers={"Content-Type": f"application/{kind}"}).json() == {
            "id": "",
            "body": other,
        }


def test_an_agent_is_known_by_the_header(url: str, worker: ScriptedWorker) -> None:
    async def talk(headers: dict[str, str]) -> list[Any]:
        place = streamablehttp_client(f"{url}/gradio_api/mcp/", headers=headers)
        async with place as (reading, writing, _), ClientSession(reading, writing) as session:
            await session.initialize()
            made = await session.call_tool("compare", {"request": ASKED})
            return [made.isError, made.content[0].text, (await session.call_tool("runs", {})).content[0].text]

    with ThreadPoolExecutor(1) as thread:
        found = {name: thread.submit(lambda name=name: asyncio.run(talk({"X-Studio-Visitor": name}))).result() for name in KEYS}
    for name in KEYS[:2]:
        failed, made, listed = found[name]
        assert not failed and [one["run"] for one in json.loads(listed)] == [json.loads(made)["run"]]
    assert found[""][0] and demo.KNOWN_BY in found[""][1] and json.loads(found[""][2]) == []
