"""A checkout becomes a Space, and is brought up to date, against a stand-in of the Hub on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.jobs.paths import ROOT
from studio.library import space
from tests.support.fake_hub import TOKEN, Hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path / "hub")
    yield hub
    hub.close()


def push(hub: Hub, home: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    known = {
        "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1,localhost", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "studio", "space", "push", *words]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **known, **env}, capture_output=True, text=True, timeout=300)


def test_a_space_is_made_and_brought_up_to_date(hub: Hub, tmp_path: Path) -> None:
    done = push(hub, tmp_path / "home", "ada/studio", "--private")
    assert done.returncode == 0, done.stderr
    made = hub.repositories["ada/studio"]
    assert (made.kind, made.sdk, made.private) == ("space", "gradio", True)
    ours = {name: path.read_bytes() for name, path in space.files(ROOT).items()}
    assert made.tree("main") == ours
    assert {"app.py", "README.md", "requirements.txt", "studio/ui/app.py", "assets/nano/dmd2/unet/config.json"} < set(ours)
    assert TOKEN not in done.stdout + done.stderr

    made.commit({**ours, "app.py": b"old", "studio/gone.py": b"old", "assets/gone.safetensors": b"old", "notes.md": b"theirs"})
    done = push(hub, tmp_path / "home", "ada/studio")
    assert done.returncode == 0, done.stderr
    assert "2 taken away" in done.stdout
    assert made.tree("main") == {**ours, "notes.md": b"theirs"}  # what is no part of the program stays


@pytest.mark.parametrize(
    ("words", "env", "sentence"),
    [(["studio"], {}, "'studio' is no name of a Space; owner/name, like ada/studio, fits."),
     (["ada/studio"], {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set, so nothing is sent to the Hub; unset it to push."),
     (["ada/studio"], {"HF_TOKEN": "hf_wrong"}, "The Hub refuses ada/studio (status 401); a token that may write there fits.")],
)  # fmt: skip
def test_what_does_not_work_is_one_sentence(
    hub: Hub, tmp_path: Path, words: list[str], env: dict[str, str], sentence: str
) -> None:
    done = push(hub, tmp_path / "home", *words, **env)
    assert (done.returncode, " ".join(done.stderr.split())) == (2, sentence)
    assert hub.repositories == {}


def test_an_installed_package_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^A Space is made of a checkout, and studio, presets, assets, app.py, "):
        space.files(tmp_path)
