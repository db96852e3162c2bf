"""What the page says of pictures that were brought."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from studio.library.brought_pictures import Limits
from studio.ui.kit.uploads import said, taken


def test_what_came_and_what_did_not_is_said_line_by_line(tmp_path: Path) -> None:
    Image.new("RGB", (20, 30)).save(tmp_path / "a.png")
    (tmp_path / "<b>.png").write_text("no")
    text = said(taken([str(tmp_path / "a.png"), str(tmp_path / "<b>.png")], Limits()))
    assert "1 picture: &#x27;a.png&#x27; (20 × 30)." in text
    assert text.count("line problem") == 1 and "<b>" not in text


def test_nothing_is_said_so() -> None:
    assert "Nothing came." in said(taken(None, Limits()))
