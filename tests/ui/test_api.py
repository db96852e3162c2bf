"""The whole page served and called as a client calls it; and what starting it costs."""

from __future__ import annotations

import base64
import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio import http_server
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.jobs.paths import ROOT
from studio.ui import serve as entry
from studio.ui.app import build, launch_options
from tests.support.scripted_compare import ScriptedWorker
from tests.support.serving import free_port, serving

# Gradio asks pandas for an option that pandas is about to drop; not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:.*no_silent_downcasting")


@pytest.fixture
def client(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    demo = build(jobs)
    demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(jobs, "127.0.0.1", free_port(), False))
    yield Client(demo.local_url, verbose=False)
    demo.close()


def test_every_action_is_an_endpoint_that_takes_one_typed_object(client: Client, worker: ScriptedWorker) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    kinds = {kind.name for kind in KINDS.all()} - {"fetch_model"}
    following = {"start_job", "job", "wait", "events", "files", "run_state", "cancel", "ask_job", "picture"}
    listing = {"runs", "background", "kinds", "models", "adapters", "controlnets", "subjects", "methods"}
    models = {"search_models", "add_model", "look_at_model", "download_model", "remove_model"}
    assert set(endpoints) == {f"/{name}" for name in kinds | following | listing | models}
    for end in endpoints.values():
        assert len([given for given in end["parameters"] if not given["parameter_has_default"]]) <= 1
        assert end["description"] and end["returns"][0]["type"] != {}

    request = {"prompt": "a cat", "pair": "test/dmd2", "seeds": [4, 2], "arms": ["teacher", "student"]}
    run = client.predict(request, api_name="/compare")["run"]
    for _ in range(100):
        state = client.predict(run, api_name="/run_state")
        if state["state"] == "done":
            break
        time.sleep(0.05)
    assert state["state"] == "done"
    assert [i["seed"] for i in state["result"]["arms"][1]["images"]] == [4, 2]
    address = client.src + state["result"]["arms"][1]["images"][0]["url"]
    saved = base64.b64encode(httpx.get(address).content).decode()
    carried = client.predict(saved, api_name="/picture")
    assert (carried["run"], carried["seed"]) == (run, 4)
    assert client.predict(carried["request"], api_name="/compare")["run"] != run  # drawn again from the picture alone
    with pytest.raises(AppError, match="not base64"):
        client.predict("../index.db", api_name="/picture")
    assert client.predict(run, api_name="/cancel")["state"] == "done"  # harmless afterwards
    assert run in [found["run"] for found in client.predict(api_name="/runs")]
    assert {model["id"] for model in client.predict(api_name="/models")} >= {"test/teacher", "test/dmd2"}

    with pytest.raises(AppError, match="no field 'sead'. Did you mean 'seeds'"):
        client.predict({"prompt": "a cat", "sead": 1}, api_name="/compare")
    asked = {**request, "arms": ["student", "cads", "blend"]}
    cured = client.predict(asked, api_name="/compare")["run"]
    for _ in range(100):
        state = client.predict(cured, api_name="/run_state")
        if state["state"] == "done":
            break
        time.sleep(0.05)
    assert [arm["arm"] for arm in state["result"]["arms"]] == ["student", "cads", "blend"]
    with pytest.raises(AppError, match="particles works on the seeds"):
        client.predict({**request, "arms": ["particles"], "seeds": [1]}, api_name="/compare")
    with pytest.raises(AppError, match="There is no run"):
        client.predict("20260131-093000-123-abcdef", api_name="/run_state")


def addresses(value: Any) -> Iterator[str]:
    """Every address and every name of a file in an answer."""
    if isinstance(value, dict):
        for found in value.values():
            yield from addresses(found)
    elif isinstance(value, list):
        for found in value:
            yield from addresses(found)
    elif isinstance(value, str) and ("run-file/" in value or "artifacts/" in value):
        yield value


@pytest.mark.slow
def test_what_was_drawn_is_read_from_outside_whatever_kind_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`app.py` in a process of its own, with its workers and the nano models, and a client that knows its address alone."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    draw = {"prompt": "a red house", "pair": "nano/dmd2", "seeds": [3, 1], "arms": ["teacher", "student"], "teacher_steps": 4}
    with serving(tmp_path) as site:
        client = Client(site.address, verbose=False)

        def drawn(job: dict[str, Any]) -> dict[str, Any]:
            run = client.predict(job, api_name="/start_job")["run"]
            deadline = time.monotonic() + 120
            while (state := client.predict(run, api_name="/run_state"))["state"] != "done":
                assert state["state"] in ("queued", "loading", "running"), state["note"]
                assert time.monotonic() < deadline, state
                time.sleep(0.1)
            told = client.predict(run, api_name="/job")
            assert (told["kind"], told["state"], told["result"]) == (job["kind"], "done", state["result"])
            for address in addresses(state):
                assert address.startswith(f"run-file/{run}/artifacts/")
                answer = httpx.get(client.src + address)
                assert answer.status_code == 200, address
                if address.endswith((".png", ".jpg")):
                    Image.open(io.BytesIO(answer.content)).verify()
                else:
                    answer.json()
            return state

        state = drawn({"kind": "compare", **draw})
        assert len(set(addresses(state))) == 4
        assert [image["seed"] for arm in state["result"]["arms"] for image in arm["images"]] == [3, 1, 3, 1]

        scrub = drawn({"kind": "scrub", "draw": draw, "states": True})
        assert len(set(addresses(scrub))) == 4 + 2 * (4 + 4) + 1
        assert [(row["arm"], len(row["steps"])) for row in scrub["rows"]] == [("teacher", 4), ("student", 4)]
        assert all(len(row["strips"]) == len(row["noisy"]) == 4 for row in scrub["rows"])
        taken = drawn({"kind": "scrub", "source": scrub["run"], "branches": [{"arm": "student", "step": 2, "noise": 1}]})
        assert taken["rows"][2]["branch"]["step"] == 2
        assert all(taken["rows"][2]["strips"])

        state = drawn({"kind": "control", "draw": draw, "vary": {"id": "nano/size"}, "strengths": [-1, 0, 1]})
        assert len(set(addresses(state))) == 2 * 2 * 3
        assert {(cell["arm"], cell["strength"]) for cell in state["result"]["cells"]} == {
            (arm, strength) for arm in ("teacher", "student") for strength in (-1.0, 0.0, 1.0)
        }

        picture = client.src + next(addresses(state))
        assert httpx.get(picture, headers={"Host": "evil.example"}).status_code == 400
        assert "access-control-allow-origin" not in httpx.get(picture, headers={"Origin": "http://evil.example"}).headers

        measured = client.predict({"kind": "mixture"}, api_name="/start_job")["run"]
        with pytest.raises(AppError, match=f"Run {measured} is a mixture job; /job says how it stands"):
            client.predict(measured, api_name="/run_state")


def test_a_background_job_is_queued_asked_and_removed_from_outside(client: Client) -> None:
    spec = {"kind": "distill", "name": "from-outside", "teacher": "test/teacher", "objective": "lcm", "steps": 20}
    first = client.predict(spec, api_name="/start_job")
    second = client.predict({**spec, "name": "after-it"}, api_name="/start_job")
    assert (first["ahead"], second["ahead"]) == (0, 1)
    found = client.predict(second["run"], api_name="/job")
    assert (found["kind"], found["state"], found["request"]["steps"], found["result"]) == ("distill", "queued", 20, None)
    assert client.predict({"run": second["run"], "action": "up"}, api_name="/ask_job")["state"] == "queued"
    assert client.predict(second["run"], api_name="/job")["ahead"] == 0
    assert client.predict({"run": first["run"], "action": "pause"}, api_name="/ask_job")["state"] == "paused"
    assert client.predict({"run": first["run"], "action": "delete"}, api_name="/ask_job")["state"] == "deleted"
    assert [job["run"] for job in client.predict(api_name="/background")] == [second["run"]]
    for wrong, sentence in (
        ({**spec, "name": "x", "objectiv": "lcm"}, "no field 'objectiv'"),
        ({**spec, "name": "x", "steps": 10**9}, "10,000,000|10000000"),
        ({**spec, "name": "../x"}, "does not fit"),
        ({**spec, "kind": "distil"}, "no kind of job called 'distil'"),
    ):
        with pytest.raises(AppError, match=sentence):
            client.predict(wrong, api_name="/start_job")
    with pytest.raises(AppError, match="Nothing here is called 'explode'"):
        client.predict({"run": second["run"], "action": "explode"}, api_name="/ask_job")


def test_an_evaluation_is_started_from_outside_with_candidates_as_text(client: Client) -> None:
    asked = {
        "kind": "evaluate",
        "candidates": "nano/dmd2@hybrid-1 + nano/size=0.5; nano/teacher",
        "prompts": "a cat",
        "seeds": "2",
    }
    run = client.predict(asked, api_name="/start_job")["run"]
    found = client.predict(run, api_name="/job")
    assert (found["kind"], found["state"], found["request"]["seeds"]) == ("evaluate", "queued", [0, 1])
    first = found["request"]["candidates"][0]
    assert (first["model"], first["arm"], first["adapters"][0]["strength"]) == ("nano/dmd2", "hybrid-1", 0.5)
    with pytest.raises(AppError, match="draw different things and cannot be compared"):
        client.predict({**asked, "candidates": "nano/dmd2; pocket/dmd2"}, api_name="/start_job")


def test_the_page_is_built_without_torch() -> None:
    code = (
        "import sys\nfrom studio.library.stock import open_jobs\nfrom studio.jobs.supervisor import Supervisor\n"
        "from studio.ui.app import build\nimport tempfile\nbuild(open_jobs(tempfile.mkdtemp()))\n"
        "print(sorted({'torch', 'diffusers', 'transformers', 'plotly'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_gradio_is_imported_without_touching_its_own_package() -> None:
    code = (
        "import inspect\nbefore = inspect.getfile\nfrom studio.ui.kit.import_gradio import import_gradio\nimport_gradio()\n"
        "import gradio, gradio.component_meta as meta\nassert inspect.getfile is before\n"
        "assert callable(gradio.Button('b', render=False).click)\n"
        "assert inspect.getfile(gradio.Button).endswith('button.py')\nprint('well')"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "well"


def test_options_come_from_the_command_line_then_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "DEVICE", "DATA_DIR", "SHARE"):
        monkeypatch.delenv(f"STUDIO_{name}", raising=False)
    plain = entry.parse_options([])
    assert (plain.host, plain.port, plain.device, plain.data_dir, plain.share) == ("127.0.0.1", None, None, None, False)
    monkeypatch.setenv("STUDIO_PORT", "8000")
    monkeypatch.setenv("STUDIO_SHARE", "1")
    assert entry.parse_options([]).port == 8000
    assert entry.parse_options([]).share is True
    assert entry.parse_options(["--port", "8001"]).port == 8001
    with pytest.raises(SystemExit):
        entry.parse_options(["--port", "many"])


def test_a_data_folder_that_cannot_be_one_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["--data-dir", str(ROOT / "assets")]) == 2
    assert "may not lie inside assets/" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the server's that found no port
def test_a_port_lost_to_another_studio_at_the_last_moment_is_not_the_end(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    first, run = free_port(), http_server.Server.run_in_thread
    monkeypatch.setattr(http_server, "INITIAL_PORT_VALUE", first)
    with socket.socket() as other:

        def too_late(server: http_server.Server) -> None:
            if server.config.port == first:
                other.bind(("127.0.0.1", first))
                other.listen()
            run(server)

        monkeypatch.setattr(http_server.Server, "run_in_thread", too_late)
        demo = entry.served(jobs, entry.parse_options([]))
        try:
            assert other.getsockname()[1] == first != demo.server_port
            assert httpx.get(f"{demo.local_url}config").status_code == 200
        finally:
            demo.close()
