"""`python -m studio models …` against a stand-in Hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
import yaml
from safetensors.torch import save_file

from studio.cli import models
from studio.jobs.jobs import Jobs
from studio.library.listed_sources import listed_source
from studio.library.models import load_registry
from studio.library.source import cache_folder
from tests.cli.test_app import command
from tests.support.model_hub import TOKEN, ModelHub, pipeline
from tests.support.original_layout import true_shapes, write_header

Do = Callable[..., tuple[int, str, str]]


@pytest.fixture
def do(jobs: Jobs, model_hub: ModelHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Do:
    monkeypatch.setenv("STUDIO_DATA_DIR", str(jobs.paths.root))
    for console in ("out", "err"):
        monkeypatch.setattr(models, console, models.Console(stderr=console == "err", width=250))
    model_hub.add("Ada/XL", {**pipeline(), "fast_lora.safetensors": b"l" * 300, "fast_unet.safetensors": b"u" * 400})
    return lambda *words: command(capsys, monkeypatch, "models", *words)


def row(do: Do, model_id: str) -> dict[str, Any]:
    status, out, _ = do("show", model_id, "--json")
    assert status == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_model_is_added_downloaded_shown_and_removed(do: Do, jobs: Jobs, model_hub: ModelHub) -> None:
    status, out, _ = do("add", "Ada/XL", "--variant", "fp16", "--tiny-decoder", "ada/taesdxl")
    assert status == 0 and "It is listed as ada/xl, in ada-xl.yaml" in out and "licence: openrail++" in out
    about = yaml.safe_load((jobs.paths.models / "ada-xl.yaml").read_text())
    assert about["tiny_decoder"] == "ada/taesdxl"
    commit = model_hub.repositories["Ada/XL"].refs["main"]
    assert about["source"]["revision"] == commit and (about["size"], about["role"], about["domain"]) == (512, "teacher", "plain")
    assert not [path for path in model_hub.sent if path.endswith(".safetensors")], "looking downloads no weights"
    before = row(do, "ada/xl")
    assert not before["here"] and before["reason"].endswith("python -m studio models download ada/xl")
    assert before["bytes"] == listed_source(jobs.paths, "ada/xl").source.bytes

    status, out, err = do("download", "ada/xl", "--json")
    done = json.loads(out)
    assert status == 0 and done["result"]["commit"] == commit and done["result"]["bytes"] == before["bytes"]
    assert row(do, "ada/xl")["here"] and "models download" not in row(do, "ada/xl")["reason"]

    assert do("remove", "ada/xl", "--files", "--yes")[:2] == (0, "ada/xl is no longer listed; 6.8 kB came free.\n")
    assert not (jobs.paths.models / "ada-xl.yaml").exists()
    assert not [path for path in cache_folder().rglob("*") if path.is_file() and path.suffix == ".safetensors"]


def test_a_download_on_the_terminal_says_how_far_it_is(do: Do) -> None:
    do("add", "Ada/XL", "--variant", "fp16")
    status, out, err = do("download", "ada/xl")
    assert status == 0 and "6.8 kB of 6.8 kB" in err and "done" in out
    status, out, _ = do("download", "ada/xl", "--look", "--json")
    assert len(json.loads(out)["files"]) == 11


@pytest.mark.parametrize("name", ["pytorch_lora_weights", "style"])
def test_a_lora_is_told_by_what_it_holds_and_its_folder_is_enough(do: Do, jobs: Jobs, tmp_path: Path, name: str) -> None:
    do("add", "Ada/XL", "--id", "xl/base")
    folder = tmp_path / "mine"
    folder.mkdir()
    save_file({"unet.mid_block.to_q.lora_A.weight": torch.zeros(1, 4)}, folder / f"{name}.safetensors")
    assert do("add", str(folder), "--base", "xl/base", "--id", "xl/mine")[0] == 0
    source = listed_source(jobs.paths, "xl/mine").source
    assert source.holds == "lora" and source.path == str(folder / f"{name}.safetensors")


def test_networks_and_loras_stand_on_a_listed_model(do: Do, jobs: Jobs) -> None:
    do("add", "Ada/XL", "--id", "xl/base")
    assert do("add", "Ada/XL", "--file", "fast_lora.safetensors", "--base", "xl/base", "--id", "xl/fast")[0] == 0
    assert do("add", "Ada/XL", "--file", "fast_unet.safetensors", "--base", "xl/base")[0] == 0
    fast = row(do, "xl/fast")
    assert (fast["role"], fast["teacher"], fast["size"], fast["source"]["holds"]) == ("student", "xl/base", 512, "lora")
    assert fast["source"]["sha256"] and row(do, "ada/fast_unet")["source"]["holds"] == "network"
    status, _, err = do("remove", "xl/base", "--yes")
    assert status == 2 and "xl/base is needed by ada/fast_unet, xl/fast" in err
    for name in ("xl/base", "xl/fast"):
        assert do("download", name)[0] == 0
    assert do("remove", "xl/fast", "--yes", "--files")[1].endswith("300 bytes came free.\n") and row(do, "xl/base")["here"]


def test_a_student_is_sampled_like_one_that_is_listed(do: Do, jobs: Jobs) -> None:
    do("add", "Ada/XL", "--id", "xl/base")
    lora = ("add", "Ada/XL", "--file", "fast_lora.safetensors", "--base", "xl/base")
    assert do(*lora, "--id", "xl/fast", "--sampled-like", "sdxl/lcm-lora", "--scale", "0.5")[0] == 0
    assert row(do, "xl/fast")["source"]["scale"] == 0.5
    file = listed_source(jobs.paths, "xl/fast").about
    assert file["recipe"]["teacher"] == "xl/base" and file["recipe"]["grids"][3] == [999, 679, 339]
    status, _, err = do(*lora, "--id", "xl/other", "--sampled-like", "xl/base")
    assert status == 2 and "xl/base has no recipe; a student that is listed would fit." in err


def test_files_that_another_model_needs_stay(do: Do) -> None:
    for name in ("one/xl", "two/xl"):
        do("add", "Ada/XL", "--id", name)
    do("download", "one/xl")
    assert do("remove", "one/xl", "--yes", "--files")[1] == "one/xl is no longer listed; 0 bytes came free.\n"
    assert row(do, "two/xl")["here"]


def test_what_a_student_stands_on_comes_first(do: Do, model_hub: ModelHub) -> None:
    do("add", "Ada/XL", "--variant", "fp16", "--id", "xl/base")
    do("add", "Ada/XL", "--file", "fast_lora.safetensors", "--base", "xl/base", "--id", "xl/fast")
    said = "xl/fast stands on xl/base, which is not here: 6.8 kB, which"
    status, out, err = do("download", "xl/fast", "--look", "--json")
    assert status == 0 and f"{said} would be downloaded first." in err and len(json.loads(out)["files"]) == 1
    assert do("download", "xl/fast", "--alone", "--json")[0] == 0 and not row(do, "xl/base")["here"]
    status, out, err = do("download", "xl/fast", "--json")
    assert status == 0 and f"{said} is downloaded first." in err
    assert json.loads(out)["result"]["bytes"] == 300 and row(do, "xl/base")["here"] and row(do, "xl/fast")["here"]
    status, _, err = do("download", "xl/fast", "--json")
    assert status == 0 and "stands on" not in err, "it is here"


def test_a_single_file_of_ones_own_says_what_it_is_like(do: Do, jobs: Jobs, tmp_path: Path) -> None:
    """A checkpoint of the true size of Stable Diffusion 1, all header and no bytes."""
    write_header(tmp_path / "mine.safetensors", true_shapes("sd1"))
    status, out, err = do("add", str(tmp_path / "mine.safetensors"), "--id", "mine/sd")
    assert status == 0, err
    about = listed_source(jobs.paths, "mine/sd").about
    assert (about["size"], about["source"]["holds"]) == (512, "single_file")
    assert load_registry(jobs.paths).get("mine/sd").available


def test_a_folder_of_ones_own_is_added_and_left_alone(do: Do, tmp_path: Path) -> None:
    for name, data in pipeline().items():
        (tmp_path / "Mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "Mine" / name).write_bytes(data)
    assert do("add", str(tmp_path / "Mine"))[0] == 0
    shown = row(do, "mine/mine")
    assert shown["here"] and shown["source"]["path"] == "Mine" and str(tmp_path) not in json.dumps(shown)
    status, _, err = do("download", "mine/mine")
    assert status == 2 and "a place on this machine" in err
    assert do("remove", "mine/mine", "--yes", "--files")[0] == 0 and (tmp_path / "Mine" / "unet" / "config.json").is_file()
    status, _, err = do("add", str(tmp_path / "nowhere"))
    assert status == 2 and err.strip() == "nowhere is not on this machine."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "nothing"), "owner/name fits"),
        (("add", "ada/none"), "There is no model ada/none on the Hub"),
        (("add", "Ada/XL", "--role", "student"), "--teacher must name it"),
        (("add", "Ada/XL", "--teacher", "ada/none"), "There is no model 'ada/none' to be the teacher"),
        (("add", "Ada/XL", "--id", "XL"), "family/name in lower-case"),
        (("add", "Ada/XL", "--file", "fast_unet.safetensors"), "--size in pixels"),
        (("add", "Ada/XL", "--file", "unet/diffusion_pytorch_model.bin", "--base", "nano/teacher"), "is a pickle"),
        (("add", "Ada/XL", "--file", "fast_unet.safetensors", "--like", "sdx", "--size", "64"), "sdxl"),
        (("add", "Ada/XL", "--revision", "v9"), "has no revision 'v9'"),
        (("download", "nano/teacher"), "whose file names a source"),
        (("remove", "nano/teacher"), "was not added from elsewhere"),
        (("remove", "ada/none"), "There is no model 'ada/none' that was added"),
        (("show", "ada/none"), "There is no model 'ada/none'"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_nothing_is_written(do: Do, jobs: Jobs, words: tuple[str, ...], said: str) -> None:
    status, out, err = do(*words)
    assert (status, out) == (2, "") and said in err.replace("\n", " ") and "Traceback" not in err
    assert not list(jobs.paths.models.glob("*.yaml"))


def test_removing_asks(do: Do, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    do("add", "Ada/XL")
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    status, _, err = do("remove", "ada/xl")
    assert status == 2 and "Nothing was removed" in err and (jobs.paths.models / "ada-xl.yaml").exists()


def test_a_token_is_asked_for_and_kept_nowhere(
    do: Do, jobs: Jobs, model_hub: ModelHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = model_hub.repositories["Ada/XL"]
    repository.gated, repository.granted = "auto", True
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: TOKEN)
    said = [
        do("add", "Ada/XL"),
        do("add", "Ada/XL", "--ask-token"),
        do("download", "ada/xl"),
        do("download", "ada/xl", "--ask-token"),
    ]
    assert [status for status, _, _ in said] == [2, 0, 1, 0]
    assert "is gated: ask for access at https://huggingface.co/Ada/XL" in said[0][2].replace("\n", " ")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in str(said)


def test_list_and_search(do: Do, model_hub: ModelHub) -> None:
    do("add", "Ada/XL")
    (jobs_row,) = [one for one in json.loads(do("list", "--json")[1]) if one["id"] == "ada/xl"]
    assert jobs_row["licence"] == "openrail++" and not jobs_row["here"]
    out, bare = do("list")[1], do()[1]
    assert "nano/teacher" in out and "ada/xl is not downloaded yet" in out and bare == out
    hits = json.loads(do("search", "XL", "--json")[1])
    assert [hit["id"] for hit in hits] == ["Ada/XL"] and "openrail++" in do("search", "XL")[1]
