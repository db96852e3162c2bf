"""The Models tab without a browser: what it lists, how a form is read, downloads as it tells of them, and what goes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.paths import DOWNLOADS
from studio.library.tickets import take
from studio.ui.models import downloads, form, listing, sayings
from studio.ui.models.tab import answered, for_board, removed
from studio.worker import run_job
from tests.support.model_hub import TOKEN, ModelHub, pipeline

LCM = {"timesteps": "999, 759, 499, 259", "rule": "lcm", "guidance": "1", "eta": "", "prediction": "eps"}


def row(jobs: Jobs, model: str) -> Json:
    return next(one for one in listing.listed(jobs)["models"] if one["id"] == model)


def done(jobs: Jobs, run_id: str) -> str:
    me = identity()
    assert jobs.claim(DOWNLOADS, me, run_id) is not None
    state, note = run_job(jobs.paths.run(run_id), owner=me)
    jobs.finish(run_id, state, note, me)
    return state


@pytest.fixture
def home(jobs: Jobs, model_hub: ModelHub) -> Jobs:
    model_hub.add("Ada/XL", {**pipeline(), "fast_lora.safetensors": b"l" * 300})
    assert form.add(jobs.paths, {"place": "Ada/XL", "variant": "fp16", "role": "teacher"}) == "ada/xl"
    return jobs


def test_a_model_stands_where_it_is_with_its_family_and_what_it_takes(home: Jobs) -> None:
    found = {one["id"]: one for one in listing.listed(home)["models"]}
    assert {name: found[name]["group"] for name in ("nano/teacher", "test/lcm", "ada/xl", "sdxl/lcm-lora")} == {
        "nano/teacher": "here", "test/lcm": "yours", "ada/xl": "hub", "sdxl/lcm-lora": "hub"}  # fmt: skip
    assert [found[name]["family"] for name in ("sd15/lcm-lora", "sdxl/lcm", "nano/dmd2")] == ["SD 1.5", "SDXL", "Nano"]
    lora = found["sdxl/lcm-lora"]
    assert (lora["form"], lora["bytes"]) == ("LoRA on sdxl/base", "size unknown")
    assert lora["lacks"] == "Not downloaded yet. sdxl/base, which it stands on, is not here either."
    assert found["nano/dmd2"]["pair"] == "nano/dmd2" and found["nano/dmd2"]["bytes"].endswith("MB")
    assert found["ada/xl"]["download"] and found["ada/xl"]["remove"] == "model" and not found["nano/dmd2"]["remove"]
    assert dict(found["nano/dmd2"]["facts"])["Network"].startswith("UNet, predicts v, latents")


def test_recipes_are_said_in_words() -> None:
    told = {"timesteps": [999, 759, 499, 259], "rule": "tcd", "eta": 0.3, "guidance": 1.0, "valid_steps": [4, 5, 6, 7, 8]}
    assert (
        sayings.recipe(told)
        == "4 steps at t = 999, 759, 499, 259, by the rule tcd with η = 0.3, without guidance; 4 to 8 steps fit it."
    )
    assert sayings.counts([1, 2, 4, 6, 7, 8]) == "1, 2, 4, 6 to 8"
    assert sayings.sampling({"steps": 50, "rule": "euler", "spacing": "leading", "guidance": 5.0}) == (
        "50 steps by the rule euler, leading spacing, guidance 5.")  # fmt: skip


def test_a_student_is_listed_with_the_recipe_that_was_picked(home: Jobs) -> None:
    preset = next(one for one in form.offered(home.paths)["recipes"] if one["id"] == "sd15/lcm-lora")
    wish: dict[str, Any] = {
        "place": "Ada/XL",
        "holds": "lora",
        "file": "fast_lora.safetensors",
        "base": "ada/xl",
        "role": "student",
    }
    wish["recipe"] = {**preset, "preset": preset["id"], "prediction": "eps"}
    made = form.add(home.paths, wish)
    about = yaml.safe_load((home.paths.models / f"{made.replace('/', '-')}.yaml").read_text())
    assert about["recipe"]["valid_steps"] == [2, 3, 4, 5, 6, 7, 8] and about["recipe"]["grids"][2] == [999, 499]
    assert (about["recipe"]["prediction"], about["teacher"], about["source"]["base"]) == ("eps", "ada/xl", "ada/xl")
    assert "2 to 8 steps fit it" in dict(row(home, made)["facts"])["How it is sampled"]
    with pytest.raises(ValueError, match="ada/xl is needed by ada/fast_lora"):
        removed(home, "ada/xl", False)


@pytest.mark.parametrize(("change", "said"), [
    ({"place": ""}, "Which model is meant is not said yet"),
    ({"place": "./here"}, "a whole one fits"),
    ({"size": "big"}, "Pixels is"),
    ({"recipe": {}}, "A student without timesteps cannot be drawn"),
    ({"recipe": {**LCM, "timesteps": "1, x"}}, "Timesteps are"),
    ({"recipe": {**LCM, "timesteps": "1, 9"}}, "decreasing"),
    ({"recipe": {**LCM, "rule": "best"}}, "Rule is"),
    ({"recipe": {**LCM, "guidance": "much"}}, "Guidance is"),
    ({"recipe": {**LCM, "prediction": ""}}, "What ada/xl predicts is not known before it is here"),
    ({"teacher": ""}, "the field Teacher must name it"),
    ({"id": "ada/xl"}, "another name in the list would fit"),
])  # fmt: skip
def test_what_does_not_fit_is_one_sentence_and_nothing_is_listed(home: Jobs, change: dict[str, Any], said: str) -> None:
    wish = {"place": "Ada/XL", "variant": "fp16", "role": "student", "teacher": "ada/xl", "id": "ada/two", "recipe": LCM}
    before = sorted(home.paths.models.glob("*.yaml"))
    told = answered(lambda: {"id": form.add(home.paths, {**wish, **change})})
    assert said in told["problem"] and "--" not in told["problem"]
    assert sorted(home.paths.models.glob("*.yaml")) == before


def test_a_download_is_looked_at_begun_followed_and_its_files_go(home: Jobs, model_hub: ModelHub) -> None:
    seen = downloads.look(home, "ada/xl", "")
    assert seen["text"].startswith("11 files, 6.8 kB; ") and seen["licence"] == "openrail++" and seen["gated"] == ""
    downloads.start(home, "ada/xl", "")
    going = downloads.going(home)["ada/xl"]
    assert (going["state"], going["live"], going["text"]) == ("queued", True, "begins at once")
    downloads.start(home, "ada/xl", "")  # a second press begins no second one
    assert len(home.list(kind="fetch_model")) == 1
    with pytest.raises(ValueError, match="is being downloaded"):
        removed(home, "ada/xl", True)
    downloads.act(home, "ada/xl", "pause")
    assert downloads.going(home)["ada/xl"]["state"] == "paused"
    downloads.act(home, "ada/xl", "resume")
    assert done(home, going["run"]) == "done"
    assert downloads.going(home) == {}
    now = row(home, "ada/xl")
    assert now["group"] == "here" and not now["download"] and now["bytes"] == "7 kB"
    removal = next(one for one in for_board(home) if one.__name__ == "removal")
    assert removal({"model": "ada/xl"}) == {"files": 11, "text": "6.8 kB"}
    assert removed(home, "ada/xl", True)["said"] == "ada/xl is no longer listed; 6.8 kB came free."


def test_a_gated_model_says_where_access_is_asked_for_and_takes_a_token_once(home: Jobs, model_hub: ModelHub) -> None:
    repository = model_hub.repositories["Ada/XL"]
    repository.gated, repository.granted = "manual", True
    told = answered(lambda: downloads.look(home, "ada/xl", ""))["problem"]
    assert "https://huggingface.co/Ada/XL" in told and "the field Token" in told and "--" not in told
    assert "has been given access on its page" in downloads.look(home, "ada/xl", TOKEN)["gated"]
    downloads.start(home, "ada/xl", TOKEN)
    request = home.spec(downloads.going(home)["ada/xl"]["run"]).config
    assert TOKEN not in str(request) and take(home.paths, str(request["ticket"])) == SecretStr(TOKEN)


def test_offline_is_said_in_one_sentence(home: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for asked in (lambda: form.search("xl"), lambda: downloads.look(home, "ada/xl", "")):
        assert answered(asked)["problem"].startswith("HF_HUB_OFFLINE is set, so nothing is asked of the Hub")


def test_the_hub_is_searched_by_a_part_of_a_name(home: Jobs) -> None:
    assert form.search("XL") == [{"id": "Ada/XL", "about": "7 downloads · openrail++"}]
    with pytest.raises(ValueError, match="not said yet"):
        form.search("  ")
    with pytest.raises(ValueError, match="What to look for is .*a part of a model's name fits"):
        form.search({"text": "lcm"})  # type: ignore[arg-type]
