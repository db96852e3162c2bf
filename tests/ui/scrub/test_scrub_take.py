"""What is taken away from a scrub run: moving pictures, a contact sheet, one file that scrubs by itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from studio.capabilities.scrub import exports
from studio.jobs.jobs import Jobs
from studio.ui.kit.exports import saving
from studio.ui.scrub.scrub_runs import Scrubs
from studio.ui.scrub.scrubber import Take, offline_page
from tests.support.scripted_scrub import SIDE, finished

DRAWN = {"seeds": [3, 5, 8], "teacher_steps": 6}


@pytest.fixture
def run_id(jobs: Jobs) -> str:
    return finished(jobs, **DRAWN)


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_a_seed_moves_through_all_its_steps_and_rests_at_the_end(jobs: Jobs, run_id: str, kind: str) -> None:
    path = exports.animation(jobs.paths.run(run_id), kind, arm="teacher", seed=5)
    with Image.open(path) as picture:
        assert picture.format == kind.upper()
        assert (picture.n_frames, picture.size) == (6, (SIDE, SIDE))
        picture.seek(0)
        first = np.asarray(picture.convert("RGB"), float)
        picture.seek(5)
        last = np.asarray(picture.convert("RGB"), float)
    with Image.open(jobs.artifact(run_id, "artifacts/teacher/step-005.jpg")) as strip:
        wanted = np.asarray(strip.convert("RGB"), float)[:, SIDE : 2 * SIDE]
    assert np.abs(last - wanted).mean() < 8  # the second seed of three
    assert np.abs(first - wanted).mean() > 20


def test_the_wall_moves_by_noise_level_or_by_step(jobs: Jobs, run_id: str) -> None:
    folder = jobs.paths.run(run_id)
    reel = exports.open_reel(folder)
    with (
        Image.open(exports.animation(folder, "webp")) as by_noise,
        Image.open(exports.animation(folder, "webp", "step")) as by_step,
    ):
        assert by_noise.n_frames == reel.ticks == len(reel.levels)
        assert by_step.n_frames == 6
        assert by_noise.size == by_step.size == (3 * SIDE + 2 * exports.GAP, 3 * SIDE + 2 * exports.GAP)
    student = reel.header("student")
    assert [reel.step(student, tick) for tick in range(reel.ticks)][-1] == 3
    assert reel.step(reel.header("teacher"), 0) == -1  # its grid begins below the student's


def test_the_contact_sheet_shows_a_seed_of_every_row(jobs: Jobs, run_id: str) -> None:
    path = exports.contact_sheet(jobs.paths.run(run_id), 8)
    with Image.open(path) as sheet:
        assert sheet.format == "PNG"
        n = min(exports.COLUMNS, exports.open_reel(jobs.paths.run(run_id)).ticks)
        assert sheet.width == 2 * exports.MARGIN + 110 + n * (exports.SHEET_SIDE + exports.GAP) - exports.GAP
        corner = np.asarray(sheet)[-exports.MARGIN - 40, -exports.MARGIN - 40]
    with Image.open(jobs.artifact(run_id, "artifacts/hybrid-1/step-003.jpg")) as strip:
        whole = np.asarray(strip.convert("RGB"))
    assert np.abs(corner.astype(int) - whole[SIDE - 40, 3 * SIDE - 40]).max() < 40  # the last row's end, third seed


def test_asking_again_makes_nothing_anew(jobs: Jobs, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = exports.animation(jobs.paths.run(run_id), "gif", seed=3)
    monkeypatch.setattr(exports, "_encoded", lambda *_: pytest.fail("made twice"))
    assert exports.animation(jobs.paths.run(run_id), "gif", seed=3) == first


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"kind": "mov"}, "cannot be made here; webp and gif"),
        ({"kind": "webp", "arm": "nobody"}, "no row 'nobody'"),
        ({"kind": "webp", "seed": 4}, "no seed 4; it has 3, 5, 8"),
        ({"kind": "webp", "sync": "moon"}, "noise and step fit"),
        ({"what": "sheet", "seed": 99}, "no seed 99"),
        ({"run": "../../etc"}, "is not a run id"),
        ({"run": "20260131-093000-123-abcdef"}, "There is no run"),
        ({}, "cannot be made here"),
    ],
)
def test_a_wish_that_does_not_fit_is_one_sentence(jobs: Jobs, run_id: str, wish: dict[str, Any], words: str) -> None:
    made = Take(jobs).away({"run": run_id, "what": "moving", **wish})
    assert set(made) == {"problem"}
    assert words in made["problem"]


def test_nothing_is_made_of_half_a_run(jobs: Jobs, run_id: str) -> None:
    (jobs.paths.run(run_id) / "artifacts/student/step-001.jpg").unlink()
    assert "Not all pictures" in Take(jobs).away({"run": run_id, "what": "page"})["problem"]


def test_the_offline_page_holds_everything_and_asks_for_nothing(jobs: Jobs, run_id: str) -> None:
    made = Take(jobs).away({"run": run_id, "what": "page"})
    text = (jobs.paths.run(run_id) / "artifacts/export/scrub.html").read_text()
    assert made["url"].endswith(f"run-file/{run_id}/artifacts/export/scrub.html")
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert not re.findall(r"url\((?!data:)", text)
    assert "@import" not in text
    files = json.loads(re.search(r"studioScrubFiles = (\{.*?\});\n", text)[1])  # type: ignore[index]
    board = Scrubs(jobs).board(run_id)
    assert {name for row in board["rows"] for name in row["strips"]} | {board["timeline"]} == set(files)


def test_a_prompt_cannot_end_the_offline_page_s_script(jobs: Jobs) -> None:
    run_id = finished(jobs, **DRAWN, prompt="a house </script><script>alert(1)</script>")
    text = offline_page(jobs, Scrubs(jobs).board(run_id))
    assert text.count("</script>") == text.count("<script ") == 2  # the addresses of modules, and what starts them
    assert "<title>a house &lt;/script&gt;" in text


def test_formats_name_only_what_can_be_made(tmp_path: Path) -> None:
    assert set(exports.formats()) >= {"webp", "gif"}
    assert ("mp4" in exports.formats()) == (exports.importlib.util.find_spec("imageio_ffmpeg") is not None)


def test_an_experiment_file_of_a_scrub_says_what_drew_its_pictures(jobs: Jobs, run_id: str) -> None:
    scrubs = Scrubs(jobs)
    looks = jobs.submit("scrub", {"source": run_id, "states": True})
    for run in (run_id, looks):
        made = saving(scrubs.to_save)({"what": "yaml", "run": run})
        again = yaml.safe_load(made["text"])
        assert (again["kind"], again["draw"]["seeds"]) == ("scrub", DRAWN["seeds"])
    whole = json.loads(saving(scrubs.to_save)({"what": "json", "run": looks})["text"])
    assert (whole["run"], whole["request"]["source"]) == (looks, run_id)
    assert "problem" in saving(scrubs.to_save)({"what": "yaml", "run": "20200101-000000-000-nobody"})
