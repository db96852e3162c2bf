"""What open models hold, told from files alone, against networks of true size on the meta device and against open ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import nn

from benchmarks import true_sizes
from studio.core.residency import BYTES, Precision, by_role
from studio.families import open_model, residency
from studio.families.held_parts import held_parts
from studio.families.opened import Opened
from tests.support.original_layout import true_shapes, write_header
from tests.support.placed import single_file
from tests.support.tiny_models import sdxl_pipeline
from tests.support.tiny_transformers import flux_pipeline, sd3_pipeline


def true_bytes(parts: Mapping[str, nn.Module], precision: Precision) -> dict[str, float]:
    found = {"network": 0, "encoders": 0, "vae": 0}
    for part, network in parts.items():
        role = "encoders" if part.startswith("text_encoder") else "vae" if part == "vae" else "network"
        for name, weight in network.named_parameters():
            stays = precision == "float16" and (part == "vae" or name.endswith(".wo.weight"))
            found[role] += weight.numel() * (4 if stays else BYTES[precision])
    return {role: float(count) for role, count in found.items()}


def close(found: Mapping[str, float], true: Mapping[str, float]) -> None:
    assert found.keys() == true.keys()
    for role in true:
        assert found[role] == pytest.approx(true[role], rel=0.05), role


@pytest.mark.parametrize("model", ["sd15", "sd21", "sdxl", "sd3", "flux-dev", "pixart"])
def test_a_folder_at_its_true_size(model: str, tmp_path: Path) -> None:
    parts = true_sizes.parts_of(model)
    folder = true_sizes.write(tmp_path / model, model, parts)
    for precision in BYTES:
        close(by_role(residency(folder, precision)), true_bytes(parts, precision))


@pytest.mark.parametrize(("layout", "model"), [("sd1", "sd15"), ("sd2-v", "sd21"), ("sdxl", "sdxl")])
def test_a_checkpoint_in_one_file_at_its_true_size(layout: str, model: str, tmp_path: Path) -> None:
    single_file(write_header(tmp_path / "a.safetensors", true_shapes(layout)), tmp_path / "placed")
    close(by_role(residency(tmp_path / "placed", "float16")), true_bytes(true_sizes.parts_of(model), "float16"))


def test_a_table_under_two_names_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "text_encoder").mkdir()
    shapes = {"shared.weight": (100, 8), "encoder.embed_tokens.weight": (100, 8), "x.weight": (5,)}
    true_sizes.write_header(tmp_path / "text_encoder" / "model.safetensors", shapes)
    assert held_parts(tmp_path, {"text_encoder": "encoders"}, "float32")[0].numbers == 805


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return true_sizes.write(tmp_path_factory.mktemp("true") / "sdxl", "sdxl")


def test_a_pair_counts_what_it_shares_once(sdxl: Path, tmp_path: Path) -> None:
    student = true_sizes.student(tmp_path / "student", sdxl, own={"unet": true_sizes.parts_of("sdxl")["unet"]})
    base, other = residency(sdxl, "float16"), residency(student, "float16")
    one, both = by_role(base), by_role([*base, *other])
    assert both == {**one, "network": 2 * one["network"]}
    assert by_role([*base, *residency(sdxl, "float32")])["encoders"] == 3 * one["encoders"], "in two precisions it is held twice"


def test_a_student_in_the_form_of_a_lora_brings_its_lora_alone(sdxl: Path, tmp_path: Path) -> None:
    student = true_sizes.student(tmp_path / "student", sdxl, lora_bytes=400_000_000)
    one, both = by_role(residency(sdxl, "float16")), by_role([*residency(sdxl, "float16"), *residency(student, "float16")])
    assert both == {**one, "network": one["network"] + 400_000_000}


def test_equal_files_of_the_hubs_cache_are_one(tmp_path: Path) -> None:
    """Two repositories with the same text encoder: files called by the hash of their bytes."""
    found = []
    for name in ("one", "two"):
        blob = tmp_path / name / "blobs" / ("ab" * 32)
        blob.parent.mkdir(parents=True)
        true_sizes.write_header(blob, {"x.weight": (50,)})
        part = tmp_path / name / "snapshot" / "text_encoder"
        part.mkdir(parents=True)
        (part / "model.safetensors").symlink_to(blob)
        found += held_parts(part.parent, {"text_encoder": "encoders"}, "float16")
    assert by_role(found)["encoders"] == 100


@pytest.mark.parametrize("kind", ["sdxl", "sd3", "flux"])
def test_what_an_open_model_holds(kind: str, tmp_path: Path) -> None:
    """Weights and tables that are in its files, exactly."""
    pipelines = {"sdxl": sdxl_pipeline, "sd3": sd3_pipeline, "flux": flux_pipeline}
    pipelines[kind](tmp_path).save_pretrained(tmp_path / "model")
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        model = open_model(tmp_path / "model", dtype=dtype)
        assert isinstance(model, Opened)
        held = by_role(residency(tmp_path / "model", cast(Precision, precision)))
        for role, modules in model.by_role.items():
            tensors = {t.data_ptr(): t for m in modules for t in (*m.state_dict().values(),) if t.is_floating_point()}
            assert held[role] == sum(t.numel() * t.element_size() for t in tensors.values()), (precision, role)


def test_nothing_of_torch_is_imported(tmp_path: Path) -> None:
    sdxl_pipeline(tmp_path).save_pretrained(tmp_path / "model")
    code = (
        "import sys; from pathlib import Path; from studio.families import residency; "
        f"assert residency(Path({str(tmp_path / 'model')!r})); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_no_family_knows_is_not_counted(tmp_path: Path) -> None:
    assert residency(tmp_path) == ()
