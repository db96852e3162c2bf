"""Experiment files: what is saved of a run is read again as the same request, and a bad file is one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from studio.jobs.jobs import Jobs
from studio.jobs.spec_file import read_spec_file, write_spec
from studio.ui.app import assembled
from studio.ui.kit.experiments import is_experiment, read_experiment
from studio.ui.kit.exports import Saved, saving
from studio.ui.tabs import Fills

COMPARE = {
    "prompt": "a cat: yes, “at night”",
    "pair": "nano/dmd2",
    "arms": ["teacher", "mask-BSSB"],
    "seeds": [1, 5],
    "adapters": ["nano/size=1.5@first"],
}
ASKED: dict[str, dict[str, Any]] = {
    "compare": COMPARE,
    "scrub": {"draw": {"prompt": "a cat", "pair": "nano/dmd2"}},
    "control": {"draw": {"prompt": "a cat", "pair": "nano/dmd2", "arms": ["student"]}, "vary": "nano/size", "strengths": [-1, 0]},
    "grid": {"draw": {"prompt": "a cat", "pair": "nano/dmd2"}, "axes": ["teacher_guidance=none,3"]},
    "study": {"study": "k-sweep", "pair": "nano/dmd2", "seeds": 4},
    "evaluate": {"candidates": [{"model": "nano/dmd2"}, {"model": "nano/teacher"}], "prompts": ["a cat"], "seeds": [3]},
}


def test_a_request_is_read_as_it_was_written(tmp_path: Path) -> None:
    for name, request in {
        "a": {"text": "yes", "none": None, "n": [1, 0.5, True]},
        "b": {"kind": "distill", "request": {}},
    }.items():
        (tmp_path / f"{name}.yaml").write_text(write_spec("trial", request), encoding="utf-8")
        assert read_spec_file(tmp_path / f"{name}.yaml") == ("trial", request)


@pytest.mark.parametrize("kind", ASKED)
def test_what_a_run_asked_for_comes_back(jobs: Jobs, kind: str) -> None:
    run_id = jobs.submit(kind, ASKED[kind])
    config = jobs.spec(run_id).config
    saved = saving(lambda wish: Saved([], {"kind": kind, "request": config}))({"what": "yaml"})
    file = jobs.paths.root / "one.yaml"
    file.write_text(saved["text"], encoding="utf-8")
    assert read_experiment(jobs, str(file)) == (kind, config)
    assert read_spec_file(file) == (kind, json.loads(json.dumps(config))), "jobs run takes it too"


def test_of_several_runs_there_is_no_experiment() -> None:
    assert "of several runs" in saving(lambda wish: Saved([], {"rows": []}))({"what": "yaml"})["problem"]


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind: compare\nprompt: a cat\npair: nano/nobody\n", "There is no model 'nano/nobody'"),
        ("kind: compare\nprompt: a cat\nsead: 1\n", "Did you mean 'seeds'"),
        ("kind: nothing\n", "There is no kind of job called 'nothing'"),
        ("kind: [1]\n", "There is no kind of job"),
        ("- 1\n", "a list of 'field: value' lines would fit"),
        ("a: b: c\n", "is not YAML, line 1"),
        ("kind: compare\nprompt: a cat\nsweep: {seeds: [1, 2]}\n", "is a sweep and makes several runs"),
        ("\0", "is not YAML"),
        (BOMB, "more than 100,000 values"),
    ],
    ids=lambda text: text[:20] if len(text) < 60 else "bomb",
)
def test_a_bad_file_is_one_sentence(jobs: Jobs, text: str, sentence: str) -> None:
    file = jobs.paths.root / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ValueError) as caught:
        read_experiment(jobs, str(file))
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_files_are_told_apart_by_their_names() -> None:
    assert [is_experiment(name) for name in ("a.YAML", "b.yml", "spec.json", "c.png", "", None)] == [True] * 3 + [False] * 3


def test_a_file_dropped_on_the_page_opens_the_tab_it_is_of(jobs: Jobs) -> None:
    moves = assembled(jobs)
    restore, file = moves.compare.restore, jobs.paths.root / "dropped.yaml"
    filled = {kind for tab in moves.page.built.values() if isinstance(tab, Fills) for kind in tab.fills}
    assert {"compare", "scrub", "control", "grid", "study", "distill"} <= filled
    for kind, request in ASKED.items():
        if kind not in filled:
            continue
        file.write_text(write_spec(kind, jobs.validate(kind, request).model_dump(mode="json")), encoding="utf-8")
        updates = moves.experiment({restore: str(file)})
        tab = next(name for name, one in moves.page.built.items() if isinstance(one, Fills) and kind in one.fills)
        assert updates[moves.tabs].selected == tab
        one = moves.page.built[tab]
        assert isinstance(one, Fills) and set(updates) <= {moves.tabs, *one.filling}, "Gradio takes no others"
    unlearn, audit = moves.unlearn, {"adapter": "mine/no-cat", "model": "nano/teacher", "attacks": []}
    forget = {"base": "nano/teacher", "forget": "cat", "becomes": "house", "name": "no-cat", "steps": 7}
    updates = moves.experiment({restore: _written(file, "unlearn", forget)})
    told = updates[unlearn.board]
    assert set(updates) <= {moves.tabs, *unlearn.filling}
    assert told["run"] is None and told["asked"]["becomes"] == "house" and told["asked"]["run"]["steps"] == "7"
    assert unlearn.filled_with("audit", audit)[unlearn.audit.board]["asked"]["model"] == "nano/teacher"
    subject = {"subject": "pocket/ink", "base": "nano/teacher", "name": "ink", "steps": 55, "method": "dreambooth"}
    personal = moves.personalize.filled_with("personalize", subject)
    assert set(personal) <= moves.personalize.filling
    assert personal[moves.personalize.board]["asked"]["subject"] == "pocket/ink" and personal[moves.personalize.modes]
    updates = moves.experiment({restore: _written(file, "compare", COMPARE)})
    form = moves.compare.form
    assert updates[form.prompt] == COMPARE["prompt"] and updates[form.seeds] == "1, 5" and updates[form.mask] == "BSSB"
    assert moves.experiment({restore: "picture.png"}) == {moves.tabs: gr.skip()}
    assert moves.compare.restore_png({restore: str(file)}) == {moves.compare.run_id: gr.skip()}
    updates = moves.experiment({restore: _written(file, "mixture", {})})
    assert "No form of this page is for a mixture job" in updates[moves.compare.problem]
    assert updates[moves.tabs].selected == "compare", "where files are taken"


def _written(file: Path, kind: str, request: dict[str, Any]) -> str:
    file.write_text(write_spec(kind, request), encoding="utf-8")
    return str(file)
