"""Agents find the endpoints as tools, with what they take, and can draw with them (MCP, streamable HTTP)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from studio.jobs.jobs import Jobs
from studio.ui.app import build, launch_options
from tests.support.scripted_compare import ScriptedWorker
from tests.support.serving import free_port

pytestmark = pytest.mark.filterwarnings("ignore:.*no_silent_downcasting", "ignore::DeprecationWarning")


@pytest.fixture
def address(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    demo = build(jobs)
    demo.launch(prevent_thread_lock=True, quiet=True, **launch_options(jobs, "127.0.0.1", free_port(), False))
    yield f"{demo.local_url}gradio_api/mcp/"
    demo.close()


def test_an_agent_draws_and_is_told_of_its_mistakes(address: str, worker: ScriptedWorker) -> None:
    async def talk() -> dict[str, Any]:
        async with streamablehttp_client(address) as (reading, writing, _), ClientSession(reading, writing) as session:
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            asked = {"prompt": "a cat", "pair": "test/dmd2", "seeds": [4, 2], "arms": ["teacher", "student"]}
            run = _said(await session.call_tool("compare", {"request": asked}))["run"]
            told = _said(await session.call_tool("wait", {"run": run, "seconds": 30}))
            wrong = await session.call_tool("compare", {"request": {"prompt": "a cat", "sead": 1}})
            return {"tools": tools, "told": told, "wrong": wrong}

    with ThreadPoolExecutor(1) as thread:  # a browser of other tests may have this thread's event loop
        found = thread.submit(lambda: asyncio.run(talk())).result()
    compare = found["tools"]["compare"]
    assert compare.description.startswith("Compare: the same seeds drawn by a teacher")
    assert compare.inputSchema["properties"]["request"]["properties"]["prompt"]["type"] == "string"
    assert found["told"]["state"] == "done"
    (url, *_) = [image["url"] for image in found["told"]["result"]["arms"][1]["images"]]
    assert url.startswith("http://127.0.0.1:") and httpx.get(url).status_code == 200
    assert found["wrong"].isError and "no field 'sead'" in found["wrong"].content[0].text
    assert {"study", "distill", "unlearn", "events", "files", "models"} <= set(found["tools"])


def _said(answer: Any) -> dict[str, Any]:
    assert not answer.isError, answer.content[0].text
    found: dict[str, Any] = json.loads(answer.content[0].text)
    return found
