"""Samples that are kept: what was not used for longest makes room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from studio.workshop import drawn_latents
from studio.workshop.drawn_latents import DrawnLatents

NAMES = [f"{i:02x}" * 16 for i in range(6)]


def test_what_was_used_least_recently_goes_when_there_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, rows = DrawnLatents(tmp_path), {3: torch.ones(4, 8, 8), 5: torch.zeros(4, 8, 8)}
    for age, name in enumerate(NAMES):
        kept.add(name, rows)
        os.utime(kept._path(name), (1000 + age, 1000 + age))
    assert torch.equal(kept.get(NAMES[0])[3], rows[3])  # used again: now the newest of them
    size = kept._path(NAMES[0]).stat().st_size
    monkeypatch.setattr(drawn_latents, "MOST_BYTES", 5 * size)
    again = DrawnLatents(tmp_path)
    again.add("ff" * 16, rows)  # seven of five: four may stay
    assert [name for name in NAMES if again.get(name)] == [NAMES[0], NAMES[4], NAMES[5]]
    assert set(again.get("ff" * 16)) == {3, 5}
    again.add("ee" * 16, rows)
    again.add("dd" * 16, rows)  # looked a moment ago
    assert sum(1 for _ in tmp_path.rglob("*.safetensors")) == 6
