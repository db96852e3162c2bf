"""Where a run is executed: `local` (a worker process of this machine), `ray` (a cluster), `hf-jobs` (rented by the minute).

The setting stands beside the request in `spec.json`, because it says where and not what. A run of `local` is taken by
its lane's worker. The others are taken by one dispatcher process each (`dispatch`), which hands the run directory to an
engine, follows it and takes back what came of it; what runs at the far end is `worker.run_job(folder)` in every case.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from studio.core.explain import brief, did_you_mean, explain
from studio.core.files import Json

LOCAL = "local"
HANDLE_FILE = "executor.json"  # in a run directory, while an engine has it: {"handle": …, "events": bytes of the log then}
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


class RayOptions(BaseModel):
    """What a task asks of a cluster. The cluster itself is `$RAY_ADDRESS`, or the one this machine belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpus: float = Field(default=1, gt=0, le=1024, description="Processors of a node that a run takes.")
    gpus: float | None = Field(default=None, ge=0, le=64, description="Of a node; empty is one where the cluster has any.")
    retries: int = Field(default=3, ge=0, le=100, description="How often a run goes on elsewhere when its node is lost.")


class HfJobsOptions(BaseModel):
    """What a Hugging Face job is started with. The token is the one that huggingface_hub finds; it is never in a spec."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str = Field(
        default_factory=lambda: os.environ.get("STUDIO_HF_REPOSITORY", ""),
        validate_default=True,
        description="owner/name of a private dataset repository that the run travels through; made when it is not there.",
    )
    namespace: str | None = Field(default=None, max_length=96, description="Who pays; empty is the token's owner.")
    flavor: str = Field(default="cpu-basic", max_length=40, description="The machine, as in `hf jobs hardware`.")
    image: str = Field(default="python:3.11", max_length=200, description="Docker image with Python and pip.")
    timeout: str = Field(default="6h", description="The job is ended then: 90m, 6h, 2d.")
    sync_s: float = Field(default=60, gt=0, le=3600, description="Seconds between two exchanges of news with a running job.")

    @field_validator("timeout")
    @classmethod
    def _timeout(cls, given: str) -> str:
        if not _TIMEOUT.fullmatch(given):
            raise ValueError(f"timeout is {brief(given)}; a number with s, m, h or d fits, like 90m or 6h.")
        return given

    @field_validator("repository")
    @classmethod
    def _repository(cls, given: str) -> str:
        if not given:
            raise ValueError("hf-jobs needs a private repository to send the run through; repository: you/studio-runs would fit.")
        if not _REPOSITORY.fullmatch(given):
            raise ValueError(f"The repository is {brief(given)}; owner/name fits, like you/studio-runs.")
        return given


Options = TypeVar("Options", bound=BaseModel)
_TIMEOUT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?[smhd]?")
_OPTIONS: dict[str, type[BaseModel]] = {"ray": RayOptions, "hf-jobs": HfJobsOptions}
_PACKAGES = {"ray": ("ray", "Ray"), "hf-jobs": ("huggingface_hub", "huggingface-hub")}
AWAY = tuple(_OPTIONS)
EXECUTORS = (LOCAL, *AWAY)


def check_executor(given: str | Mapping[str, object] | None) -> Json:
    """`{"name": …, options}` as it goes into a spec, {} for this machine. ValueError in one sentence; no network.

    given: a name, or an object with `name` and the options of that executor.
    """
    if given is not None and not isinstance(given, (str, Mapping)):
        raise ValueError(f"An executor is a name or an object with a name, not {brief(given)}.")
    options = {"name": given} if isinstance(given, str) else dict(given or {})
    name = options.pop("name", LOCAL)
    if name not in EXECUTORS:
        hint = did_you_mean(str(name)[:40], EXECUTORS) or f" Executors are {', '.join(EXECUTORS)}."
        raise ValueError(f"There is no executor {brief(name)}.{hint}")
    if name == LOCAL:
        if options:
            raise ValueError(f"The executor local has no options, but {brief(sorted(map(str, options)))} were given.")
        return {}
    check_package(name)
    fields = _OPTIONS[name].model_fields
    if unknown := next((key for key in options if key not in fields), None):
        hint = did_you_mean(str(unknown)[:40], fields) or f" It has {', '.join(fields)}."
        raise ValueError(f"The executor {name} has no option {brief(unknown)}.{hint}")
    try:
        return {"name": name, **_OPTIONS[name].model_validate(options).model_dump(mode="json")}
    except ValueError as error:
        raise ValueError(explain(error, _OPTIONS[name])) from error


def read_options(executor: Json, of: type[Options]) -> Options:
    """The typed options of a spec's executor; of: their type."""
    return of.model_validate({key: value for key, value in executor.items() if key != "name"})


def check_package(name: str) -> None:
    """ValueError when what the executor needs is not installed here."""
    module, package = _PACKAGES[name]
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"The executor {name} needs {package}, which is not installed here; pip install {module} adds it.")
