"""The page's scripts: what they import is there, nothing imports itself round a corner, parts are small, and deno agrees."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from studio.jobs.paths import ROOT
from studio.ui.kit import scripts
from tests.test_house import MOST, circles

LONGEST = 130  # characters of a line
DENO = shutil.which("deno")


HEAD = re.compile(r"(export )?(async )?function |(async |get |set )*\w+\(.*\) \{$|(export )?const \w+ = .*=> \{$")


def lengths(text: str) -> list[tuple[str, int]]:
    """(head, lines) of every function and method: from its head to the brace that stands below its beginning."""
    lines, found = text.splitlines(), []
    for i, line in enumerate(lines):
        indent = line[: len(line) - len(line.lstrip())]
        if HEAD.match(line.strip()):
            end = next((k for k in range(i, len(lines)) if lines[k].rstrip(";") == f"{indent}}}"), None)
            found.append((line.strip(), (end or i) - i + 1))
    return found


def classes(text: str) -> list[int]:
    return [body.count("\n") for body in re.findall(r"^(?:export )?class .*?^}", text, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("file", scripts.scripts())
def test_what_a_script_imports_is_there(file: str) -> None:
    text = scripts.scripts()[file]
    assert set(scripts.imports(file)) <= set(scripts.scripts())
    assert len(list(scripts.imports(file))) == len(re.findall(r"^import [{\"*]", text, re.MULTILINE))
    assert not re.search(r"\bwindow\.studio\w+", text)  # scripts know each other by import or by event


def test_no_script_imports_itself_round_a_corner() -> None:
    assert circles({file: set(scripts.imports(file)) for file in scripts.scripts()}) == []


def test_tabs_know_only_the_kit_and_themselves() -> None:
    def folder(file: str) -> str:
        return file.split("/")[0]

    wrong = {(a, b) for a in scripts.scripts() for b in scripts.imports(a) if folder(b) not in ("kit", folder(a))}
    assert wrong == set()


@pytest.mark.parametrize("file", scripts.scripts())
def test_scripts_are_small(file: str) -> None:
    text = scripts.scripts()[file]
    assert text.count("\n") < MOST["file"]
    assert [line for line in text.splitlines() if len(line) > LONGEST] == []
    assert [(head, lines) for head, lines in lengths(text) if lines >= MOST["function"]] == []
    assert all(lines < MOST["class"] for lines in classes(text))


def test_lengths_are_counted() -> None:
    text = "function a() {\n  return 1;\n}\nclass B {\n  get c() {\n    return 2;\n  }\n}\n"
    assert lengths(text) == [("function a() {", 3), ("get c() {", 3)]
    assert classes(text) == [4]


def test_a_script_comes_after_those_it_needs() -> None:
    order = scripts.needed("scrub/scrub")
    assert order[-1] == "scrub/scrub.js"
    for file in order:
        assert all(order.index(other) < order.index(file) for other in scripts.imports(file))


def test_a_component_names_a_script_that_is_there() -> None:
    with pytest.raises(ValueError, match="no script"):
        scripts.mounted("scrub/nothing")


@pytest.mark.slow
@pytest.mark.skipif(DENO is None, reason="deno is not installed (it is in the dev group of pyproject.toml)")
@pytest.mark.parametrize(
    "command", ["lint", "check assets/ui tests/js", "test --no-remote --no-npm --allow-read=assets tests/js"]
)
def test_deno_agrees(command: str) -> None:
    env = {**os.environ, "NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1"}
    done = subprocess.run([str(DENO), *command.split()], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
