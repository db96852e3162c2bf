"""A run that was finished elsewhere, taken into the data folder: its own directory, complete or not there at all."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

from studio.core.files import Json, atomic_write
from studio.jobs.events import EventLog
from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.jobs.paths import new_run_id
from studio.jobs.run import Spec


def take_in(jobs: Jobs, kind: str, config: Json, result: Json, artifacts: Path, title: str) -> str:
    """The id of the new run, which is done. config: as it was checked where it ran; its models need not be here.
    artifacts: folder of the files that the result names below `artifacts/`."""
    visitor = jobs.asked_by()
    spec = Spec(
        id=new_run_id(unguessable=bool(visitor)),
        kind=kind,
        lane=KINDS.get(kind).lane,
        config=config,
        created=time.time(),
        title=title[:120],
        visitor=visitor,
    )
    temporary = jobs.paths.runs / f".new-{spec.id}"
    try:
        shutil.copytree(artifacts, temporary / "artifacts")
        atomic_write(temporary / "spec.json", json.dumps(spec.plain(), indent=1, allow_nan=False))
        atomic_write(temporary / "result.json", json.dumps(result, allow_nan=False))
        with EventLog(temporary / "events.jsonl") as log:
            log.write("state", state="queued", note="")
            log.write("state", state="done", note="")
        os.rename(temporary, jobs.paths.run(spec.id))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    jobs.store.adopt_missing()
    return spec.id
