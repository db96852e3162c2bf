"""Broken modules: each is one sentence, and everything else goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from studio.core.registry import Registry, missing, stamp
from studio.jobs.paths import ROOT

PAGE = ("STUDIO_KINDS", "STUDIO_DOMAINS", "STUDIO_FAMILIES", "STUDIO_REMEDIES", "STUDIO_STUDIES", "STUDIO_FIGURES", "STUDIO_TABS")
WORKER = ("STUDIO_OBJECTIVES", "STUDIO_METRICS")
PROGRAM = """
from studio.library.stock import open_jobs
from studio.ui.app import build, problems
parts = build(open_jobs("data")).config["components"]
print([part["props"]["label"] for part in parts if part["type"] == "tabitem"])
print(*problems(), sep="\\n")
"""


def started(tmp_path: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **variables, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    return subprocess.run([sys.executable, *command], env=env, cwd=tmp_path, capture_output=True, text=True)


def test_the_page_stands_and_says_a_sentence_for_every_broken_module(tmp_path: Path) -> None:
    for variable in PAGE:
        (tmp_path / f"torn_{variable[7:].lower()}.py").write_text("import nothing_like_it\n")
    variables = {name: f"torn_{name[7:].lower()}" for name in (*PAGE, *WORKER)}
    done = started(tmp_path, "-c", PROGRAM, **variables)
    assert done.returncode == 0, done.stderr
    tabs, *said = done.stdout.splitlines()[-1 - len(variables) :]
    assert tabs.startswith("['Compare', 'Live', 'Scrub', ") and "'Distill'" in tabs and tabs.endswith("'Gallery']")
    assert sorted(said) == sorted([
        *(f"The module {variables[name]}, which ${name} names, cannot be used: ModuleNotFoundError: No module named "
          "'nothing_like_it'." for name in PAGE),
        *(f"The module {variables[name]}, which ${name} names, cannot be used: there is no such module." for name in WORKER),
    ])  # fmt: skip


def test_a_command_does_its_work_and_says_what_was_broken(tmp_path: Path) -> None:
    (tmp_path / "torn.py").write_text("raise RuntimeError('half\\nwritten.')\n")
    done = started(tmp_path, "-m", "studio", "models", "--json", "--data-dir", "data", STUDIO_FAMILIES="torn")
    assert done.returncode == 0 and "nano/teacher" in done.stdout
    said = " ".join(done.stderr.split())
    assert said == "The module torn, which $STUDIO_FAMILIES names, cannot be used: RuntimeError: half written."


def test_a_module_in_a_package_that_is_nowhere_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_THINGS", "nowhere.at_all, json")
    assert missing("STUDIO_THINGS") == ["The module nowhere.at_all, which $STUDIO_THINGS names, cannot be used: "
                                        "there is no such module."]  # fmt: skip


def test_a_stamp_changes_with_the_names_and_with_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a_thing.py"
    file.write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    stamps = [stamp("STUDIO_THINGS")]
    for names in ("a_thing", "a_thing, nowhere.at_all"):
        monkeypatch.setenv("STUDIO_THINGS", names)
        stamps.append(stamp("STUDIO_THINGS"))
    file.write_text("x = 1 + 1\n")
    stamps.append(stamp("STUDIO_THINGS"))
    assert len(set(stamps)) == 4


@pytest.mark.parametrize(("what", "many"), [("kind of job", "kinds of job"), ("remedy", "remedies"), ("study", "studies")])
def test_two_of_a_name_are_refused_in_words(what: str, many: str) -> None:
    things: Registry[int] = Registry("studio.domains.media", what)
    things.add("x")(1)
    with pytest.raises(ValueError, match=f"There are two {many} called 'x'"):
        things.add("x")(2)
