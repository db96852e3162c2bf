"""Shipped students share with their teacher what they have in common."""

from __future__ import annotations

import shutil

from studio.core.recipe import weights_hash
from studio.families.stable.folders import link_equal


def test_equal_weight_files_become_links_that_read_like_files(tmp_path):
    for name, unet in (("teacher", b"one"), ("student", b"two")):
        for part, content in (("unet", unet), ("vae", b"same")):
            (tmp_path / name / part).mkdir(parents=True)
            (tmp_path / name / part / "w.safetensors").write_bytes(content)
    before = weights_hash(tmp_path / "student")
    assert link_equal(tmp_path / "student", tmp_path / "teacher") == ["vae/w.safetensors"]
    assert (tmp_path / "student" / "vae" / "w.safetensors").is_symlink()
    assert not (tmp_path / "student" / "unet" / "w.safetensors").is_symlink()
    assert weights_hash(tmp_path / "student") == before
    moved = shutil.copytree(tmp_path / "student", tmp_path / "elsewhere" / "student")  # a copy needs no teacher
    assert weights_hash(moved) == before
    assert link_equal(tmp_path / "student", tmp_path / "teacher") == []
