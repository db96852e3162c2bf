"""Writing files whole or not at all where the system refuses in the middle: what is said then, and what stays.

A limit on the size of files stands in for a full disk: the same call fails, at the same place, and nobody has to be root.
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from studio.core.weights import load_checkpoint, replace_bytes, save_checkpoint, save_weights, system_errors
from studio.families.stable.controlnets import export
from studio.families.stable.folders import save_pipeline
from tests.support import tiny_models
from tests.support.no_room import no_room


def state(step: int) -> dict[str, object]:
    return {"step": step, "module": {"weight": torch.full((200, 200), float(step)), "bias": torch.zeros(3)}}


@pytest.mark.parametrize("at", [0, 70, 700, 20_000, 160_500, 161_500])
def test_a_checkpoint_without_room_says_so_and_leaves_the_one_before(tmp_path: Path, at: int) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, state(1))
    assert path.stat().st_size > 161_500
    with no_room(at), pytest.raises(OSError) as said:
        save_checkpoint(path, state(2))
    assert said.value.errno == errno.EFBIG
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]
    kept = load_checkpoint(path)
    assert kept["step"] == 1
    assert torch.equal(kept["module"]["weight"], torch.ones(200, 200))


def test_what_torch_itself_refuses_is_said_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("nothing to do with the disk")

    monkeypatch.setattr(torch, "save", refuse)
    with pytest.raises(RuntimeError, match="nothing to do with the disk"):
        save_checkpoint(tmp_path / "checkpoint.pt", state(1))
    assert list(tmp_path.iterdir()) == []


def test_other_files_without_room_leave_nothing_half_written(tmp_path: Path) -> None:
    replace_bytes(tmp_path / "card.json", b"before")
    for write in (
        lambda: replace_bytes(tmp_path / "card.json", b"x" * 10_000),
        lambda: save_weights(tmp_path / "cell.safetensors", {"a": torch.zeros(10_000)}),
    ):
        with no_room(4096), pytest.raises(OSError) as said:
            write()
        assert said.value.errno == errno.EFBIG
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]
    assert (tmp_path / "card.json").read_bytes() == b"before"


def test_models_that_libraries_write_meet_no_room_as_an_error_of_the_system(tmp_path: Path) -> None:
    pipe = tiny_models.sd_pipeline(tmp_path / "parts")
    for write in (
        lambda: save_pipeline(tmp_path / "model", pipe.tokenizer, pipe.text_encoder, pipe.unet, pipe.scheduler, pipe.vae),
        lambda: export(pipe.unet, tmp_path / "control"),
    ):
        with no_room(4096), pytest.raises(OSError) as said:
            write()
        assert said.value.errno == errno.EFBIG


def test_only_errors_of_the_system_become_one(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File too large") as said, no_room(4096), system_errors():
        save_file({"a": torch.zeros(10_000)}, tmp_path / "a.safetensors")
    assert said.value.errno == errno.EFBIG
    with pytest.raises(OSError) as said, system_errors():  # safetensors' own words on a disk that is full
        raise Exception("Error while serializing: I/O error: No space left on device (os error 28)")
    assert (said.value.errno, said.value.strerror) == (errno.ENOSPC, "No space left on device")
    with pytest.raises(KeyError, match="nothing"), system_errors():
        raise KeyError("nothing")
    given = FileNotFoundError(errno.ENOENT, "No such file", "a")
    with pytest.raises(FileNotFoundError) as same, system_errors():
        raise given
    assert same.value is given


def test_a_checkpoint_that_is_cut_off_or_damaged_is_said_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"w": torch.arange(4096.0), "step": 7})
    whole = path.read_bytes()
    for raw in (b"", whole[: len(whole) // 2], whole[:-1], b"no checkpoint", b"\x80\x02garbage"):
        path.write_bytes(raw)
        with pytest.raises(
            ValueError, match=r"checkpoint\.pt is cut off or damaged and cannot be gone on from; start the run again"
        ):
            load_checkpoint(path)
    path.write_bytes(whole)
    assert load_checkpoint(path)["step"] == 7
