"""`python -m studio.ui.api`: docs/api.md, what every endpoint takes and gives; with `--json` docs/api.json, the schemas.

Of the kinds of job, methods and models that come with the program, so it is made with an empty data folder.
"""

from __future__ import annotations

import json
import sys
import tempfile

from studio.core.files import Json
from studio.library.stock import open_jobs
from studio.ui.kit.import_gradio import import_gradio

HEAD = """# From a program or an agent

Every action of the studio is an endpoint of its own, for `gradio_client`, plain HTTP and agents (MCP): the same names, the same
requests, the same results. A request is the typed request of the job's kind, the object that `spec.json`, the command line
(`python -m studio jobs run FILE`) and a saved picture hold. Written by `python -m studio.ui.api > docs/api.md`; the JSON schemas
are in [api.json](api.json) (`--json`), and a test compares both with the program.

## Python

```python
from urllib.request import urlretrieve
from gradio_client import Client

studio = Client("http://127.0.0.1:7860")
asked = {"prompt": "a red house", "pair": "nano/dmd2", "seeds": [0, 1], "arms": ["teacher", "student"]}
run = studio.predict(asked, api_name="/compare")["run"]
while (told := studio.predict(run, api_name="/wait"))["state"] in ("queued", "loading", "running"):
    print(told["progress"])
for arm in told["result"]["arms"]:
    for image in arm["images"]:
        urlretrieve(studio.src + image["url"], f"{arm['arm']} {image['seed']}.png")
```

Every kind of job goes the same way. One adapter at a row of strengths, and every step of a run made visible:

```python
control = {"draw": asked, "vary": {"id": "nano/size"}, "strengths": [-1, 0, 1]}
run = studio.predict(control, api_name="/control")["run"]
while studio.predict(run, api_name="/wait")["state"] not in ("done", "failed"):
    pass
told = studio.predict(run, api_name="/job")
print([(cell["arm"], cell["strength"]) for cell in told["result"]["cells"]])

run = studio.predict({"draw": asked}, api_name="/scrub")["run"]
while studio.predict(run, api_name="/wait")["state"] not in ("done", "failed"):
    pass
rows = studio.predict(run, api_name="/run_state")["rows"]
print(rows[0]["arm"], len(rows[0]["steps"]), rows[0]["strips"][0])
```

What goes on while a job does is in `/events`, what it made in `/files`:

```python
told = studio.predict(run, 0, api_name="/events")
print([event["kind"] for event in told["events"]][:3], told["after"])
for file in studio.predict(run, api_name="/files")[:3]:
    print(studio.src + file["url"], file["bytes"])
```

A mistake is one sentence, an `AppError` of the client. On its usual address the server answers local names alone, so that no
other website can read runs through a browser.

## Agents

The page is an MCP server too, at `/gradio_api/mcp/`; its tools are these endpoints, described by the same sentences and schemas:

```json
{"mcpServers": {"distillation-studio": {"url": "http://127.0.0.1:7860/gradio_api/mcp/"}}}
```

## Endpoints

What may be left out has a question mark.
"""


def document(found: Json) -> str:
    rows = ["| endpoint | takes | |", "|---|---|---|"]
    for name, one in found.items():
        takes = ", ".join(f"{key}{'?' if 'default' in given else ''}" for key, given in one["takes"].items())
        about = " ".join(one["about"].split()).replace("|", "\\|")
        rows.append(f"| `/{name}` | {takes} | {about} |")
    return HEAD + "\n" + "\n".join(rows) + "\n"


def text(as_json: bool) -> str:
    import_gradio()
    from studio.ui.api import described

    with tempfile.TemporaryDirectory() as folder:
        found = described(open_jobs(folder))
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n" if as_json else document(found)


if __name__ == "__main__":
    print(text("--json" in sys.argv[1:]), end="")
