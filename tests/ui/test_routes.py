"""What is served beside Gradio: runs' files and nothing near them."""

from __future__ import annotations

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from studio.jobs.jobs import Jobs
from studio.ui.kit import pictures, scripts
from studio.ui.kit.theme import LOOK
from studio.ui.routes import routes

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def run_id(jobs: Jobs) -> str:
    run_id = jobs.submit("compare", {"prompt": "a cat", "pair": "test/dmd2"})
    folder = jobs.paths.run(run_id)
    (folder / "artifacts" / "student").mkdir()
    (folder / "artifacts" / "student" / "0.png").write_bytes(PNG)
    (folder / "artifacts" / "student" / "0.html").write_text("<script>")
    (folder / "artifacts" / "student" / "0.svg").write_text("<svg>")
    (folder / "artifacts" / "away.png").symlink_to(folder / "spec.json")
    return run_id


@pytest.fixture
def client(jobs: Jobs) -> TestClient:
    return TestClient(Starlette(routes=routes(jobs)))


def test_a_picture_is_served_as_it_was_saved(client: TestClient, run_id: str) -> None:
    answer = client.get(f"/run-file/{run_id}/artifacts/student/0.png")
    assert answer.status_code == 200
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_saved_page_is_saved_and_never_opened_here(client: TestClient, run_id: str) -> None:
    answer = client.get(f"/run-file/{run_id}/artifacts/student/0.html")
    assert answer.headers["content-disposition"] == 'attachment; filename="studio-0.html"'
    assert answer.headers["content-security-policy"] == "default-src 'none'"


def test_a_report_opens_without_scripts_and_apart_from_the_page(jobs: Jobs, client: TestClient, run_id: str) -> None:
    folder = jobs.paths.run(run_id) / "artifacts" / "report"
    folder.mkdir()
    (folder / "audit.html").write_text("<h1>Audit</h1>")
    answer = client.get(f"/run-file/{run_id}/artifacts/report/audit.html")
    assert "content-disposition" not in answer.headers and answer.text == "<h1>Audit</h1>"
    said = answer.headers["content-security-policy"]
    assert said.startswith("sandbox; default-src 'none'") and "script" not in said


@pytest.mark.parametrize(
    "path",
    [
        "spec.json",
        "artifacts/../spec.json",
        "artifacts/%2e%2e/spec.json",
        "artifacts/away.png",
        "artifacts/student/0.svg",
        "artifacts/student/1.png",
        "artifacts/student",
        "/etc/passwd",
        "..%2f..%2findex.db",
    ],
)
def test_nothing_else_of_the_data_folder_is_served(client: TestClient, run_id: str, path: str) -> None:
    assert client.get(f"/run-file/{run_id}/{path}").status_code == 404


@pytest.mark.parametrize("run", ["..", "%2e%2e", "20260131-093000-123-abcdef", "x" * 300])
def test_only_runs_have_files(client: TestClient, run: str) -> None:
    assert client.get(f"/run-file/{run}/artifacts/student/0.png").status_code == 404


def test_the_page_brings_its_own_fonts_and_plotly(client: TestClient) -> None:
    assert client.get("/ui/fonts/inter.woff2").status_code == 200
    assert client.get("/ui/plotly.min.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/ui/fonts/../js/board.js").status_code == 404


def test_scripts_are_kept_by_the_browser_under_their_version_and_under_no_other(client: TestClient) -> None:
    answer = client.get(f"/{scripts.ADDRESS}/{scripts.version()}/compare/board.js")
    assert answer.text == (LOOK / "compare" / "board.js").read_text(encoding="utf-8")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    older = client.get(f"/{scripts.ADDRESS}/0000/compare/board.js")  # of a page that was open during an update
    assert (older.text, older.headers["cache-control"]) == (answer.text, "no-store")


@pytest.mark.parametrize("name", ["compare/nothing.js", "kit/studio.css", "../../pyproject.toml", "%2e%2e/fonts/inter.woff2", ""])
def test_nothing_but_scripts_is_served_as_a_script(client: TestClient, name: str) -> None:
    assert client.get(f"/{scripts.ADDRESS}/{scripts.version()}/{name}").status_code == 404


def test_pictures_of_the_page_are_served_under_their_digest(client: TestClient) -> None:
    address = pictures.address(Image.new("RGB", (8, 8), "plum"))
    assert pictures.address(Image.new("RGB", (8, 8), "plum")) == address
    answer = client.get(f"/{address}")
    assert (answer.headers["content-type"], answer.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert client.get(f"/{pictures.ADDRESS}/0000.jpg").status_code == 404
