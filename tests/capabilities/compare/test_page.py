"""A comparison as one HTML file: what is in it, what of people's words is no markup, and how large it may be."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from PIL import Image

from studio.capabilities.compare import page
from studio.core.files import Json
from studio.jobs.jobs import Jobs

BAD = '<script>alert(1)</script> "a cat" & <img src=x onerror=alert(2)>'


def png(name: str = "") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (len(name) * 9 % 255, 40, 90)).save(out, "PNG")
    return out.getvalue()


def measured(value: float) -> Json:
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 2, "note": ""}


def arm(name: str, seconds: float) -> Json:
    segment = {"model": f"test/{name}", "rule": "ddim", "timesteps": [999.0, 500.0], "guidance": 7.5}
    return {"arm": name, "label": name.capitalize(), "plan": {"segments": [segment]}, "nfe": 2, "seconds": 1.0,
            "seconds_per_image": seconds, "measures": {"diversity": measured(0.5), "accuracy": measured(0.9)},
            "images": [{"seed": seed, "path": f"artifacts/{name}/{seed}.png"} for seed in (0, 7)]}  # fmt: skip


def made(prompt: str = "a cat", picture: Any = png, strips: Any = None) -> str:
    request = {"prompt": prompt, "pair": "test/pair", "seeds": [0, 7], "negative": prompt}
    result = {"arms": [arm("teacher", 0.9), arm("student", 0.16)], "recovery": [], "notices": [prompt],
              "models": {"test/teacher": {"title": prompt}}}  # fmt: skip
    return page.report("20260101-000000-ab", prompt, request, result, strips or {}, picture)


def frames(n: int) -> list[Json]:
    return [{"strip": f"artifacts/previews/{i}.jpg", "step": i + 1, "steps": n} for i in range(n)]


def test_it_holds_what_was_asked_and_what_came_of_it() -> None:
    text = made(strips={"student": frames(4)})
    assert "5.6 × faster, 0.16 s against 0.9 s" in text
    for said in (
        "test/pair",
        "seed 7",
        "90 % [80 to 100]",
        "0.50 [0.40 to 0.60]",
        "test/student: 2 steps by ddim, t = 999 to 500",
    ):
        assert said in text, said
    assert text.count("data:image/png;base64,") == 4 and text.count("data:image/jpeg;base64,") == 4
    assert 'type="range" min="0" max="3"' in text and "left out" not in text


def test_words_of_people_are_no_markup() -> None:
    text = made(BAD)
    body = re.sub(r"<script>const one=.*?</script>", "", text, flags=re.DOTALL)
    assert "<script" not in body and "<img src=x" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body


def test_it_asks_no_address() -> None:
    text = made()
    assert not re.search(r'(?:src|href|url)\s*[=(]\s*["\']?(?!data:)(?:https?:|//|[\w/])', text.split("<script>")[0])
    assert "default-src 'none'" in text


def test_a_file_has_its_bounds_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_BYTES", 2 * (len(png()) * 4 // 3 + 40))
    text = made()
    assert text.count("data:image/png;base64,") == 2
    assert "2 of 4 pictures are left out" in text
    assert "seed 0</th>" in text and "seed 7</th>" not in text  # of all arms alike


def test_a_picture_that_is_gone_has_a_place(jobs: Jobs) -> None:
    assert "not here" in made(picture=lambda name: b"" if "teacher/7" in name else png())


def test_what_cannot_be_reported_is_said_in_a_sentence(jobs: Jobs) -> None:
    run = jobs.submit("compare", {"prompt": "a cat", "pair": "pocket/dmd2"})
    with pytest.raises(ValueError, match="Nothing of this run is measured yet"):
        page.of_run(jobs, run)
    mixture = jobs.submit("mixture", {})
    with pytest.raises(ValueError, match="is a mixture job"):
        page.of_run(jobs, mixture)
