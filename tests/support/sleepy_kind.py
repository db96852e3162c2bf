"""A kind of job for tests that does nothing with the device, slowly. Loaded through `$STUDIO_KINDS`."""

from __future__ import annotations

import time
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from studio.services.kinds import KINDS
from studio.services.run import Run


class SleepyRequest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(5, ge=1, le=1000)
    seconds: float = Field(0.01, ge=0, le=10)
    files: bool = True
    fail: str = ""


@KINDS.add("sleepy", title="Sleepy", config=SleepyRequest, lane="interactive")
def run(request: SleepyRequest, run: Run) -> dict[str, Any]:
    run.state("running")
    for i in range(request.steps):
        run.check()
        time.sleep(request.seconds)
        if request.files:
            run.artifact(f"artifacts/{i}.txt", b"z")
        run.progress(i + 1, request.steps)
        if request.fail:
            raise ValueError(request.fail)
    return {"slept": request.steps}
