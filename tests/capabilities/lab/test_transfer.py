"""The transfer board on a tiny pair with made-up adapters: nothing is drawn twice, slopes are read, misfits are a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from benchmarks import findings_tables
from studio.core.edit import Edit, EditCard, LowRank
from studio.families.adapter_files import write
from studio.jobs.jobs import Jobs
from studio.library import adapter_effects, adapters
from studio.library.models import load_registry
from studio.ui.lab import transfer
from studio.ui.lab.figures.transfer import transfer as figure
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from tests.capabilities.lab.test_study import Counter
from tests.support.fixtures import PAIR

REQUEST = {"study": "transfer", "pair": PAIR, "prompts": ["a red house", "a cat at night"], "seeds": 5, "teacher_steps": 3,
           "settings": {"strengths": [-1, 1]}}  # fmt: skip


@pytest.fixture(scope="module")
def warm() -> ModelCache:
    return ModelCache("cpu")


def add_adapter(
    studio: Jobs, warm: ModelCache, name: str, attribute: str, seed: int = 0, base: str | None = None,
    axis: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """A random change of the last attention's output, as if somebody had trained it."""
    pair = load_registry(studio.paths).pair(PAIR)
    model = warm.model(pair.teacher)
    place, layer = next((p, m) for p, m in model.parts.unet.named_modules() if p.endswith("to_out.0"))
    g = torch.Generator().manual_seed(seed)
    out, wide = layer.weight.shape
    change = LowRank(torch.randn(2, wide, generator=g), torch.randn(out, 2, generator=g), 2.0)
    card = EditCard(
        title=name.title(),
        kind="direction" if axis else "slider",
        base=base or pair.teacher.id,
        attribute=attribute,
        calibration=0.5,
    )
    folder = adapters.home(studio.paths) / "mine" / name
    folder.mkdir(parents=True)
    write(Edit({f"unet.{place}": change}, card), folder / adapters.FILE, "diffusers", private=True)
    about = adapters.described(pair.teacher, card.model_dump(mode="json"), ranks=[2], layers=1, axis=axis)
    (folder / adapters.CARD).write_text(json.dumps(about))


def execute(studio: Jobs, warm: ModelCache, **changes: Any) -> dict[str, Any]:
    run_id = studio.submit("study", {**REQUEST, **changes})
    state, note = run_job(studio.paths.run(run_id), models=warm, registry=load_registry(studio.paths))
    assert state == "done", note
    result = studio.result(run_id)
    assert result is not None
    return result


def test_every_slider_on_every_model_and_nothing_twice(studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch) -> None:
    add_adapter(studio, warm, "big", "size", 1)
    add_adapter(studio, warm, "late", "time-of-day", 2, base=PAIR)
    counter = Counter(monkeypatch)
    settings = {"adapters": ["mine/big", "mine/late"], "strengths": [-1, 1]}
    found = execute(studio, warm, settings=settings)
    pair = load_registry(studio.paths).pair(PAIR)
    assert found["board"]["models"] == [pair.teacher.id, PAIR, "hybrid"]
    big, late = found["board"]["rows"]
    assert set(big["cells"]) == {pair.teacher.id, PAIR, "hybrid"}
    assert len(big["prompts"]) == 2 and late["prompts"] == ["a red house"]  # the other one states the time
    cell = big["cells"][PAIR]
    assert cell["strengths"] == [-1.0, 0.0, 1.0]
    assert cell["slope"]["n"] == 5  # seeds: the prompts of one began from the same noise
    assert {v["id"] for v in found["verdicts"]} == {"S8", "S9"}
    drawn = counter.rows
    again = execute(studio, warm, settings=settings)
    assert counter.rows == drawn and again["board"] == found["board"]
    assert warm.model(pair.teacher).adapter_names == (), "a warm model is left as it was"
    with_strength = execute(studio, warm, settings={**settings, "strengths": [-1, 0.5, 1]})
    assert counter.rows == drawn + 2 * 2 * 5 * (2 * 3 + 4 + 4)  # 2 adapters, prompts × seeds, NFE of three models
    assert with_strength["board"]["rows"][0]["cells"][PAIR]["strengths"] == [-1.0, 0.0, 0.5, 1.0]


def test_a_discovered_direction_is_read_along_itself(studio: Jobs, warm: ModelCache) -> None:
    oracle = warm.oracle(load_registry(studio.paths).pair(PAIR).teacher)
    wide = oracle.read(torch.rand(1, 3, 32, 32)).features.shape[1]
    along = [0.0] * wide
    along[3] = 1.0
    add_adapter(studio, warm, "found", "direction 1: size", 3, axis={"along": along, "std": 0.5})
    found = execute(studio, warm, settings={"adapters": ["mine/found"], "strengths": [-1, 1]})
    row = found["board"]["rows"][0]
    assert (row["kind"], row["unit"], len(row["prompts"])) == ("direction", adapter_effects.AXIS_UNIT, 2)
    assert {v["id"] for v in found["verdicts"]} == {"S10"}
    seen = oracle.read(torch.rand(4, 3, 32, 32))
    assert torch.allclose(
        adapter_effects.moved(adapters.load_adapters(studio.paths).get("mine/found")).read(seen), seen.features[:, 3] / 0.5
    )


def test_an_adapter_that_changes_makes_new_cells(studio: Jobs, warm: ModelCache, monkeypatch: pytest.MonkeyPatch) -> None:
    add_adapter(studio, warm, "big", "size", 1)
    settings = {"adapters": ["mine/big"], "strengths": [-1, 1]}
    first = execute(studio, warm, settings=settings)
    folder = adapters.home(studio.paths) / "mine" / "big"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    add_adapter(studio, warm, "big", "size", 7)
    counter = Counter(monkeypatch)
    second = execute(studio, warm, settings=settings)
    assert counter.rows == 2 * 2 * 5 * (2 * 3 + 4 + 4)
    assert second["board"]["rows"][0]["cells"][PAIR]["fd"] != first["board"]["rows"][0]["cells"][PAIR]["fd"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"adapters": ["mine/none"]}, "There is no adapter 'mine/none'"),
        ({"adapters": ["mine/nameless"]}, "moves no attribute that can be read"),
        ({"adapters": ["mine/big"], "strengths": [-9, 1]}, "A strength of -9 does not fit"),
        ({"adapters": ["mine/big"], "strengths": [2, 3]}, "at least two strengths of 1 or less"),
    ],
)
def test_what_does_not_fit_is_one_sentence(studio: Jobs, warm: ModelCache, settings: dict[str, Any], words: str) -> None:
    add_adapter(studio, warm, "big", "size")
    add_adapter(studio, warm, "nameless", "")
    with pytest.raises(ValueError, match=words):
        studio.submit("study", {**REQUEST, "settings": settings})


def test_without_shipped_sliders_it_says_so(studio: Jobs, warm: ModelCache) -> None:
    add_adapter(studio, warm, "big", "size")  # people's own are named, so that a preset asks the same everywhere
    with pytest.raises(ValueError, match="No slider is shipped for"):
        studio.submit("study", REQUEST)


def test_the_page_has_a_map_and_a_line_for_every_cell(studio: Jobs, warm: ModelCache) -> None:
    add_adapter(studio, warm, "big", "size", 1)
    found = execute(studio, warm, settings={"adapters": ["mine/big"], "strengths": [-1, 1]})
    for narrow in (False, True):
        drawn = figure(found, narrow)
        assert drawn is not None and len(drawn["data"][0]["z"][0]) == 3
    table = transfer.table(found)
    assert table is not None and len(table["rows"]) == 3
    assert all(len(row["cells"]) == len(table["heads"]) - 1 for row in table["rows"])
    theirs = transfer.theirs(found)
    assert theirs is not None and "Not measured here" in theirs["title"]
    assert all(len(row["cells"]) == len(theirs["heads"]) - 1 for row in theirs["rows"])


def test_the_page_of_findings_has_a_line_for_every_cell_and_marks_what_is_not_ours(studio: Jobs, warm: ModelCache) -> None:
    add_adapter(studio, warm, "big", "size", 1)
    found = execute(studio, warm, settings={"adapters": ["mine/big"], "strengths": [-1, 1]})
    lines = findings_tables.transfer(found)
    ours, rest = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert len(ours) == 2 + 3
    assert len({line.count("|") for line in ours}) == 1
    assert rest[0].startswith("*Not ours*: ") and "arXiv 2503.10637" in rest[0]
    assert findings_tables.transfer({"board": {"rows": []}}) == []
