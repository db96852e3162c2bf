"""Looking at models of a stand-in Hub, and downloading them into a cache of the test's own."""

from __future__ import annotations

import errno
import json
import shutil
import threading
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from studio.library import bringing, hub
from studio.library.bringing import Left
from studio.library.hub import fetch, look, search
from studio.library.hub_files import Progress
from studio.library.hub_words import HubError
from studio.library.source import Source, cache_folder, found
from tests.support.model_hub import TOKEN, ModelHub, pipeline
from tests.support.no_room import no_room

XL = Source(hub="ada/xl", variant="fp16")
UNET = "unet/diffusion_pytorch_model.fp16.safetensors"
NEEDED = {
    "model_index.json", "scheduler/scheduler_config.json", "tokenizer/merges.txt", "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json", "text_encoder/config.json", "text_encoder/model.fp16.safetensors", "unet/config.json", UNET,
    "vae/config.json", "vae/diffusion_pytorch_model.safetensors",
}  # fmt: skip


def parts_left() -> list[Path]:
    return sorted(cache_folder().rglob("*.incomplete"))


def test_a_look_takes_what_a_pipeline_needs_and_the_plain_file_where_there_is_no_variant(model_hub: ModelHub) -> None:
    commit = model_hub.add("ada/xl", pipeline())
    seen = look(XL)
    assert {file.path for file in seen.files} == NEEDED and seen.commit == commit
    assert (seen.licence, seen.gated) == ("openrail++", "") and seen.bytes == sum(file.size for file in seen.files)
    assert seen.pinned.revision == commit and seen.pinned.bytes == seen.bytes and found(XL) is None
    assert {file.path for file in look(Source(hub="ada/xl")).files} >= {"unet/diffusion_pytorch_model.safetensors"}


def test_a_download_lies_where_the_client_keeps_it_and_nothing_else_came(model_hub: ModelHub) -> None:
    commit = model_hub.add("ada/xl", pipeline())
    told: list[Progress] = []
    got = fetch(XL, told.append)
    assert got.folder == cache_folder() / "models--ada--xl" / "snapshots" / commit == found(XL)
    assert {path.relative_to(got.folder).as_posix() for path in got.folder.rglob("*") if path.is_file()} == NEEDED
    assert (got.folder / UNET).read_bytes() == b"w" * 5000 and got.moved == got.bytes == told[-1].done == told[-1].total
    assert [one.done for one in told] == sorted(one.done for one in told) and not parts_left()
    assert not set(model_hub.sent) - NEEDED
    before = dict(model_hub.sent)
    again = fetch(XL)
    assert again.moved == 0 and {path for path, n in model_hub.sent.items() if n != before[path]} == {"model_index.json"}


def test_an_interrupted_download_goes_on_where_it_ended(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl", pipeline(weights=bytes(range(256)) * 40))
    with pytest.raises(Left):
        fetch(XL, should_stop=lambda: any(part.stat().st_size >= 3000 for part in parts_left()))
    (part,) = parts_left()
    kept = part.stat().st_size
    assert 0 < kept < 10240 and found(XL) is None
    model_hub.sent.clear()
    fetch(XL)
    assert model_hub.sent[UNET] == 10240 - kept and (found(XL) / UNET).read_bytes() == bytes(range(256)) * 40  # type: ignore[operator]


def test_a_connection_that_breaks_is_taken_up_again(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    model_hub.add("ada/xl", pipeline())
    model_hub.faults.cut = 2000
    fetch(XL)
    assert model_hub.sent[UNET] == 5000 and found(XL) is not None


def test_a_truncated_file_is_said_and_kept_for_the_next_try(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    model_hub.add("ada/xl", pipeline())
    model_hub.faults.cut = 0
    with pytest.raises(HubError, match="Less of .* came than the Hub had announced; what has arrived is kept"):
        fetch(XL)
    assert found(XL) is None
    model_hub.faults.cut = None
    fetch(XL)
    assert found(XL) is not None


def test_a_hub_that_sends_all_though_a_part_was_asked_for_does_no_harm(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl", pipeline(weights=bytes(range(200)) * 30))
    with pytest.raises(Left):
        fetch(XL, should_stop=lambda: any(part.stat().st_size >= 2000 for part in parts_left()))
    model_hub.faults.ignores_range = True
    fetch(XL)
    assert (found(XL) / UNET).read_bytes() == bytes(range(200)) * 30  # type: ignore[operator]


def test_a_wrong_checksum_is_refused_and_thrown_away(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl", pipeline())
    model_hub.faults.swapped[UNET] = b"x" * 5000
    with pytest.raises(HubError, match="another checksum than the Hub names, so it was thrown away"):
        fetch(XL)
    assert found(XL) is None and not parts_left()
    assert not [blob for blob in cache_folder().rglob("blobs/*") if blob.read_bytes() == b"x" * 5000]
    model_hub.faults.swapped.clear()
    fetch(XL)
    assert found(XL) is not None


def test_files_of_two_revisions_never_mix(model_hub: ModelHub) -> None:
    first = model_hub.add("ada/xl", pipeline())
    with pytest.raises(Left):
        fetch(XL, should_stop=lambda: UNET in model_hub.sent)
    second = model_hub.add("ada/xl", pipeline(weights=b"n" * 5000))
    got = fetch(XL)
    assert first != second == got.commit and (got.folder / UNET).read_bytes() == b"n" * 5000
    assert found(XL.model_copy(update={"revision": first})) is None
    assert found(XL.model_copy(update={"revision": second})) == got.folder


def test_less_than_everything_is_not_there(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl", pipeline())
    folder = fetch(XL).folder
    for gone in ("tokenizer/merges.txt", UNET, "vae/config.json"):
        kept = (folder / gone).resolve()
        (folder / gone).unlink()
        assert found(XL) is None, gone
        (folder / gone).symlink_to(kept)
    assert found(XL) == folder
    (folder / UNET).unlink()
    (folder / UNET).symlink_to("/etc/hostname")
    assert found(XL) is None, "a link out of the cache is no file of it"


def test_room_on_the_disk_is_looked_at_first(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    model_hub.add("ada/xl", pipeline())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10000, 9000, 1000))  # type: ignore[attr-defined]
    with pytest.raises(HubError, match=r"ada/xl needs 6\.8 kB more .* which has 1\.0 kB free"):
        fetch(XL)
    assert not [path for path in model_hub.sent if path.endswith(".safetensors")]


def test_a_full_disk_keeps_what_has_arrived(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    model_hub.add("ada/xl", pipeline())
    write = bringing.Part.write

    def full(self: bringing.Part, data: bytes) -> int:
        if self.tell() >= 2000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(bringing.Part, "write", full)
        with pytest.raises(OSError) as error:
            fetch(XL)
    assert error.value.errno == errno.ENOSPC and parts_left()[0].stat().st_size == 2000
    model_hub.sent.clear()
    fetch(XL)
    assert model_hub.sent[UNET] == 3000


def test_a_file_larger_than_the_disk_takes_is_a_sentence(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl", pipeline())
    with no_room(3000), pytest.raises(HubError, match=f"{UNET} is larger than any file may be on this disk"):
        fetch(XL)
    assert found(XL) is None


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (500, {}, r"The Hub has trouble \(status 500\)"),
        (403, {}, "The token may not read ada/xl"),
        (429, {"retry_after": "17"}, "The Hub asks to be left alone for 17 seconds"),
        (429, {"ratelimit": '"api";r=0;t=55'}, "The Hub asks to be left alone for 55 seconds"),
        (429, {}, "The Hub asks to be left alone for a while"),
    ],
)
@pytest.mark.parametrize("where", ["/api/models/ada/xl", f"HEAD /ada/xl/resolve/{{}}/{UNET}"])
def test_what_the_hub_refuses_is_said(model_hub: ModelHub, where: str, status: int, headers: dict[str, str], said: str) -> None:
    commit = model_hub.add("ada/xl", pipeline())
    model_hub.faults.status[where.format(commit)] = (status, headers, 1)
    with pytest.raises(HubError, match=said):
        fetch(XL)
    assert found(XL) is None
    fetch(XL)
    assert found(XL) is not None


def test_what_is_not_there_is_told_apart(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl", pipeline())
    with pytest.raises(HubError, match="There is no model ada/other on the Hub, or it is private"):
        look(Source(hub="ada/other"))
    with pytest.raises(HubError, match="ada/xl has no revision 'v9'; https://huggingface.co/ada/xl/commits/main lists"):
        look(Source(hub="ada/xl", revision="v9"))
    with pytest.raises(ValueError, match="ada/xl has no file 'no.safetensors'"):
        look(Source(hub="ada/xl", holds="lora", file="no.safetensors", base="xl/base"))


def test_a_gated_model_says_where_access_is_asked_for(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl", pipeline(), gated="manual")
    for token in (None, SecretStr(TOKEN)):
        with pytest.raises(HubError, match="ada/xl is gated: ask for access at https://huggingface.co/ada/xl, .*--ask-token"):
            fetch(XL, token=token)
    model_hub.repositories["ada/xl"].granted = True
    fetch(XL, token=SecretStr(TOKEN))
    assert found(XL) is not None and look(XL, SecretStr(TOKEN)).gated == "manual"
    storage = [token for _, path, token in model_hub.asked if path.startswith("/storage/")]
    assert storage and not any(storage), "the place that large files lie at is told no token"


def test_a_private_model_and_a_bad_token(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    model_hub.add("ada/xl", pipeline(), private=True)
    with pytest.raises(HubError, match="or it is private"):
        look(XL)
    with pytest.raises(HubError, match="The Hub does not accept the token") as error:
        look(XL, SecretStr("hf_wrong"))
    assert "hf_wrong" not in str(error.value) and error.value.__cause__ is None
    with pytest.raises(ValueError, match="characters that no token has") as bad:
        look(XL, SecretStr("hf_two\nlines"))
    assert "hf_two" not in str(bad.value)
    assert look(XL, SecretStr(TOKEN)).files
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert look(XL).files


def test_no_network_and_offline(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    model_hub.add("ada/xl", pipeline())
    folder = fetch(XL).folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        fetch(XL)
    assert found(XL) == folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match="The Hub cannot be reached"):
        fetch(XL)
    assert found(XL) == folder


@pytest.mark.parametrize("name", ["../evil.json", "unet/../../evil.json", "/etc/evil.json", "unet\\..\\evil.json", "C:evil.json"])
def test_a_repository_with_names_that_lead_out_is_refused(model_hub: ModelHub, name: str) -> None:
    model_hub.add("ada/xl", {**pipeline(), name: b"{}"})
    with pytest.raises(ValueError, match="could lead out of its folder"):
        fetch(XL)
    assert not cache_folder().exists()


def test_pickles_are_refused_with_a_way_to_convert_them(model_hub: ModelHub) -> None:
    tree = {path: data for path, data in pipeline().items() if not (path.startswith("unet/") and path.endswith("safetensors"))}
    model_hub.add("ada/xl", tree)
    with pytest.raises(ValueError, match=r"unet of ada/xl is there as a pickle alone.*python -c .*from_pretrained"):
        look(XL)


def test_one_file_and_one_folder(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl", {**pipeline(), "lora.safetensors": b"l" * 300})
    lora = Source(hub="ada/xl", holds="lora", file="lora.safetensors", base="xl/base")
    seen = look(lora)
    assert [file.path for file in seen.files] == ["lora.safetensors"] and seen.sha256 == seen.files[0].hash
    assert fetch(lora).folder / "lora.safetensors" == found(lora)
    unet = Source(hub="ada/xl", holds="network", file="unet/", base="xl/base", variant="fp16")
    assert [file.path for file in fetch(unet).files] == ["unet/config.json", UNET]
    assert found(unet) == found(lora).parent / "unet" and found(XL) is None  # type: ignore[union-attr]


def test_two_downloads_of_one_thing_wait_for_each_other(model_hub: ModelHub) -> None:
    from huggingface_hub.utils import WeakFileLock

    commit = model_hub.add("ada/xl", pipeline())
    held = next(file for file in look(XL).files if file.path == UNET)
    lock = cache_folder() / ".locks" / "models--ada--xl" / f"{held.hash}.lock"
    lock.parent.mkdir(parents=True)
    said: list[str] = []
    with WeakFileLock(lock):
        with pytest.raises(Left):
            fetch(XL, should_stop=lambda: bool(said), say=said.append)
        assert said == [f"Another download has {UNET} at hand; this one waits for it and uses what it brings."]
    model_hub.sent.clear()
    both = [threading.Thread(target=fetch, args=(XL,)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert model_hub.sent[UNET] == 5000 and found(XL) is not None and found(XL).name == commit  # type: ignore[union-attr]


def test_search_names_text_to_image_models_most_downloaded_first(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl-small", pipeline(), downloads=3)
    model_hub.add("ada/xl", pipeline(), downloads=90, gated="auto")
    model_hub.add("ada/xl-words", {}, task="text-generation")
    hits = search("xl")
    assert [(hit.id, hit.downloads, hit.licence, hit.gated) for hit in hits] == [
        ("ada/xl", 90, "openrail++", True),
        ("ada/xl-small", 3, "openrail++", False),
    ]
    assert len(search("xl", task=None)) == 3 and len(search("xl", limit=1)) == 1


def test_a_damaged_index_is_a_sentence(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl", {**pipeline(), "model_index.json": b"not json"})
    with pytest.raises(HubError, match="model_index.json of ada/xl is no JSON object"):
        hub.look(XL)
    model_hub.add("ada/xl", {**pipeline(), "model_index.json": json.dumps({"../up": ["a", "b"]}).encode()})
    with pytest.raises(ValueError, match="names a part"):
        hub.look(XL)
