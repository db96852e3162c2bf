"""Small modules and style sheets that a page begins with become one file each; the others stay what they are."""

from __future__ import annotations

import json

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from studio.jobs.jobs import Jobs
from studio.ui.guard import Welcome
from studio.ui.kit import bundle, modules, scripts
from studio.ui.routes import middleware, routes

FILES = {
    "a.js": 'import{b}from"./b.js";const d=(m.f=["./a.css"])=>i.map(i=>d[i]);x(import(`./c.js`),d([0]),import.meta.url)',
    "b.js": 'import"./a.js";',
    "large.js": f'import"./a.js";{" " * bundle.LARGE}',
    "strange.js": "import './a.js';",
    "new.js": 'import.meta.resolve("./a.js")',
    "a.css": ".a { color: plum; }",
    "b.css": '.b { background: url("./b.png"); }',
    "c.css": ".c { color: plum; }",
}


@pytest.fixture
def gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "text", lambda name: FILES[name])


def given(files: list[str]) -> tuple[dict[str, str], list[str], str]:
    """Texts and names that the script carries, and the style sheet."""
    script, sheet = (bundle.made(file.removeprefix(f"{bundle.ADDRESS}/")) or "" for file in files)
    texts, names = json.loads("[" + script.split("carry(")[-1].replace(");\n})();\n", "]"))
    return texts, names, sheet


@pytest.mark.usefixtures("gradio")
def test_small_files_are_carried_and_others_are_left() -> None:
    files, others = bundle.bundled(tuple(FILES), ())
    texts, names, sheet = given(files)
    assert texts == {
        "assets/a.js": 'import{b}from"\0assets/b.js";const d=(m.f=["./a.css"])=>i.map(i=>d[i])'
        '.filter(f=>!globalThis.bundled?.has(f));x(import(`\0assets/c.js`),d([0]),"\0assets/a.js")',
        "assets/b.js": 'import"\0assets/a.js";',
    }
    assert names == ["./a.js", "./b.js", "./a.css", "./c.css"] and sheet == f"{FILES['a.css']}\n{FILES['c.css']}"
    assert others == ["assets/large.js", "assets/strange.js", "assets/new.js", "assets/b.css"]


def test_modules_of_the_installed_gradio_and_ours_are_written_as_expected() -> None:
    assets, own = modules.fetched(["textbox", "html"]), scripts.needed("kit/page", "compare/stage")
    files, others = bundle.bundled(tuple(assets), tuple(own))
    texts, names, _ = given(files)
    assert all(f"{scripts.ADDRESS}/{scripts.version()}/{name}" in texts for name in own)
    assert all(len(modules.text(name.removeprefix("assets/"))) > bundle.LARGE for name in others if name.endswith(".js"))
    assert len(others) < 12 < len(texts) and {f"./{name}" for name in assets if f"assets/{name}" not in others} < set(names)
    asking = [name for name in assets if "__vite__mapDeps=" in modules.text(name)]
    assert asking and all(bundle.SPARING in bundle.sparing(modules.text(name)) for name in asking)


@pytest.mark.usefixtures("gradio")
def test_the_module_that_the_page_names_is_never_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "entry", lambda: "b.js")
    assert bundle.bundled(("a.js", "b.js"), ())[1] == ["assets/b.js"]


def test_what_was_made_is_served_for_ever(jobs: Jobs) -> None:
    client = TestClient(Starlette(routes=routes(jobs), middleware=middleware(Welcome(public=True))))
    (script, sheet), _ = bundle.bundled((), ("kit/dom.js",))
    for file, kind in ((script, "text/javascript"), (sheet, "text/css")):
        answer = client.get(f"/{file}")
        assert answer.headers["content-type"].startswith(kind) and "immutable" in answer.headers["cache-control"]
    assert client.get(f"/{script}").headers["content-encoding"] == "gzip"
    assert client.get(f"/{bundle.ADDRESS}/0.js").status_code == 404
