"""Hashes of weights are computed once for files as they are, and never wrong after a change."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from studio.core import kept_hashes
from studio.core.kept_hashes import KeptHashes, hash_of
from studio.core.recipe import weights_hash


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for part in ("unet", "vae"):
        (tmp_path / "model" / part).mkdir(parents=True)
        (tmp_path / "model" / part / "model.safetensors").write_bytes(part.encode() * 9)
    return tmp_path / "model"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files were read, each time some were; files count as settled at once."""
    found: list[int] = []
    true = kept_hashes.files_hash
    monkeypatch.setattr(kept_hashes, "files_hash", lambda files, root: found.append(len(files)) or true(files, root))
    monkeypatch.setattr(kept_hashes, "SETTLED_NS", 0)
    return found


def test_another_process_reads_nothing_again(model: Path, tmp_path: Path, reads: list[int]) -> None:
    time.sleep(0.02)
    for _ in range(3):
        assert hash_of(model, KeptHashes(tmp_path / "hashes.json")) == weights_hash(model)
    assert reads == [2]


@pytest.mark.parametrize("change", ["bytes", "same size and time", "renamed", "another", "gone", "link"])
def test_a_change_is_seen(model: Path, tmp_path: Path, reads: list[int], change: str) -> None:
    kept, weights = KeptHashes(tmp_path / "hashes.json"), model / "unet" / "model.safetensors"
    time.sleep(0.02)
    before, stat = kept.of_folder(model), weights.stat()
    time.sleep(0.02)
    if change == "bytes":
        weights.write_bytes(b"other")
    elif change == "same size and time":
        weights.write_bytes(b"U" * stat.st_size)
        os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert (weights.stat().st_mtime_ns, weights.stat().st_size) == (stat.st_mtime_ns, stat.st_size)
    elif change == "renamed":
        weights.rename(weights.with_name("other.safetensors"))
    elif change == "another":
        (model / "more.safetensors").write_bytes(b"more")
    elif change == "gone":
        weights.unlink()
    else:
        shutil.copyfile(weights, tmp_path / "elsewhere")
        (tmp_path / "elsewhere").write_bytes(b"behind a link")
        weights.unlink()
        weights.symlink_to(tmp_path / "elsewhere")
    assert kept.of_folder(model) == weights_hash(model) != before


def test_what_changed_a_moment_ago_is_not_kept(model: Path, tmp_path: Path) -> None:
    kept = KeptHashes(tmp_path / "hashes.json")
    assert kept.of_folder(model) == weights_hash(model)
    assert not kept.file.exists()


@pytest.mark.parametrize("text", ["damaged", "[]", '{"x": 3}'])
def test_a_damaged_file_is_written_anew(model: Path, tmp_path: Path, reads: list[int], text: str) -> None:
    kept = KeptHashes(tmp_path / "hashes.json")
    kept.file.write_text(text)
    time.sleep(0.02)
    assert kept.of_folder(model) == kept.of_folder(model) == weights_hash(model)
    assert reads == [2]
    kept.file.write_text(json.dumps({name: {"stamp": 1, "hash": 5} for name in json.loads(kept.file.read_text())}))
    assert kept.of_folder(model) == weights_hash(model)


def test_more_bytes_than_the_limit_are_not_read_but_found(model: Path, tmp_path: Path, reads: list[int]) -> None:
    kept = KeptHashes(tmp_path / "hashes.json")
    time.sleep(0.02)
    assert kept.of_folder(model, limit_bytes=3) is None and kept.of_folder(tmp_path / "nothing") is None
    whole = kept.of_folder(model)
    assert kept.of_folder(model, limit_bytes=3) == whole
    with pytest.raises(FileNotFoundError):
        hash_of(tmp_path / "nothing", kept)


def test_a_place_that_cannot_be_written_costs_no_hash(model: Path, tmp_path: Path, reads: list[int]) -> None:
    time.sleep(0.02)
    assert KeptHashes(tmp_path / "no folder" / "hashes.json").of_folder(model) == weights_hash(model)
