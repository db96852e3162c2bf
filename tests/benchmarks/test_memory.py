"""The page of memory is what its command writes."""

from __future__ import annotations

from benchmarks import memory


def test_the_page_is_what_the_command_writes() -> None:
    text = memory.page()
    assert text == memory.PAGE.read_text(encoding="utf-8")
    assert memory.COMMAND in text and "nothing was measured on a GPU" in text
