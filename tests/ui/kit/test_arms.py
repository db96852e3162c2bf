"""Every arm looks like itself everywhere."""

from __future__ import annotations

import pytest

from studio.library.draw_request import arms_for
from studio.library.remedies import REMEDIES
from studio.ui.app import css as page_css
from studio.ui.kit import arms


def test_the_page_offers_exactly_the_arms_a_request_takes() -> None:
    assert arms.choices(4) == arms_for(4)


def test_no_two_arms_offered_together_share_a_colour_or_a_marker() -> None:
    looks = [arms.look(arm) for arm in [*arms.choices(4), *REMEDIES]]
    assert len({look.light for look in looks}) == len(looks)
    assert len({look.dark for look in looks}) == len(looks)
    assert len({look.marker for look in looks}) == len(looks)


@pytest.mark.parametrize("dark", [False, True])
def test_names_in_an_arms_colour_can_be_read(dark: bool) -> None:
    paper = "#131210" if dark else "#fffefb"
    for look in arms.LOOKS.values():
        assert contrast(look.dark if dark else look.light, paper) >= 3.0, look.slug  # WCAG: large text and marks


def contrast(a: str, b: str) -> float:
    """WCAG 2 contrast ratio of two #rrggbb colours."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("arm", "glyph"),
    [
        ("teacher", [["teacher", 25]]),
        ("student", [["student", 4]]),
        ("hybrid-1", [["teacher", 1], ["student", 3]]),
        ("hybrid-4", [["teacher", 4]]),
        ("skip-first", [["skip", 1], ["student", 3]]),
        ("student-first", [["student", 1], ["teacher", 3]]),
        ("cads", [["student", 4]]),
        ("blend", [["both", 4]]),
        ("guided-hybrid", [["teacher", 1], ["student", 3]]),
        ("guidance-interval", [["teacher", 25]]),
        ("mask-BS-S", [["teacher", 1], ["student", 1], ["skip", 1], ["student", 1]]),
    ],
)
def test_the_glyph_says_who_draws_which_step(arm: str, glyph: list[list[object]]) -> None:
    assert arms.glyph(arm, 4, 25) == glyph


def test_hybrids_beyond_the_fourth_and_masks_still_have_a_look() -> None:
    assert arms.look("hybrid-6") == arms.look("hybrid-2")
    assert arms.look("mask-BSSB").slug == "other"
    assert arms.title("mask-BSSB") == "Mask BSSB"


def test_every_remedy_has_a_look_a_name_and_a_tick_in_its_colour() -> None:
    css = page_css()
    for arm, remedy in REMEDIES.items():
        assert arms.look(arm).slug == arm
        assert (arms.title(arm), arms.meaning(arm)) == (remedy.title, remedy.meaning)
        assert f'#remedies label:has(input[name="{arm}"]){{--tone:var(--arm-{arm})}}' in css
        assert len(arms.title(arm)) <= 18, "it stands beside a row of pictures"
    assert ".g-both" in css
