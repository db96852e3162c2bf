"""Models in a real browser, against a stand-in for the Hub: found, added with its recipe, downloaded, compared, removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.jobs.paths import ROOT
from tests.browser.conftest import PATIENCE_MS
from tests.browser.test_control import opened
from tests.support.model_hub import TOKEN, ModelHub
from tests.support.serving import serving

pytestmark = pytest.mark.browser

STUDENT = ROOT / "assets" / "nano" / "dmd2"


def tree(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("recipe.json", "card.json")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def at_models(chromium: Any, address: str, width: int, scheme: str, faults: list[str]) -> Any:
    page = opened(chromium, address, width, scheme, faults, ready=".m-head")
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.set_default_timeout(PATIENCE_MS)
    page.wait_for_selector(".m-model")
    return page


def wrong(page: Any, words: str) -> None:
    page.wait_for_function("words => document.querySelector('.m-wrong').textContent.includes(words)", arg=words)


def test_a_student_is_found_added_downloaded_compared_and_removed(chromium: Any, model_hub: ModelHub, tmp_path: Path) -> None:
    faults: list[str] = []
    model_hub.add("ada/fast", tree(STUDENT), gated="manual", granted=True, licence="mit")
    with serving(tmp_path) as studio:
        page = at_models(chromium, f"{studio.address}/?tab=models", 1440, "light", faults)
        assert page.locator(".m-group h3").all_inner_texts()[0].startswith("On this machine")
        page.click("[data-open='sdxl/lightning-4']")
        assert "4 steps at t = 999, 749, 499, 249, by the rule euler, without guidance." in page.inner_text(".m-card dl")
        page.fill(".m-filter", "nano dmd2")
        page.wait_for_function("document.querySelectorAll('.m-model').length === 3")
        page.fill(".m-filter", "")

        page.fill("[data-field=place]", "fast")
        page.click(".m-search")
        page.click("[data-hit='ada/fast']")
        page.select_option("[data-field=role]", "student")
        page.select_option("[data-field=teacher]", "nano/teacher")
        page.click(".m-add")
        wrong(page, "A student without timesteps cannot be drawn")
        page.select_option("[data-recipe=preset]", label="4 steps, lcm: DMD2 of SDXL, 4 steps, LoRA")
        assert page.input_value("[data-recipe=timesteps]") == "999, 749, 499, 249"
        page.click(".m-add")
        wrong(page, "ada/fast is gated")
        page.reload()  # what is typed stays, and a token does not
        page.wait_for_function("document.querySelector('[data-field=place]')?.value === 'ada/fast'")
        page.wait_for_function("document.querySelector('[data-recipe=timesteps]').value === '999, 749, 499, 249'")
        page.select_option("[data-field=role]", "student")
        page.select_option("[data-field=teacher]", "nano/teacher")
        page.select_option("[data-recipe=rule]", "lcm")
        page.click(".m-form .p-more summary")
        page.fill(".m-form-token", TOKEN)
        page.click(".m-add")
        wrong(page, "the field Pixels must say it.")
        page.fill("[data-field=size]", "32")
        page.click(".m-add")

        page.wait_for_selector(".m-model.on[data-model='ada/fast']")
        assert page.input_value("[data-field=place]") == "" and page.input_value(".m-form-token") == ""
        card = ".m-model[data-model='ada/fast']"
        page.click(f"{card} [data-do=look]")
        page.wait_for_selector(f"{card} .line.problem:has-text('gated')")
        page.fill(f"{card} .m-secret", TOKEN)
        page.click(f"{card} [data-do=look]")
        page.wait_for_selector(f"{card} .m-takes:has-text('are free on this disk')")
        page.fill(f"{card} .m-secret", TOKEN)
        page.click(f"{card} [data-do=download]")
        page.wait_for_selector(f"{card} .m-bar")
        page.reload()
        page.wait_for_selector(f"{card} [data-compare]")
        assert page.locator(".m-group:first-child [data-model='ada/fast'] .m-mark[data-mark=ready]").count() == 1
        assert TOKEN not in "".join(path.read_text(errors="ignore") for path in tmp_path.rglob("*") if path.suffix != ".sqlite"
                                    and path.is_file() and path.stat().st_size < 1e6)  # fmt: skip

        phone = at_models(chromium, page.url, 390, "dark", faults)
        for shown in (page, phone):
            assert shown.evaluate("document.documentElement.scrollWidth") <= shown.viewport_size["width"]
            assert shown.inner_text(f"{card} dl").startswith("How it is sampled")
        phone.close()
        page.click(f"{card} [data-compare]")
        page.wait_for_selector("#problem:has-text('fast is chosen with its teacher')")
        page.click("button[role=tab]:has-text('Models')")
        page.click(f"{card} [data-do=removal]")
        page.check(f"{card} .m-files")
        page.click(f"{card} [data-do=remove]")
        page.wait_for_selector(".m-said:has-text('ada/fast is no longer listed')")
        assert page.locator(card).count() == 0
        page.close()
    assert faults == []
