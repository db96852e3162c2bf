"""Models in a real browser, against a stand-in for the Hub: found, added with its recipe, downloaded, compared, removed."""

from __future__ import annotations

import json
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


def test_a_file_comes_and_a_controlnet_is_brought(chromium: Any, tmp_path: Path) -> None:
    import torch
    from diffusers import ControlNetModel, UNet2DConditionModel

    from tests.support.original_layout import write

    pocket = ROOT / "assets" / "pocket" / "dmd2"  # of the pair that Control begins with
    unet = UNet2DConditionModel.from_pretrained(pocket / "unet", torch_dtype=torch.float32)
    levels = len(json.loads((pocket / "vae" / "config.json").read_text())["encoder_block_out_channels"])
    ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8,) * levels).save_pretrained(tmp_path / "some-canny")
    lora = write(tmp_path / "my lora.safetensors", {"unet.x.lora_A.weight": torch.zeros(1_000_000)})
    (tmp_path / "old.safetensors").write_bytes(b"PK" + bytes(90))
    faults: list[str] = []
    with serving(tmp_path / "data") as studio:
        page = at_models(chromium, f"{studio.address}/?tab=models", 1440, "dark", faults)
        shown = page.evaluate("getComputedStyle(document.querySelector('[data-field=holds]')).backgroundImage")
        assert shown.count("linear-gradient") == 2, "what can be chosen from has its arrow"
        come = page.locator(".m-drop input")
        come.set_input_files(tmp_path / "old.safetensors")
        wrong(page, "old.safetensors does not begin as a safetensors file does")
        line = page.context.new_cdp_session(page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1}
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": 200_000})
        come.set_input_files(lora)
        page.wait_for_selector(".m-drop.sending .m-told:has-text('of 4.0 MB')")
        page.click(".m-stop")
        page.wait_for_selector(".m-drop:not(.sending)")
        line.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
        come.set_input_files(lora)
        page.wait_for_selector(".m-seen:has-text('A LoRA, which stands on a listed model.')")
        assert page.input_value("[data-field=place]") == "uploads/my-lora.safetensors"
        assert page.input_value("[data-field=holds]") == "lora" and page.input_value("[data-field=role]") == "student"
        home = tmp_path / "data" / "models" / "uploads"
        assert [path.name for path in home.iterdir()] == ["my-lora.safetensors"], "what was stopped left nothing"
        page.click(".m-forget")
        page.wait_for_selector(".m-seen", state="hidden")
        assert list(home.iterdir()) == [] and page.input_value("[data-field=place]") == ""

        page.fill("[data-field=place]", str(tmp_path / "some-canny"))
        page.press("[data-field=place]", "Tab")
        page.wait_for_selector(".m-seen:has-text('Its name speaks of canny')")
        assert page.input_value("[data-field=hint]") == "canny" and not page.is_visible("[data-field=role]")
        page.fill("[data-field=name]", "edges")
        page.click(".m-add")
        page.wait_for_selector(".m-seen:has-text('mine/edges is for models of its shape; Control offers it')")
        page.click("button[role=tab]:has-text('Control')")
        page.click("#control-hint button")
        page.click("#hint-id input")
        page.wait_for_selector("[role=option]:has-text('edges (mine/edges)')")
        page.close()
    assert faults == []
