"""`--json` on every command: one JSON document on standard output, and nothing else there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from studio.cli import app, executing, jobs
from studio.domains.media import image
from studio.jobs.executors import dispatch
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.paths import ASSETS
from studio.library import space, votes
from studio.sampling.plan import Plan, Segment
from tests.cli.test_app import command
from tests.support.model_hub import ModelHub, pipeline

WITHOUT = {"serve": "is the page, until it is stopped", "jobs watch": "prints a document for every event, as it comes"}
PAIR, TEACHER, ADAPTER = "nano/dmd2", "nano/teacher", "nano/size"
DRAW = f"cat --pair {PAIR} --seeds 1"
WORDS = {  # after each command; {…} is what Places makes
    "compare": DRAW, "scrub": DRAW, "control": f"{DRAW} --vary {ADAPTER}", "grid": f"{DRAW} --x rho=0,1", "methods": "distill",
    "unlearn": f"cat --model {TEACHER}", "audit": "{forgot}", "evaluate": PAIR, "status": "", "inspect": "{picture}",
    "runs list": "", "runs show": "{run}", "runs rerun": "{ended}", "runs cancel": "{run}", "runs delete": "{ended}",
    "runs report": "{measured} --out {new}.html", "models card": TEACHER, "adapters card": ADAPTER,
    "runs": "--find cat --kind compare", "runs beside": "{run} {run}", "runs rename": "{run} mine", "runs tag": "{run} cats",
    "runs favourite": "{run}", "runs restore": "{thrown}", "runs trash": "--empty",
    "jobs submit": "{spec}", "jobs list": "", "jobs show": "{run}", "jobs stop": "{training}", "jobs pause": "{training}",
    "jobs resume": "{stopped}", "jobs cancel": "{run}", "jobs save": "{going}", "jobs sample": "{going}",
    "jobs move": "{training} first", "jobs delete": "{run}", "jobs run": "{training}", "jobs cost": "{spec}",
    "jobs dispatch": "hf-jobs", "models": "", "models list": "", "models show": TEACHER, "models add": "Ada/XL",
    "models download": "{listed}", "models remove": "{listed} --yes", "models search": "XL", "adapters list": "",
    "adapters show": ADAPTER, "adapters import": "{exported} --name got --base nano/teacher",
    "adapters export": f"{ADAPTER} {{new}}.safetensors", "adapters merge": f"{TEACHER} merged --adapter {ADAPTER}",
    "adapters pick": "{ended}", "adapters delete": "{forgot}", "controlnets list": "", "controlnets show": "nano/edges",
    "controlnets add": "{plain} --name plain", "controlnets export": "nano/edges {new}", "controlnets delete": "{control}",
    "subjects list": "", "subjects show": "pocket/ink", "subjects add": "spots --noun house --pictures {pictures}",
    "subjects draw": "drawn --shows subject=house --pictures 1 --held 0", "subjects remove": "{subject}",
    "votes list": "", "votes show": "{votes}", "votes export": "{votes} {new}", "votes import": "again {ballot}",
    "votes remove": "{votes}", "space push": "ada/studio",
}  # fmt: skip


def leaves(of: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """(its words, the command) of every command that does something."""
    of = typer.main.get_command(app.app) if of is None else of
    below = getattr(of, "commands", {})
    if not below or of.invoke_without_command:
        yield " ".join(path), of
    for name, one in below.items():
        yield from leaves(one, (*path, name))


class Places(dict[str, str]):
    """What commands are about, made when it is asked for."""

    def __init__(self, studio: Jobs, hub: ModelHub, new: Path, say: Any):
        self.studio, self.hub, self.folder, self.say = studio, hub, new, say
        super().__init__(new=str(new / "new"), spec=str(new / "spec.json"))
        spec = {"kind": "distill", "name": "pupil", "teacher": "toy/teacher", "objective": "toy", "steps": 10, "measure_every": 0}
        Path(self["spec"]).write_text(json.dumps(spec))

    def __missing__(self, name: str) -> str:
        return str(getattr(self, f"_{name}")())

    def _run(self) -> str:
        return self.studio.submit("compare", {"prompt": "cat", "pair": PAIR, "seeds": [0]})

    def _measured(self) -> str:
        arm = {"arm": "teacher", "label": "Teacher", "plan": {"segments": []}, "nfe": 50, "seconds_per_image": 1.0}
        arm |= {"measures": {}, "images": []}
        (self.studio.paths.run(run := self._run()) / "result.json").write_text(json.dumps({"arms": [arm], "recovery": []}))
        return run

    def _ended(self) -> str:
        return self.studio.cancel(self._run()).id

    def _thrown(self) -> str:
        self.studio.delete(run := self._ended(), to_trash=True)
        return run

    def _training(self) -> str:
        spec = json.loads(Path(self["spec"]).read_text())
        return self.studio.submit(spec.pop("kind"), spec)

    def _stopped(self) -> str:
        return self.studio.stop(self._training()).id

    def _going(self) -> str:
        run_id = self._training()
        assert self.studio.claim(self.studio.get(run_id).station, identity(), run_id)
        return run_id

    def _forgot(self) -> str:
        made = self._copied("adapters", "size")
        card = json.loads((made / "card.json").read_text())
        card["card"] |= {"kind": "forgetting", "settings": {"forget": "cat"}}
        (made / "card.json").write_text(json.dumps(card))
        return "mine/size"

    def _control(self) -> str:
        self._copied("controlnets", "edges")
        return "mine/edges"

    def _copied(self, what: str, name: str) -> Path:
        return Path(shutil.copytree(ASSETS / "nano" / what / name, self.studio.paths.root / what / "mine" / name))

    def _exported(self) -> Path:
        return Path(shutil.copy(ASSETS / "nano" / "adapters" / "size" / "adapter.safetensors", self.folder))

    def _plain(self) -> Path:
        self.say("controlnets", "export", "nano/edges", str(self.folder / "plain"))
        return self.folder / "plain"

    def _listed(self) -> str:
        self.say("models", "add", "Ada/XL")
        return "ada/xl"

    def _pictures(self) -> Path:
        (self.folder / "pictures").mkdir()
        shutil.copy(next((ASSETS / "subjects" / "pocket" / "ink").rglob("*.png")), self.folder / "pictures" / "1.png")
        return self.folder / "pictures"

    def _subject(self) -> str:
        self.say("subjects", "add", "spots", "--noun", "house", "--pictures", str(self._pictures()))
        return "mine/spots"

    def _picture(self) -> Path:
        path = self.folder / "drawn.png"
        path.write_bytes(image.png_bytes(np.zeros((8, 8, 3), np.uint8), {"request": {"prompt": "cat"}}))
        return path

    def _votes(self) -> str:
        plan = Plan(name="p", segments=(Segment(model="student", timesteps=(999,), rule="lcm"),))
        one = votes.Vote(prompt="cat", seeds=(0, 1), choice="left")
        votes.add(self.studio.paths, "mine", votes.VoteSet(model=PAIR, domain="pocket", plan=plan), [one])
        return "mine"

    def _ballot(self) -> Path:
        path = self.folder / "ballot.json"
        self.say("votes", "export", self._votes(), str(path))
        return path


class Left:
    """An executor that ends a run at once instead of drawing it."""

    problem, here = "", False

    def __init__(self, jobs: Jobs, run_id: str, device: str | None = None):
        self.jobs, self.run_id = jobs, run_id

    def start(self) -> None:
        self.jobs.cancel(self.run_id)

    def is_alive(self) -> bool:
        return False

    def join(self, seconds: float) -> None:
        pass


@pytest.fixture
def places(school: Jobs, model_hub: ModelHub, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("STUDIO_DATA_DIR", str(school.paths.root))
    monkeypatch.setenv("STUDIO_DEVICE", "cpu")
    for module in (executing, jobs):
        monkeypatch.setattr(module, "Executor", Left)
    monkeypatch.setattr(dispatch, "serve", lambda *given, **how: print("It is looked after already.") or 3)
    monkeypatch.setattr(space, "push", lambda *given: space.Pushed(3, 1, "https://there/ada/studio"))
    model_hub.add("Ada/XL", pipeline())
    return Places(school, model_hub, tmp_path, lambda *words: command(capsys, monkeypatch, *words))


def test_every_command_takes_json_or_says_why_not() -> None:
    takes = {name for name, one in leaves() if any("--json" in given.opts for given in one.params)}
    every = {name for name, _ in leaves()}
    assert every - takes == {"serve"} and takes - set(WITHOUT) == set(WORDS)
    assert set(WITHOUT) <= every


@pytest.mark.parametrize("name", WORDS)
def test_json_is_one_document_and_nothing_else(places: Places, name: str) -> None:
    words = [word.format_map(places) for word in WORDS[name].split()]
    status, out, err = places.say(*name.split(), *words, "--json")
    assert out, err
    said = json.loads(out)  # a second document, or a sentence beside it, would not parse
    assert isinstance(said, dict | list)
    drawn = ("compare", "scrub", "control", "grid")
    ends = name in (*drawn, "unlearn", "audit", "evaluate", "runs rerun", "jobs run", "models download")
    assert status == (1 if ends else 3 if name == "jobs dispatch" else 0), err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("runs delete {ended}", {"removed": True, "days": 7}),
        ("runs restore {thrown}", {"state": "cancelled", "restored": True}),
        ("runs tag {run} Cats best", {"tags": ["cats", "best"]}),
        ("runs rename {run} mine", {"name": "mine"}),
        ("runs favourite {run}", {"favourite": True}),
        ("adapters delete {forgot}", {"id": "mine/size", "removed": True}),
        ("adapters merge nano/teacher merged --adapter nano/size", {"id": "mine/merged"}),
        ("controlnets delete {control}", {"id": "mine/edges", "removed": True}),
        ("subjects remove {subject}", {"id": "mine/spots", "removed": True}),
        ("votes import again {ballot}", {"name": "again", "model": PAIR, "votes": 1, "decided": 1}),
        ("votes remove {votes}", {"name": "mine", "removed": True}),
        ("space push ada/studio", {"page": "https://there/ada/studio", "files": 3, "removed": 1}),
    ],
)
def test_what_was_changed_is_named(places: Places, words: str, said: dict[str, Any]) -> None:
    told = json.loads(places.say(*(word.format_map(places) for word in words.split()), "--json")[1])
    assert {key: told[key] for key in said} == said
