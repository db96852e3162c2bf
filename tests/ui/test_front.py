"""What a visitor is given first is made once, compressed, and has or names the files that the page will ask for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message

from studio.ui.front import NO_ENDPOINTS, Front, first
from studio.ui.kit import bundle, modules, scripts, style

CSS = "#a { color: plum; }"


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def client(asked: list[str]) -> TestClient:
    async def answer(request: Request) -> Response:
        asked.append(request.url.path)
        if request.url.path.endswith("gone.js"):
            return PlainTextResponse("There is no such file.", 404)
        page = (
            f"<html><head></head><body><p>{request.headers['host']}</p></body></html>"
            if request.url.path == "/"
            else "one();" * 100
        )
        return Response(page, media_type="text/html" if request.url.path == "/" else "text/javascript")

    places = ["/", "/assets/{name}", "/other.js"]
    return TestClient(Starlette(routes=[Route(path, answer) for path in places], middleware=[Middleware(Front, css=CSS)]))


def test_a_file_is_asked_for_once_and_arrives_compressed(client: TestClient, asked: list[str]) -> None:
    first, again = client.get("/assets/a.js"), client.get("/assets/a.js")
    assert asked == ["/assets/a.js"] and first.content == again.content == b"one();" * 100
    assert again.headers["content-encoding"] == "gzip" and again.headers["vary"] == "Accept-Encoding"
    plain = client.get("/assets/a.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.content == first.content


def test_what_is_no_file_of_the_page_is_asked_for_every_time(client: TestClient, asked: list[str]) -> None:
    for path, headers in (("/other.js", {}), ("/assets/gone.js", {}), ("/assets/a.js", {"range": "bytes=0-3"})):
        for _ in range(2):
            client.get(path, headers=headers)
    assert asked == [path for path in ("/other.js", "/assets/gone.js", "/assets/a.js") for _ in range(2)]
    assert client.get("/assets/gone.js").status_code == 404


def test_a_page_is_kept_by_the_name_it_is_reached_by(client: TestClient, asked: list[str]) -> None:
    said = [client.get("/", headers={"host": name}).text for name in ("one", "two", "one")]
    assert asked == ["/", "/"] and "<p>one</p>" in said[0] == said[2] and "<p>two</p>" in said[1]
    assert f'<link rel="stylesheet" href="./{style.address(CSS)}"></body>' in said[0]  # after those of Gradio's


def test_the_head_has_all_that_the_components_of_a_page_need() -> None:
    part = {"id": 1, "type": "textbox", "props": {"js": "import(new URL(ui/scripts/0/kit/header.js", "value": "</script>'"}}
    begin = {"id": 0, "children": [{"id": 1}, {"id": 2}]}
    config = {"theme_hash": "abc", "components": [part, {**part, "id": 2, "rendered_in": 0}], "dependencies": [], "layout": begin,
              "page": {"": {"layout": begin, "components": [1, 2], "dependencies": []}}}  # fmt: skip
    inline = json.dumps(config).replace("<", "\\u003c")
    page = f"<head><script>window.gradio_config = {inline};</script><script>window.gradio_api_info = {{1}};</script>"
    page += '<script type="module" src="./assets/index.js"></script></head>'
    links = first(page, "ui/style/0.css")
    said = json.loads(links.split("gradio_config = ")[1].split(";</script>")[0])
    assert said["components"] == [part] and said["layout"] == {"id": 0, "children": [{"id": 1}]}
    assert links.count("</script>") == 4 and f"gradio_api_info = {NO_ENDPOINTS};" in links
    found = modules.fetched(["textbox"])
    assert all((modules.FRONTEND / "assets" / name).is_file() for name in found)
    kinds = {name.split("-")[0] for name in found}
    assert {"Index", "core", "Blocks", "statustracker"} <= kinds  # the page's own, and a component's
    assert len(modules.fetched(["textbox", "dropdown"])) > len(found) > len(modules.fetched([]))
    (script, sheet), others = bundle.bundled(tuple(found), tuple(scripts.needed("kit/page", "kit/header")))
    assert f'<script src="./{script}"></script><script type="module"' in links  # nothing is asked for before it
    assert f'<link rel="stylesheet" href="./{sheet}">' in links and "theme.css?v=abc" in links
    assert others and all(f'href="./{name}">' in links for name in others)


def test_a_rule_stands_a_second_time_below_the_container_where_it_weighs_more() -> None:
    sheet = """/* said */ #a, #b { color: red; } .dark #c { color: blue; }
    @media (width < 9px) { #a { color: plum; } } @font-face { src: url("x"); }"""
    above = style.below_container("#x{}").removeprefix("#x{}").removesuffix(" #x{}")
    assert above.startswith(".gradio-container.gradio-container-")
    assert style.below_container(sheet) == (
        f"#a, #b{{color: red;}}{above} #a,{above} #b{{color: red;}}"
        f".dark #c{{color: blue;}}.dark {above} #c{{color: blue;}}"
        f'@media (width < 9px){{#a{{color: plum;}}{above} #a{{color: plum;}}}}@font-face{{src: url("x");}}'
    )
    for whole in (":is(#a, #b) .c", ".d:has(> .e, > .f)", '[title="one, two"]'):
        assert style.below_container(f"{whole}, .g {{}}") == f"{whole}, .g{{}}{above} {whole},{above} .g{{}}"
    for broken in ("#a { color: red;", "#a { } }"):
        with pytest.raises(ValueError, match="brace"):
            style.below_container(broken)


def test_what_a_visitor_did_not_wait_for_is_whole_for_the_next_one() -> None:
    async def parts() -> AsyncIterator[str]:
        for _ in range(100):
            await anyio.sleep(0.001)
            yield "one();"

    async def answer(request: Request) -> Response:
        return StreamingResponse(parts(), media_type="text/javascript")  # ends where its visitor leaves

    app = Starlette(routes=[Route("/assets/a.js", answer)], middleware=[Middleware(Front, css=CSS)])
    scope = {"type": "http", "method": "GET", "path": "/assets/a.js", "headers": [], "query_string": b"", "root_path": ""}

    async def left() -> Message:
        return {"type": "http.disconnect"}

    async def unheard(message: Message) -> None:
        pass

    anyio.run(app, scope, left, unheard)
    stays = TestClient(app).get("/assets/a.js", headers={"Accept-Encoding": "identity"})
    assert stays.text == "one();" * 100
