"""Whether networks are compiled is what the environment says."""

from __future__ import annotations

import pytest

from studio.core import compiling


@pytest.mark.parametrize(("given", "means"), [("", False), ("0", False), ("off", False), ("1", True), (" Yes ", True)])
def test_words_for_yes_and_no(monkeypatch: pytest.MonkeyPatch, given: str, means: bool) -> None:
    monkeypatch.setenv(compiling.SETTING, given)
    assert compiling.wanted() is means
    assert compiling.named() == ({"compiled": True} if means else {})


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiling.SETTING, "fast")
    with pytest.raises(ValueError, match=r"^\$STUDIO_COMPILE is 'fast'; 1 and 0 fit\.$"):
        compiling.wanted()


def test_chosen_for_this_process_and_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compiling.SETTING, "0")
    compiling.choose()
    assert compiling.wanted()
