"""The transfer board and the Control tab on tiny models that no oracle reads."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import findings, findings_tables
from studio.core.edit import Edit, EditCard, LowRank
from studio.families.adapter_files import write
from studio.families.perceptual import VARIABLE
from studio.jobs.jobs import Jobs
from studio.library import adapters
from studio.library.models import load_registry
from studio.ui.control.view import ControlView
from studio.ui.lab import result as lab_result
from studio.ui.lab import transfer
from studio.ui.lab.figures.transfer import transfer as figure
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from tests.capabilities.lab.test_study import Counter
from tests.support.fixtures import PAIR
from tests.support.tiny_encoders import save_clip, save_eye

TEACHER = "tiny/teacher"
REQUEST = {"study": "transfer", "pair": PAIR, "prompts": ["A red house, at night!", "an owl"], "seeds": 6, "teacher_steps": 3,
           "settings": {"strengths": [-1, 1], "adapters": ["mine/smile", "mine/plain"]}}  # fmt: skip
MODELS = [TEACHER, PAIR, "hybrid"]


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


@pytest.fixture
def photos(studio: Jobs, warm: ModelCache) -> Jobs:
    """The tiny pair as models of pictures that no oracle reads, and adapters: with words, without, and of zeros."""
    for file in studio.paths.models.glob("*.yaml"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "domain": "photos", "oracle": None}))
    add(studio, warm, "smile", attribute="sad to smiling", seed=1)
    add(studio, warm, "plain", title="lora_v2", kind="adapter", seed=2)
    add(studio, warm, "zero", attribute="sad to smiling", size=0.0)
    return studio


def add(studio: Jobs, warm: ModelCache, name: str, *, title: str = "", attribute: str = "", kind: Any = "slider", seed: int = 0,
        base: str = TEACHER, size: float = 1.0) -> None:  # fmt: skip
    """A random change of an attention's output, as if somebody had trained it. size 0: a change of nothing."""
    entry = load_registry(studio.paths).pair(PAIR).teacher
    place, layer = next((p, m) for p, m in warm.model(entry).parts.unet.named_modules() if p.endswith("to_out.0"))
    g = torch.Generator().manual_seed(seed)
    out, wide = layer.weight.shape
    change = LowRank(torch.randn(2, wide, generator=g), size * torch.randn(out, 2, generator=g), 2.0)
    card = EditCard(title=title or name.title(), kind=kind, base=base, attribute=attribute, calibration=0.5)
    folder = adapters.home(studio.paths) / "mine" / name
    folder.mkdir(parents=True)
    write(Edit({f"unet.{place}": change}, card), folder / adapters.FILE, "diffusers", private=True)
    about = adapters.described(entry, card.model_dump(mode="json"), ranks=[2], layers=1)
    (folder / adapters.CARD).write_text(json.dumps(about))


def execute(jobs: Jobs, warm: ModelCache, kind: str = "study", **changes: Any) -> tuple[dict[str, Any], list[str]]:
    """(result, notices)"""
    run_id = jobs.submit(kind, {**REQUEST, **changes} if kind == "study" else changes)
    state, note = run_job(jobs.paths.run(run_id), models=warm, registry=load_registry(jobs.paths))
    assert state == "done", note
    result = jobs.result(run_id)
    assert result is not None
    return result, [event["text"] for event in jobs.tail(run_id)[0] if event["kind"] == "notice"]


def test_a_board_says_which_measure_and_has_slopes(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(save_clip(tmp_path / "tiny-clip")))
    found, _ = execute(photos, warm)
    board = found["board"]
    smile, plain = board["rows"]
    assert board["models"] == MODELS
    assert board["readers"] == ["CLIP text score (tiny-clip)", "distance of tiny-clip features"]
    assert (smile["reader"], smile["blind"], smile["attribute"]) == (board["readers"][0], False, "“sad” to “smiling”")
    assert (plain["reader"], plain["blind"]) == (board["readers"][1], True)  # its title says nothing of what it does
    assert smile["prompts"] == REQUEST["prompts"]  # as typed, not as captions of a small language
    for row in (smile, plain):
        for name in MODELS:
            cell = row["cells"][name]
            assert math.isfinite(cell["slope"]["value"]) and cell["slope"]["low"] < cell["slope"]["high"]
            assert cell["spearman"] is not None
            assert cell["drift"]["features"]["value"] > 0
            assert [cell["drift"][key]["value"] for key in ("others", "kept", "in_distribution")] == [None] * 3
            assert cell["drift"]["kept"]["note"] and cell["fd"] == {} and set(cell["accuracy"].values()) == {None}
        assert row["cells"][TEACHER]["retention"]["value"] in (None, pytest.approx(1.0))
    assert plain["cells"][TEACHER]["retention"]["value"] == pytest.approx(1.0)
    assert math.isfinite(plain["cells"][PAIR]["retention"]["value"])
    assert "change" in smile["cells"][PAIR] and "change" not in plain["cells"][PAIR]
    assert found["published"]["models"][0] == "base"
    assert [v["id"] for v in found["verdicts"]] == ["S8", "S8"]
    assert any("not which way" in text for v in found["verdicts"] for text in v["cautions"])


def test_slopes_are_of_what_clip_says_of_the_pictures(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same pictures by way of Control, read by hand."""
    import numpy as np
    from PIL import Image

    from studio.families.perceptual import open_reader, open_words

    folder = save_clip(tmp_path / "tiny-clip")
    monkeypatch.setenv(VARIABLE, str(folder))
    board, _ = execute(photos, warm, settings={"strengths": [-1, 1], "adapters": ["mine/smile"]}, prompts=["an owl"])
    draw = {"prompt": "an owl", "pair": PAIR, "arms": ["student"], "seeds": list(range(1000, 1006))}
    run_id = photos.submit("control", {"draw": draw, "vary": "mine/smile", "strengths": [-1, 0, 1]})
    assert run_job(photos.paths.run(run_id), models=warm, registry=load_registry(photos.paths))[0] == "done"
    control = photos.result(run_id)
    assert control is not None
    reader, words = open_reader(folder, "clip"), open_words(folder, "clip")
    toward = (words.read(["smiling"]) - words.read(["sad"]))[0]
    means = []
    for cell in control["cells"]:
        images = [np.asarray(Image.open(photos.artifact(run_id, image["path"]))) for image in cell["images"]]
        shown = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
        by_hand = 100 * reader.read(shown) @ toward
        assert cell["amounts"] == pytest.approx(by_hand.tolist(), abs=0.2)  # files have 256 levels
        means.append(sum(cell["amounts"]) / 6)
    slope = control["measured"]["student"]["slope"]["value"]
    assert slope == pytest.approx((means[2] - means[0]) / 2, abs=1e-3)
    assert board["board"]["rows"][0]["cells"][PAIR]["slope"]["value"] == pytest.approx(slope, abs=2e-2)  # kept in half precision


@pytest.mark.slow
@pytest.mark.parametrize(("eye", "name"), [("Dinov2Model", "distance of eye features"),
                                           ("none", "distance of pictures shrunk to 16 × 16")])  # fmt: skip
def test_without_words_for_it_a_distance_stands_in(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eye: str, name: str
) -> None:
    monkeypatch.setenv(VARIABLE, "none" if eye == "none" else str(save_eye(tmp_path / "eye", eye)))
    add(photos, warm, "back", attribute="sad to smiling", base=PAIR, seed=3)
    add(photos, warm, "found", kind="direction", attribute="direction 0", seed=4)
    found, _ = execute(photos, warm, settings={"strengths": [-1, 1], "adapters": ["mine/smile", "mine/back", "mine/found"]})
    assert found["board"]["readers"] == [name]
    for row in found["board"]["rows"]:
        assert all(cell["slope"]["value"] > 0 for cell in row["cells"].values())
        assert row["cells"][row["base"]]["retention"]["value"] == pytest.approx(1.0)
    by_id = {v["id"]: v for v in found["verdicts"]}
    assert set(by_id) == {"S8", "S9", "S10"}
    assert by_id["S8"]["effect"] is not None
    assert by_id["S9"]["verdict"] == by_id["S10"]["verdict"] == "inconclusive"  # a distance does not see which way
    assert "not which way" in by_id["S10"]["sentence"]


@pytest.mark.parametrize("eye", ["clip", "none"])
def test_an_adapter_of_zeros_has_no_slope(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eye: str
) -> None:
    monkeypatch.setenv(VARIABLE, "none" if eye == "none" else str(save_clip(tmp_path / "tiny-clip")))
    found, _ = execute(photos, warm, settings={"strengths": [-1, 1], "adapters": ["mine/zero"]})
    for cell in found["board"]["rows"][0]["cells"].values():
        assert cell["slope"]["value"] == cell["slope"]["low"] == cell["slope"]["high"] == 0
        assert cell["retention"]["value"] is None and "nothing measurable" in cell["retention"]["note"]
        assert cell["drift"]["features"]["value"] == 0
    assert all(v["verdict"] == "inconclusive" for v in found["verdicts"])
    drawn = figure(found, False)
    assert drawn is not None and set(drawn["data"][0]["text"][0]) == {"no slope"}


@pytest.mark.slow
def test_pictures_are_drawn_once_and_other_words_are_read_of_the_same(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(save_clip(tmp_path / "tiny-clip")))
    first, _ = execute(photos, warm)
    card = adapters.home(photos.paths) / "mine" / "smile" / adapters.CARD
    card.write_text(card.read_text().replace("sad to smiling", "young to old"))
    counter = Counter(monkeypatch)
    again, _ = execute(photos, warm)
    assert counter.rows == 0
    before, after = (result["board"]["rows"][0] for result in (first, again))
    assert after["attribute"] == "“young” to “old”"
    assert before["cells"][PAIR]["slope"] != after["cells"][PAIR]["slope"]
    assert before["cells"][PAIR]["drift"] == after["cells"][PAIR]["drift"]
    monkeypatch.setenv(VARIABLE, "none")  # another reader has to look at them himself
    execute(photos, warm)
    assert counter.rows > 0


def test_the_page_and_the_findings_say_who_read(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(save_clip(tmp_path / "tiny-clip")))
    found, _ = execute(photos, warm)
    for narrow in (False, True):
        drawn = figure(found, narrow)
        assert drawn is not None
        heading = drawn["layout"]["annotations"][-1]["text"]
        assert "read by: CLIP text score (tiny-clip)" in heading and "read by: distance of tiny-clip features" in heading
    table = transfer.table(found)
    assert table is not None and "only an oracle" in table["title"]
    assert all(len(row["cells"]) == len(table["heads"]) - 1 for row in table["rows"])
    at = table["heads"].index("identity kept") - 1
    assert {row["cells"][at][0] for row in table["rows"]} == {"–"}
    assert {row["cells"][-1][0] for row in table["rows"]} == set(found["board"]["readers"])
    page = lab_result.body({"study": "transfer", **REQUEST}, found)
    assert page["problem"] == "" and len(page["verdicts"]) == 2
    lines = findings_tables.transfer(found)
    assert lines[0].startswith("*Read by*: CLIP text score (tiny-clip); distance of tiny-clip features")
    ours = [line for line in lines[: lines.index("", 2)] if line.startswith("|")]
    assert len(ours) == 2 + 6 and len({line.count("|") for line in ours}) == 1
    assert any("arXiv 2503.10637" in line for line in lines)
    assert findings.section(found)


def test_control_says_what_reads_and_what_it_read(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(save_clip(tmp_path / "tiny-clip")))
    request = {"draw": {"prompt": "an owl", "pair": PAIR, "arms": ["teacher", "student"], "seeds": "0-4", "teacher_steps": 3},
               "strengths": [-1, 0, 1]}  # fmt: skip
    worded, notices = execute(photos, warm, "control", **request, vary="mine/smile")
    assert any("read by CLIP text score (tiny-clip)" in text for text in notices)
    assert worded["attribute"]["reader"] == "CLIP text score (tiny-clip)"
    assert (worded["attribute"]["low"], worded["attribute"]["high"]) == ("sad", "smiling")
    assert all(len(cell["amounts"]) == 5 for cell in worded["cells"])
    plain, notices = execute(photos, warm, "control", **request, vary="mine/plain")
    assert any("how much it changes and not what" in text for text in notices)
    assert all(found["slope"]["value"] > 0 for found in plain["measured"].values())
    assert plain["measured"]["teacher"]["retention"]["value"] == pytest.approx(1.0)
    shown = {**worded["request"]}
    view = ControlView("r", shown, "Smile", None)
    view.finish(worded)
    assert view.board()["rows"][0]["figures"].endswith("read by CLIP text score (tiny-clip)")
    table = view.table()
    assert table is not None and table["rows"][0]["cells"][-1] == ("–", "")
    assert "“sad” to “smiling”" in json.loads(view.figure() or "{}")["layout"]["annotations"][0]["text"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"study": "k-sweep", "settings": {}}, f"{PAIR} has no oracle, and studies are read by one"),
        ({"settings": {}}, f"No slider is shipped for {TEACHER}; name your own"),
        ({"settings": {"adapters": ["mine/none"]}}, "There is no adapter 'mine/none'"),
        ({"settings": {"adapters": ["nano/size"]}}, "nano/size is for models of the domain pocket"),
        ({"settings": {"adapters": ["mine/smile"], "strengths": [2, 3]}}, "at least two strengths of 1 or less"),
    ],
)
def test_what_does_not_fit_is_one_sentence(photos: Jobs, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as error:
        photos.submit("study", {**REQUEST, **changes})
    assert "\n" not in str(error.value)


def test_an_encoder_that_cannot_be_opened_is_said_and_the_board_is_filled(
    photos: Jobs, warm: ModelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    found, notices = execute(photos, warm)
    assert found["board"]["readers"] == ["distance of pictures shrunk to 16 × 16"]
    (said,) = [text for text in notices if "no encoder could be opened" in text]
    assert "'gone'" in said and str(tmp_path) not in said
