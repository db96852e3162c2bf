"""The registry, the catalogue, the warm cache, history, and what must not import torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from studio.core.files import atomic_write
from studio.jobs import history
from studio.jobs.jobs import Jobs
from studio.jobs.paths import ASSETS, ROOT, Paths, default_data_dir, open_paths
from studio.library.catalogue import catalogue
from studio.library.models import load_registry
from studio.library.provenance import changed_models, missing_models
from studio.worker import run_job
from studio.workshop.open_models import ModelCache, pick_device

SHIPPED = ["pocket/teacher", "pocket/dmd2", "pocket/lcm", "nano/teacher", "nano/dmd2", "nano/lcm",
           "nano/without-cat", "nano/without-cat-dmd2",
           "nano/without-snow", "nano/without-snow-dmd2"]  # fmt: skip


def test_engine_library_and_requests_never_import_torch() -> None:
    """Every module of these rooms, opened in a process of its own, and what the page asks of them."""
    folders = [*(ROOT / "studio" / room for room in ("jobs", "library", "cli")), ROOT / "studio" / "worker.py"]
    files = [file for folder in folders for file in (folder.rglob("*.py") if folder.is_dir() else [folder])]
    files += [*(ROOT / "studio" / "capabilities").glob("*/request.py"), *(ROOT / "studio" / "capabilities").glob("*/commands.py")]
    names = sorted(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files)
    code = "import sys, tempfile, pathlib\n" + "".join(f"import {name}\n" for name in names)
    code += (
        "from studio.library.stock import open_jobs; from studio.library.catalogue import catalogue\n"
        "jobs = open_jobs(pathlib.Path(tempfile.mkdtemp())); catalogue(jobs.paths); jobs.status(); jobs.list()\n"
        "bad = {'torch', 'diffusers', 'transformers', 'gradio', 'plotly'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_shipped_models_are_all_listed_with_a_reason_when_missing() -> None:
    registry = load_registry()
    assert [entry.id for entry in registry.entries.values() if entry.source is None] == SHIPPED
    assert all(entry.to_come for entry in registry.entries.values() if entry.source is not None), "listed, and not offered"
    assert registry.problems == {}
    assert [pair.id for pair in registry.pairs()] == [
        "pocket/dmd2",
        "pocket/lcm",
        "nano/dmd2",
        "nano/lcm",
        "nano/without-cat-dmd2",
        "nano/without-snow-dmd2",
    ]
    for entry in registry.entries.values():
        assert entry.available == (entry.reason == "")
        if entry.source is None and not entry.folder.is_dir():
            assert entry.id in entry.reason
            assert "missing" in entry.reason
        assert str(ROOT) not in json.dumps(entry.plain()), "no paths of this machine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "models"),
        ("[1]", "named fields"),
        ("title: x\n", "id is missing"),
        ("id: x\n", "family/name"),
        ("id: ../etc\ntitle: x\nrole: teacher\ndomain: d\nfolder: f\nsize: 8\n", "family/name"),
        ("id: a/b\ntitle: x\nrole: boss\ndomain: d\nfolder: f\nsize: 8\n", "role"),
        ("!!python/object/apply:os.system [x]", "constructor"),
        ("id: pocket/teacher\ntitle: x\nrole: teacher\ndomain: d\nfolder: f\nsize: 8\n", "already a model"),
        ("x" * 70_000, "bytes"),
    ],
)
def test_a_bad_model_file_is_listed_and_stops_nothing(tmp_path: Path, text: str, words: str) -> None:
    paths = open_paths(tmp_path / "data")
    (paths.models / "bad.yaml").write_text(text)
    registry = load_registry(paths)
    assert [entry.id for entry in registry.entries.values() if entry.source is None] == SHIPPED
    assert all(entry.to_come for entry in registry.entries.values() if entry.source is not None), "listed, and not offered"
    assert set(registry.problems) == {"bad.yaml"}
    assert "\n" not in registry.problems["bad.yaml"]
    if words not in ("models", "constructor"):
        assert words in registry.problems["bad.yaml"]


def test_models_of_the_data_folder_stand_beside_the_shipped_ones(studio: Jobs) -> None:
    registry = load_registry(studio.paths)
    assert [e.id for e in registry.entries.values() if e.available and e.domain == "pocket"][-2:] == [
        "tiny/student", "tiny/teacher",
    ]  # fmt: skip
    pair = registry.usable("tiny/student")
    assert (pair.teacher.id, pair.student.steps, pair.student.valid_steps) == ("tiny/teacher", 4, (4,))
    assert pair.teacher.guidance == 4.0
    assert pair.teacher.timesteps(4) == (751.0, 501.0, 251.0, 1.0), "spaced as the checkpoint's scheduler does"


def test_the_catalogue_is_plain_json_and_follows_what_changes(studio: Jobs) -> None:
    first = catalogue(studio.paths)
    assert json.loads(json.dumps(first)) == first == catalogue(studio.paths)
    assert (studio.paths.cache / "catalogue.json").is_file()
    schema = first["kinds"]["compare"]["schema"]
    assert schema["properties"]["teacher_steps"]["maximum"] == 100
    assert schema["properties"]["prompt"]["maxLength"] == first["limits"]["prompt_characters"] == 2000
    pair = next(pair for pair in first["pairs"] if pair["id"] == "tiny/student")
    assert pair["available"]
    assert pair["arms"][:4] == ["teacher", "teacher-unguided", "student", "hybrid-1"]
    world = first["domains"]["pocket"]
    assert "house" in world["vocabulary"]
    assert world["words"]["color"]["red"][0] == "red"
    assert world["examples"]
    assert first["domains"]["plain"]["factors"] == {}
    (studio.paths.models / "student.yaml").unlink()
    second = catalogue(studio.paths)
    assert second["version"] != first["version"]
    assert len(second["pairs"]) == len(first["pairs"]) - 1
    (studio.paths.cache / "catalogue.json").write_text("damaged")
    assert catalogue(studio.paths) == second


def test_the_warm_cache_lets_go_of_the_least_recently_used(tmp_path: Path) -> None:
    cache = ModelCache("cpu", limit_bytes=100)
    made: list[str] = []

    def get(name: str, stamp: int = 0) -> object:
        return cache.keep(name, (stamp,), lambda: made.append(name) or object(), 40)

    first = get("a/a")
    get("b/b")
    assert get("a/a") is first
    assert cache.ids == ("b/b", "a/a")
    assert cache.bytes == 80
    get("c/c")
    assert cache.ids == ("a/a", "c/c"), "b was used longest ago"
    assert get("a/a", stamp=1) is not first, "its files changed"
    assert made == ["a/a", "b/b", "c/c", "a/a"]


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:", "", "../cpu", "cpu:0"])
def test_an_unknown_device_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDIO_DEVICE", raising=False)
    if device == "":
        assert pick_device(device) in ("cpu", "cuda", "mps")
        return
    with pytest.raises(ValueError, match="device|There is no"):
        pick_device(device)
    assert pick_device("cpu") == "cpu"


def test_the_data_folder_comes_from_the_flag_then_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_DATA_DIR", str(tmp_path / "env"))
    assert default_data_dir() == tmp_path / "env"
    assert open_paths().root == tmp_path / "env"
    assert open_paths(tmp_path / "flag").root == tmp_path / "flag"
    with pytest.raises(ValueError, match="served"):
        open_paths(ASSETS / "mine")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="cannot be used"):
        open_paths(tmp_path / "file")


def test_writing_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    atomic_write(path, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("studio.jobs.paths.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_history_opens_repeats_and_exports(jobs: Jobs, tmp_path: Path) -> None:
    run_id = jobs.submit("sleepy", {"steps": 2})
    run_job(jobs.paths.run(run_id))
    opened = history.open_run(jobs, run_id)
    assert opened.request["steps"] == 2
    assert opened.result == {"slept": 2}
    assert opened.progress is not None
    assert opened.progress["done"] == 2
    assert opened.environment is not None
    again = history.rerun(jobs, run_id, steps=3)
    assert jobs.spec(again).parent == run_id
    assert jobs.spec(again).config["steps"] == 3
    assert [info.id for info in history.list_runs(jobs)] == [again, run_id]
    assert history.export(jobs, run_id, tmp_path / "out") == [tmp_path / "out" / "result.json"]


def test_changed_and_missing_models_are_said(studio: Jobs) -> None:
    then = {"tiny/teacher": {"hash": "a"}, "tiny/student": {"hash": "b"}, "gone/model": {"hash": "c"}}
    now = {"tiny/teacher": {"hash": "a"}, "tiny/student": {"hash": "x"}}
    changed = changed_models(then, now)
    assert len(changed) == 1
    assert "tiny/student" in changed[0]
    assert missing_models(then, load_registry(studio.paths)) == ["gone/model is not on this machine."]


def test_a_kind_that_cannot_be_imported_is_listed_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.jobs.kinds import Kinds

    monkeypatch.setenv("STUDIO_KINDS", "no.such.module")
    kinds = Kinds()
    assert kinds.all() == []
    assert "ModuleNotFoundError" in kinds.unavailable["module"]
    with pytest.raises(ValueError, match="cannot run here"):
        kinds.get("module")
    kinds.add("x", title="X", config=SimpleNamespace, lane="batch")(lambda request, run: {})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two kinds"):
        kinds.add("x", title="X", config=SimpleNamespace, lane="batch")(lambda request, run: {})  # type: ignore[arg-type]


def test_paths_of_lanes_are_names(tmp_path: Path) -> None:
    for lane in ("../x", "", "A", "a/b", "x" * 50, None):
        with pytest.raises(ValueError, match="lane"):
            Paths(tmp_path).lane(lane, "lock")  # type: ignore[arg-type]


def test_a_recipe_that_predicts_something_else_than_its_folder_is_refused(tmp_path: Path) -> None:
    """A student said to give v over weights that give noise draws nonsense, and nothing would say why."""
    paths = open_paths(tmp_path / "data")
    nano = ROOT / "assets" / "nano" / "dmd2"
    shutil.copytree(nano, paths.models / "copy")
    recipe = json.loads((paths.models / "copy" / "recipe.json").read_text())
    (paths.models / "copy" / "recipe.json").write_text(json.dumps({**recipe, "prediction": "eps"}))
    (paths.models / "x.yaml").write_text(
        "id: my/student\ntitle: x\nrole: student\nteacher: nano/teacher\ndomain: pocket\nfolder: copy\nsize: 32\n"
    )
    entry = load_registry(paths).get("my/student")
    assert not entry.available
    assert entry.reason == (
        "The recipe of my/student says that it predicts eps, and its folder says v; the same in both would fit."
    )
