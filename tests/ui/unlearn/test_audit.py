"""The audit on the page without a browser: what there is to choose from, the form as a request, the board."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import gradio as gr
import pytest

from studio.capabilities.audit.attacks import ATTACKS
from studio.capabilities.audit.known_attacks import cards
from studio.capabilities.audit.request import AuditRequest
from studio.jobs.jobs import Jobs
from studio.library.adapters import CARD, FILE, architecture, home
from studio.library.models import load_registry
from studio.metrics.proportion import wilson
from studio.ui.jobs.background import Background
from studio.ui.jobs.panel import JobsPanel
from studio.ui.kit import parts
from studio.ui.kit.exports import csv_text
from studio.ui.unlearn import audit_choices
from studio.ui.unlearn.audit_runs import Audits
from studio.ui.unlearn.audit_view import AuditView
from studio.ui.unlearn.runs import Unlearnings
from studio.ui.unlearn.tab import UnlearnTab

TITLES = {"seeds": "Many seeds of plain prompts", "search": "Token search", "relearning": "Relearning"}
REQUEST = {"adapter": "mine/no-cat", "model": "", "never_saw": "nano/dmd2", "concept": "", "attacks": list(TITLES), "budget": 1.0,
           "pictures": 64, "seed": 0}  # fmt: skip


@pytest.fixture
def forgetting(jobs: Jobs) -> Jobs:
    """With an adapter that forgets cats on the nano teacher, as lists read it, and a model that says that it never saw one."""
    teacher = load_registry(jobs.paths).get("nano/teacher")
    folder = home(jobs.paths) / "mine" / "no-cat"
    folder.mkdir(parents=True)
    (folder / FILE).write_bytes(b"")
    card = {"title": "no-cat", "kind": "forgetting", "base": teacher.id, "attribute": "cat", "settings": {"forget": "cat, boat"}}
    about = {"domain": teacher.domain, "size": teacher.size, "architecture": architecture(teacher.folder), "ranks": [4],
             "layers": 4, "words": [], "card": card}  # fmt: skip
    (folder / CARD).write_text(json.dumps({**card, **about}))
    jobs.paths.models.mkdir(parents=True, exist_ok=True)
    said = {"id": "mine/stranger", "title": "Stranger", "role": "teacher", "domain": "pocket", "size": 32,
            "folder": str(teacher.folder), "oracle": str(teacher.oracle), "summary": "It never saw a cat."}  # fmt: skip
    (jobs.paths.models / "stranger.yaml").write_text(json.dumps(said))
    return jobs


@pytest.fixture
def tab(forgetting: Jobs) -> UnlearnTab:
    with gr.Blocks():
        header = parts.header([])
        return UnlearnTab(Unlearnings(forgetting), JobsPanel(Background(forgetting), header), header)


def test_attacks_are_described_without_importing_them() -> None:
    known = {name: (one.title, one.clause, one.access, one.order) for name, one in ATTACKS.all().items()}
    found = cards()
    assert {one["name"]: (one["title"], one["clause"], one["access"]) for one in found} == {n: k[:3] for n, k in known.items()}
    assert [one["name"] for one in found] == sorted(known, key=lambda name: known[name][3])


def test_models_whose_card_says_that_they_never_saw_it_are_told_apart(forgetting: Jobs) -> None:
    found = audit_choices.options(forgetting.paths)
    (adapter,) = found["adapters"]
    assert (adapter["id"], adapter["base"]) == ("mine/no-cat", "nano/teacher")
    assert [(one["words"], one["said"]) for one in adapter["concepts"]] == [
        ("cat", ["nano/without-cat", "nano/without-cat-dmd2", "mine/stranger"]),
        ("boat", []),
    ]
    assert "nano/dmd2" in adapter["models"] and "pocket/dmd2" not in adapter["models"]
    assert [field["value"] for field in found["numbers"]] == ["1", "64"]


def test_a_library_without_such_an_adapter_has_nothing_to_audit(jobs: Jobs) -> None:
    assert audit_choices.options(jobs.paths)["adapters"] == []


def form(**changes: Any) -> dict[str, Any]:
    return {"adapter": "mine/no-cat", "model": "", "never_saw": "", "concept": "", "attacks": ["seeds"],
            "numbers": {"budget": "0.1", "pictures": "8"}, **changes}  # fmt: skip


def test_the_form_becomes_a_request() -> None:
    asked = AuditRequest.model_validate(audit_choices.request(form()))
    assert (asked.chosen, asked.budget, asked.pictures) == (("seeds",), 0.1, 8)
    assert audit_choices.request(form(attacks=[one["name"] for one in cards()]))["attacks"] == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"adapter": ""}, "No adapter is chosen"),
        ({"attacks": []}, "No attack is chosen"),
        ({"numbers": {"budget": "much", "pictures": "8"}}, "Budget"),
        ({"numbers": {"budget": "1", "pictures": "2"}}, "Pictures"),
        ({"adapter": "pocket/size"}, "was not made to forget anything"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tab: UnlearnTab, changes: dict[str, Any], said: str) -> None:
    found = tab.audit.submit(json.dumps(form(**changes)))
    assert list(found) == [tab.audit.problem] and said in found[tab.audit.problem]


def test_an_audit_is_started_found_again_opened_from_the_panel_and_put_away(tab: UnlearnTab) -> None:
    shown = tab.audit.submit(json.dumps(form()))
    run_id = shown[tab.audit.run_id]
    board = shown[tab.audit.board]
    assert (board["state"], board["title"], board["verdict"]) == ("queued", "mine/no-cat on Nano teacher, attacked", "")
    assert board["waiting"] == [{"title": TITLES["seeds"], "now": False}] and board["asked"]["numbers"]["budget"] == "0.1"
    tab.tabs = gr.Tabs()
    for words in (f"unlearn {run_id} ", f"  {run_id}"):
        found = tab.arrive_audit(words)
        assert tab.tabs in found and found[tab.audit.run_id] == run_id
    assert tab.arrive_audit("unlearn  ") == {tab.audit.problem: ""}
    opened = tab.open(run_id)
    assert opened[tab.audit.run_id] == run_id and set(opened) <= tab.opening
    assert opened[tab.audit.form]["recent"][0]["id"] == run_id
    assert tab.audit.put_away()[tab.audit.board] == {"run": None}
    background = tab.panel.background
    view, info = background.look(run_id)
    assert "open" not in background.allowed(info, view), "no tab has said that it shows audits"
    background.opened = set(tab.opens)
    assert background.allowed(info, view)[0] == "open"


def share(hits: int, n: int = 64) -> dict[str, Any]:
    return wilson(hits, n).to_dict()


def row(name: str, edited: int, original: int = 60, never: int = 2) -> dict[str, Any]:
    return {"name": name, "edited": share(edited), "original": share(original), "never_saw": share(never)}


def finding(name: str, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"attack": name, "title": TITLES[name], "clause": name, "access": "weights", "rows": rows, "told": len(rows) - 1,
            "floor": None, "spent": "40 updates", "seconds": 12.0, "more": more,
            "pictures": {"edited": [{"file": f"artifacts/{name}/edited-0.png", "hit": True}]}}  # fmt: skip


SEEDS = finding("seeds", [row("plain prompts", 0)])
SEARCH = finding("search", [row("the best prompt", 1)], prompts={"edited": "rosy", "original": "cat"})
RELEARNING = finding("relearning", [row("after 0 updates", 0), row("after 5 updates", 50)],
                     half={"edited": 4.0, "original": None}, curve={"over": "updates", "at": [0, 5], "rows": [0, 1]})  # fmt: skip


def view(kept: dict[str, Any]) -> AuditView:
    return AuditView("r", REQUEST, {"model": "Nano teacher", "attacks": TITLES}, lambda: deepcopy(kept))


def test_attacks_appear_as_they_are_finished_and_say_which_one_goes_on() -> None:
    kept: dict[str, Any] = {"done": {"seeds": SEEDS}, "left_out": {}}
    seen = view(kept)
    seen.apply({"kind": "state", "state": "running", "note": "Token search …"})
    seen.apply({"kind": "progress", "done": 1, "total": 3})
    board = seen.board()
    assert [one["title"] for one in board["rows"]] == [TITLES["seeds"]] and board["rows"][0]["said"] == "no longer shown"
    assert board["waiting"] == [{"title": "Token search", "now": True}, {"title": "Relearning", "now": False}]
    assert board["status"]["text"] == "1 of 3 attacks · Token search …" and board["verdict"] == ""
    kept["done"]["search"] = SEARCH
    assert len(seen.board()["rows"]) == 1, "what is kept is read again once an attack is told"
    seen.apply({"kind": "attack", "attack": "search", "done": True})
    assert len(seen.board()["rows"]) == 2
    seen.apply({"kind": "notice", "text": "Relearning is left out: Nothing can be learned."})
    kept["left_out"]["relearning"] = {"attack": "relearning", "title": "Relearning", "why": "Nothing can be learned."}
    seen.apply({"kind": "attack", "attack": "relearning", "done": False})
    board = seen.board()
    assert board["waiting"] == [] and board["notices"] == []
    assert board["left_out"] == [{"title": "Relearning", "why": "Nothing can be learned."}]


def test_the_report_has_failures_first_with_shares_pictures_and_curves() -> None:
    seen = view({})
    seen.finish({"verdict": "It comes back.", "attacks": [SEEDS, SEARCH, RELEARNING], "left_out": [], "notices": [],
                 "report": "artifacts/report/audit.html"})  # fmt: skip
    seen.apply({"kind": "state", "state": "done", "note": ""})
    board = seen.board()
    assert [(one["attack"], one["said"]) for one in board["rows"]] == [
        ("relearning", "brings it back"), ("search", "does not bring it back"), ("seeds", "no longer shown"),
    ]  # fmt: skip
    first = board["rows"][0]
    assert [one["text"] for one in first["cells"]] == ["78 %", "94 %", "3 %"] and first["cells"][0]["n"] == 64
    assert first["what"] == "after 5 updates" and first["spent"] == "40 updates; 12 s" and len(first["rows"]) == 2
    assert first["reached"] == "One half is reached: edited after 4 updates; original not within these updates."
    curve = json.loads(first["curve"])
    assert [(line["name"], line["x"]) for line in curve["data"]] == [
        ("edited", [0, 5]), ("original", [0, 5]), ("never saw it", [0, 5])
    ]  # fmt: skip
    assert first["pictures"] == [{"name": "edited", "pictures": RELEARNING["pictures"]["edited"]}]
    assert board["rows"][1]["quotes"] == [{"name": "edited", "text": "rosy"}, {"name": "original", "text": "cat"}]
    assert (board["verdict"], board["report"], board["waiting"]) == ("It comes back.", "artifacts/report/audit.html", [])


def test_figures_are_saved_with_their_ends_and_their_n(tab: UnlearnTab, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = tab.audit.submit(json.dumps(form()))[tab.audit.run_id]
    monkeypatch.setattr(AuditView, "findings", lambda self: [SEEDS, SEARCH])
    saved = Audits(tab.jobs).to_save({"run": run_id})
    text = csv_text(saved.tables)
    assert text.startswith("table,row,what,edited,edited low,edited high,edited n,original,")
    assert "attacks,Token search,the best prompt," in text and saved.document["request"]["adapter"] == "mine/no-cat"
