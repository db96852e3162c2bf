"""Whatever is sent to the page's server: an answer below 500 that says why, and no traceback in its log."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from studio.jobs.jobs import Jobs
from studio.ui.app import build, launch_options
from tests.support.method_catalogue import stock
from tests.support.properties import HealthCheck, given, settings, st
from tests.support.serving import free_port

pytestmark = pytest.mark.filterwarnings("ignore")  # Gradio warns of each odd call

API = ["compare", "run_state", "cancel", "runs", "models", "picture", "start_job", "background", "job", "ask_job", "add_model",
       "look_at_model", "remove_model", "no_such_thing"]  # fmt: skip
EXAMPLES = 100  # of each of the three tests


class Site:
    """A server in this process: `.http` asks it."""

    def __init__(self, jobs: Jobs):
        self.jobs, self.demo = jobs, build(jobs)
        self.demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(jobs, "127.0.0.1", free_port(), False))
        self.http = httpx.Client(base_url=self.demo.local_url, timeout=30, trust_env=False)

    def call(self, name: str, *data: object, **more: object) -> httpx.Response:
        body = json.dumps({"data": data, **more})  # may hold NaN, as Python writes it
        return self.http.post(f"/gradio_api/run/{name}", content=body, headers={"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    from studio.library.stock import open_jobs

    made = Site(open_jobs(stock(tmp_path_factory.mktemp("data"))))
    yield made
    made.http.close()
    made.demo.close()


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["pocket/dmd2", "a cat", "../..", "\x00", "20260131-093000-123-abcdef", "distill", "1e999", "[[", "nan"]),
)  # fmt: skip
FIELDS = st.sampled_from(
    ["prompt", "pair", "seeds", "arms", "kind", "run", "action", "model", "token", "place", "holds", "adapters", "hints", "name",
     "steps", "settings", "trainer", "teacher", "objective", "limit", "files", "meta", "path"]
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS | st.text(max_size=8), inner, max_size=5),
    max_leaves=12,
)
MANY = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def well_refused(answer: httpx.Response) -> None:
    assert answer.status_code < 500, (answer.status_code, answer.text[:300])
    if answer.status_code != 200:
        said = answer.json()
        sentence = said.get("error") or said.get("detail")
        assert sentence, answer.text
        assert "Traceback" not in str(sentence) and "/site-packages/" not in str(sentence)


def quiet(capfd: pytest.CaptureFixture[str]) -> None:
    told = capfd.readouterr()
    assert "Traceback" not in told.err + told.out, (told.err + told.out)[:3000]


def test_odd_objects_at_every_endpoint(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    @MANY
    @given(st.sampled_from(API), st.lists(VALUES, max_size=2) | st.tuples(VALUES).map(list))
    def each(name: str, data: list[Any]) -> None:
        well_refused(site.call(name, *data))

    each()
    quiet(capfd)


def test_odd_values_at_every_event_of_the_page(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    events = sorted(site.demo.fns)

    @MANY
    @given(st.sampled_from([*events, -1, 10**6]), st.data(), st.none() | VALUES, st.sampled_from([None, "", "a", "b" * 300]))
    def each(event: int, draw: Any, event_data: object, session: str | None) -> None:
        n = len(site.demo.fns[event].inputs) if event in events else 1
        data = draw.draw(st.lists(VALUES, min_size=n, max_size=n) | st.lists(VALUES, max_size=3))
        more = {"session_hash": session} if session is not None else {}
        well_refused(site.call("predict", *data, fn_index=event, event_data=event_data, **more))

    each()
    quiet(capfd)


PATHS = ["run/compare", "run/predict", "api/runs", "call/compare", "call/v2/compare", "call/v2/nothing", "queue/join", "upload",
         "component_server", "cancel", "reset", "stream/x", "process_recording", "vibe-code/", "nothing"]  # fmt: skip
GETS = ["run-file/{}/artifacts/0.png", "run-file/{}", "ui/scripts/{}/a.js", "ui/pictures/{}", "ui/fonts/{}", "static/{}",
        "assets/{}", "gradio_api/file={}", "gradio_api/proxy={}", "gradio_api/stream/{}/a/1/playlist.m3u8", "pwa_icon/{}",
        "gradio_api/custom_component/{}/client/x/y", "gradio_api/upload_progress?upload_id={}", "monitoring/{}",
        "?deep_link={}", "?__theme={}"]  # fmt: skip


def test_odd_bodies_and_addresses(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    body = st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode()) | st.just(b"[" * 100_000)
    kinds = ["application/json", "multipart/form-data; boundary=b", "multipart/form-data", "text/plain", "\xff".encode("latin-1")]
    name = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)

    @MANY
    @given(st.sampled_from(PATHS), body, st.sampled_from(kinds), st.sampled_from(GETS), name)
    def each(path: str, content: bytes, kind: str | bytes, get: str, named: str) -> None:
        answer = site.http.post(f"/gradio_api/{path}", content=content, headers={"Content-Type": kind})
        assert answer.status_code < 500, (path, answer.text[:300])
        answer = site.http.get("/" + get.format(httpx.QueryParams({"x": named}).__str__()[2:]))
        assert answer.status_code < 500, (get, named, answer.text[:300])

    each()
    quiet(capfd)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("runs", float("nan"), "limit is nan; a whole number from 1 to 200 fits."),
        ("background", "many", "limit is 'many'; a whole number from 1 to 200 fits."),
        ("start_job", {"kind": [1]}, "The kind of a job is its name"),
        ("start_job", [1], "A request is an object with named fields, like kind, not [1]."),
        ("look_at_model", "x", "A request is an object with named fields, like model, not 'x'."),
        ("cancel", "x", "'x' is not a run id"),
    ],
)
def test_a_refusal_is_a_400_with_its_sentence(site: Site, name: str, given: object, sentence: str) -> None:
    answer = site.call(name, given)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_too_few_and_too_many_values_are_said(site: Site) -> None:
    assert site.call("run_state").json()["error"] == "/run_state takes 1 value in a list, not 0."
    assert site.call("models", 1).json()["error"] == "/models takes 0 values in a list, not 1."
    with pytest.raises(AppError, match="is not a run id"):
        Client(site.demo.local_url, verbose=False).predict("nope", api_name="/run_state")


def test_odd_files_of_a_run_are_passed_over(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    run = site.call("compare", {"prompt": "a cat", "pair": "test/dmd2"}).json()["data"][0]["run"]
    folder = site.jobs.paths.run(run)
    whole = (folder / "events.jsonl").read_text()
    for kind in ("state", "progress", "notice", "arm", "images", "measures", "strip", "plan", "seeds"):
        whole += json.dumps({"n": 9, "time": 1.0, "kind": kind}) + "\n"
    done = json.dumps({"n": 10, "time": 2.0, "kind": "state", "state": "done", "note": ""}) + "\n"
    for odd in ('{"arms": 3, "notices": 4}', '{"arms": [1], "seeds": "x"}', "[" * 5000, '{"arms": NaN}', "{"):
        (folder / "result.json").write_text(odd)
        (folder / "events.jsonl").write_text(whole + done)
        for name in ("run_state", "job"):
            well_refused(site.call(name, run))
            assert site.call(name, run).status_code == 200, odd
    quiet(capfd)


def test_a_locked_index_is_said_and_is_nobodys_mistake(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(site.jobs.store, "_open", locked)
    answer = site.call("runs", 3)
    assert answer.status_code == 503
    assert answer.json()["error"] == "The index of runs is busy with somebody else's change; try again in a moment."


def test_a_fault_of_our_own_is_one_line_that_names_its_place(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the roof leaks")

    monkeypatch.setattr(site.jobs.store, "select", broken)
    answer = site.call("runs", 3)
    assert answer.status_code == 500 and answer.json()["error"].startswith("This failed for a reason of the studio's own")
    (line,) = [record.getMessage() for record in caplog.records if "roof" in record.getMessage()]
    assert "RuntimeError: the roof leaks at" in line and "studio/jobs/register.py" in line and "\n" not in line
    quiet(capfd)


def test_a_fault_of_a_handler_of_the_page_is_not_taken_for_an_odd_value(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(run_id: object, *_: object) -> None:
        raise (TypeError if isinstance(run_id, str) else KeyError)(f"the lock is rusty, not {run_id!r}")

    tick = next(id for id, fn in site.demo.fns.items() if fn.fn and fn.fn.__qualname__ == "DrawTab.tick")
    monkeypatch.setattr(site.jobs, "get", broken)
    page, odd = ([site.call("predict", sent, fn_index=tick)] for sent in ("20260131-093000-123-abcdef", 3))
    assert [answer.status_code for answer in (*page, *odd)] == [500, 400]
    assert page[0].json()["error"].startswith("This failed for a reason of the studio's own")
    assert [line for line in caplog.messages if line.startswith("TypeError: the lock is rusty") and "draw_tab.py" in line]
    quiet(capfd)
