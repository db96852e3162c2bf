"""Models that are kept open: their true bytes, what they share once, and the precision they are opened in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.families.opened import Opened
from studio.library.models import ModelEntry, ModelFile
from studio.workshop import memory, open_models
from studio.workshop.memory import pick_precision
from studio.workshop.open_models import ModelCache
from tests.support.tiny_models import sdxl_pipeline


def entry(folder: Path, name: str, **more: Any) -> ModelEntry:
    return ModelEntry(name, name, folder, "teacher", None, "plain", 16, **more)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[ModelEntry, ModelEntry]:
    """Two models in half precision that have all but their networks in common."""
    pipe = sdxl_pipeline(tmp_path).to(torch.float16)
    pipe.save_pretrained(tmp_path / "base")
    shutil.copytree(tmp_path / "base", tmp_path / "other")
    with torch.no_grad():
        pipe.unet.conv_in.weight.mul_(1.5)
    pipe.unet.save_pretrained(tmp_path / "other" / "unet")
    return entry(tmp_path / "base", "tiny/base"), entry(tmp_path / "other", "tiny/other")


def held(*models: Any) -> int:
    """Bytes of distinct tensors, counted by hand."""
    assert all(isinstance(model, Opened) for model in models)
    parts = [module for model in models for group in model.by_role.values() for module in group]
    tensors = {t.data_ptr(): t for part in parts for t in (*part.parameters(), *part.buffers())}
    return sum(t.untyped_storage().nbytes() for t in tensors.values())


def test_what_a_pair_shares_is_counted_once(pair: tuple[ModelEntry, ModelEntry]) -> None:
    cache = ModelCache("cpu", limit_bytes=1 << 30)
    base = cache.model(pair[0])
    alone = cache.bytes
    other = cache.model(pair[1])
    assert alone == held(base) and cache.bytes == held(base, other)
    assert alone < cache.bytes < 2 * alone
    network = held(base) - held_besides(base)
    assert cache.bytes == alone + network


def held_besides(model: Any) -> int:
    parts = [*model.by_role["encoders"], *model.by_role["vae"]]
    return sum(t.untyped_storage().nbytes() for part in parts for t in (*part.parameters(), *part.buffers()))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_pair_that_fits_is_not_opened_again(pair: tuple[ModelEntry, ModelEntry], dtype: str, monkeypatch: Any) -> None:
    """The budget is what both hold, and a little: twice the files of both, as it was counted before, would not fit."""
    monkeypatch.setenv("STUDIO_DTYPE", dtype)
    measure = ModelCache("cpu", limit_bytes=1 << 30)
    both = held(measure.model(pair[0]), measure.model(pair[1]))
    cache = ModelCache("cpu", limit_bytes=both + both // 50)
    first = [cache.model(one) for one in pair]
    for _ in range(3):
        assert [cache.model(one) for one in pair] == first
    assert cache.ids == ("tiny/base", "tiny/other")
    small = ModelCache("cpu", limit_bytes=both - both // 50)
    assert [small.model(one) for one in pair] and small.ids == ("tiny/other",), "a smaller budget holds one"
    again = small.model(pair[0], beside=["tiny/other"])
    assert again is not None and small.ids == ("tiny/other", "tiny/base"), "what is in use stays, and lends its parts"


def test_the_budget_is_a_share_of_what_is_free_or_held(pair: tuple[ModelEntry, ModelEntry], monkeypatch: Any) -> None:
    monkeypatch.delenv("STUDIO_WARM_BYTES", raising=False)
    monkeypatch.setattr(open_models, "free_bytes", lambda device: 1000)
    cache = ModelCache("cpu")
    assert cache.limit_bytes == 500
    cache.keep("a", (), object, 100)
    assert cache.limit_bytes == 550
    monkeypatch.setattr(open_models, "free_bytes", lambda device: None)
    assert cache.limit_bytes == open_models.DEFAULT_BYTES
    monkeypatch.setenv("STUDIO_WARM_BYTES", "77")
    assert ModelCache("cpu").limit_bytes == 77 and ModelCache("cpu", limit_bytes=5).limit_bytes == 5


def test_closing_lets_everything_go(pair: tuple[ModelEntry, ModelEntry]) -> None:
    cache = ModelCache("cpu", limit_bytes=1 << 30)
    cache.model(pair[0])
    cache.close()
    assert cache.ids == () and cache.bytes == 0


def test_the_precision_follows_device_setting_and_the_models_file(pair: tuple[ModelEntry, ModelEntry], monkeypatch: Any) -> None:
    monkeypatch.delenv("STUDIO_DTYPE", raising=False)
    for device, has, wanted in [("cpu", True, "float32"), ("cuda", True, "bfloat16"), ("cuda:1", False, "float16")]:
        monkeypatch.setattr(memory, "_has_bfloat16", lambda device, has=has: has)
        assert pick_precision(device) == wanted
    monkeypatch.setenv("STUDIO_DTYPE", "bf16")
    assert pick_precision("cpu") == "bfloat16" and pick_precision("cpu", "float16") == "float16"
    monkeypatch.setenv("STUDIO_DTYPE", "int8")
    with pytest.raises(ValueError, match=r"^\$STUDIO_DTYPE is 'int8'; auto, float32, bfloat16 and float16 fit\.$"):
        pick_precision("cpu")
    with pytest.raises(ValueError, match="dtype is 'nf4'"):
        ModelFile(id="a/b", title="x", role="teacher", domain="plain", folder="x", size=8, dtype="nf4")


def test_a_model_is_opened_again_in_another_precision(pair: tuple[ModelEntry, ModelEntry], monkeypatch: Any) -> None:
    cache = ModelCache("cpu", limit_bytes=1 << 30)
    first: Any = cache.model(pair[0])
    assert first.precision == "float32"
    half: Any = cache.model(entry(pair[0].folder, "tiny/base", dtype="bfloat16"))
    assert half.precision == "bfloat16" and cache.bytes == held(half) < held(first)
    assert cache.whole(entry(pair[0].folder, "tiny/base", dtype="bfloat16")).precision == "float32"  # type: ignore[attr-defined]


def test_what_a_container_leaves(tmp_path: Path) -> None:
    assert memory._left_in_container(tmp_path) == []
    for name, text in {"memory.max": "1000", "memory.current": "700", "memory.stat": "anon 5\ninactive_file 200\n"}.items():
        (tmp_path / name).write_text(text)
    assert memory._left_in_container(tmp_path) == [500]
    (tmp_path / "memory.max").write_text("max")
    assert memory._left_in_container(tmp_path) == []
    assert (memory.free_bytes("cpu") or 0) > 0
