"""The API: every action of the studio as a named endpoint that takes and returns JSON objects, for programs and for agents.

    from gradio_client import Client
    studio = Client("http://127.0.0.1:7860")
    run = studio.predict({"prompt": "a red house at night", "seeds": [0, 1, 2]}, api_name="/compare")["run"]
    studio.predict(run, api_name="/wait")  # what it drew has an "url" below studio.src

A request is the typed request of the job kind, the same object that `spec.json`, the command line and a saved PNG hold; there
are no positional lists of form values. `schemas` is what each takes and gives; agents reach the same as tools (MCP).
"""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.ui.api.endpoint import Endpoint, add
from studio.ui.api.following import Following
from studio.ui.api.listing import Listing
from studio.ui.api.models import Models
from studio.ui.api.submitting import submitting


def endpoints(jobs: Jobs) -> Iterator[Endpoint]:
    """All there are, in the order in which they are listed."""
    yield from submitting(jobs)
    for group in (Following(jobs), Listing(jobs), Models(jobs)):
        yield from group.endpoints()


def add_api(jobs: Jobs) -> None:
    """Register the endpoints in the open Blocks, last: the page's own events leave them their names."""
    demo = gr.context.Context.root_block
    assert demo is not None
    for number, event in demo.fns.items():
        event.api_name = f"page-{number}"
    for endpoint in endpoints(jobs):
        add(endpoint, demo)


def described(jobs: Jobs) -> Json:
    """Every endpoint by name: {"about", "takes": JSON schema by argument, "gives": JSON schema}, of those that queue a job of one
    kind also "result": JSON schema of what is in "result" of /job when it is done."""
    return {one.name: one.described() for one in endpoints(jobs)}
