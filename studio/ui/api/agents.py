"""What tools say to agents (MCP): JSON, with whole addresses.

Gradio writes an answer as Python would print it, which agents cannot parse, and knows of no file that it does not serve itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from gradio.mcp import GradioMCPServer
from mcp.types import TextContent

_PLACE = "run-file/"  # how addresses below this server's own begin


def answer_in_json() -> None:
    """Of every MCP server that is started in this process afterwards."""
    GradioMCPServer.postprocess_output_data = _written  # type: ignore[method-assign, assignment]


def _written(_server: object, answers: Sequence[object], root_url: str) -> list[TextContent]:
    return [TextContent(type="text", text=json.dumps(_whole(one, root_url), ensure_ascii=False)) for one in answers]


def _whole(value: object, root_url: str) -> object:
    if isinstance(value, dict):
        return {name: _whole(found, root_url) for name, found in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(found, root_url) for found in value]
    return f"{root_url.rstrip('/')}/{value}" if isinstance(value, str) and value.startswith(_PLACE) else value
