"""The finished comparison that comes with the program: a real run, drawn and measured by the shipped models.

`python -m benchmarks.shipped` makes it anew. It lies in `assets/shipped/example`: `example.json` with request and result, and the
pictures. Opening it makes a run of it in the data folder, once.
"""

from __future__ import annotations

from pathlib import Path

from studio.core import demo
from studio.core.files import Json, read_json
from studio.jobs.finished import take_in
from studio.jobs.jobs import Jobs
from studio.jobs.paths import ASSETS

FOLDER = ASSETS / "shipped" / "example"
KIND = "compare"
LOOKED = 200  # runs among which an opened one is looked for


def shipped(folder: Path = FOLDER) -> bool:
    return (folder / "example.json").is_file()


def opened(jobs: Jobs, folder: Path = FOLDER) -> str:
    """The run of the example in this data folder, of whoever asks. ValueError in one sentence where there is none."""
    found = read_json(folder / "example.json")
    if found is None:
        raise ValueError("No finished result came with this copy of the program; python -m benchmarks.shipped makes one.")
    result = dict(found["result"])
    about: Json = dict(result["shipped"])
    if demo.on() and not jobs.asked_by():
        raise ValueError(demo.KNOWN_BY)
    title = f"Example: {found['request']['prompt']}"
    for info in jobs.list(kind=KIND, states=("done",), limit=LOOKED):
        if info.title == title and (jobs.result(info.id) or {}).get("shipped") == about:
            return info.id
    return take_in(jobs, KIND, _today(jobs, found["request"]), result, folder / "artifacts", title)


def _today(jobs: Jobs, asked: Json) -> Json:
    """A request with the fields that were added since; as it is where its models are not here."""
    try:
        return jobs.validate(KIND, asked).model_dump(mode="json")
    except ValueError:
        return asked
