"""The runs of a public demo as one visitor knows them: their own. What the page and the API are given there instead of `Jobs`.

Who asks is told by `core.visitors`; whose a run is stands in its directory (`Spec.visitor`). Runs of whoever runs the studio are
nobody's here. A run of somebody else is answered as one that is not there.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from studio.core import demo, visitors
from studio.core.allowance import REMEMBERED, Allowance
from studio.core.files import Json
from studio.jobs.commands import Commands
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Ids, Infos, Jobs
from studio.jobs.kinds import Kind
from studio.jobs.paths import GUESSABLE, RUN_ID
from studio.jobs.register import Events
from studio.jobs.run import Spec


def of_visitors(jobs: Jobs) -> Jobs:
    """`jobs` as visitors of a public demo know it; itself where this is none."""
    return VisitorsJobs(jobs) if demo.on() and not isinstance(jobs, VisitorsJobs) else jobs


class VisitorsJobs(Jobs):
    """As `Jobs`, of whoever asks. Workers and recovery keep to the `Jobs` that it is made of."""

    def __init__(self, jobs: Jobs):
        super().__init__(jobs.paths, jobs.stock)
        self.recovery = jobs.recovery
        self.commands = Commands(self, jobs.recovery)
        self.limits = demo.limits()
        self._mine, self._theirs = Allowance(self.limits.minute), Allowance(self.limits.address_minute)
        self._from: OrderedDict[str, Ids] = OrderedDict()  # address -> runs that may be waiting still
        self._one = threading.Lock()

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, run_id: str) -> RunInfo:
        info, me = super().get(run_id), visitors.now().id
        row = self.store.get(run_id)
        if row is None or not me or row.visitor != me:
            raise ValueError(f"There is no run {run_id}; it may have been deleted.")
        return info

    def sees(self, run_id: str) -> bool:
        self.get(run_id)
        return True

    def whose(self) -> str | None:
        return visitors.now().id or "nobody"

    def list(self, *, kind: str | None = None, lane: str | None = None, states: Sequence[str] = (), limit: int = 100) -> Infos:
        if not (me := visitors.now().id):
            return []
        rows = self.store.select(kind=kind, lane=lane, states=states, limit=limit, visitor=me)
        return [self._info(row) for row in rows]

    def tail(self, run_id: str, offset: int = 0) -> tuple[Events, int]:
        self.get(run_id)
        return super().tail(run_id, offset)

    def spec(self, run_id: str) -> Spec:
        self.get(run_id)
        return super().spec(run_id)

    def result(self, run_id: str) -> Json | None:
        self.get(run_id)
        return super().result(run_id)

    def progress(self, run_id: str) -> Json | None:
        self.get(run_id)
        return super().progress(run_id)

    def log_tail(self, run_id: str, n_bytes: int = 16_384) -> str:
        self.get(run_id)
        return super().log_tail(run_id, n_bytes)

    def artifact(self, run_id: str, relative: str) -> Path:
        """The address of a file may be passed on: it holds the id of its run, which nobody can guess."""
        row = self.store.get(run_id) if len(str(run_id)) > GUESSABLE else None
        if row is None or not row.visitor:
            self.get(run_id)
        return super().artifact(run_id, relative)

    # -- asking ------------------------------------------------------------------------------------------------------

    def validate(self, kind: str, config: BaseModel | Mapping[str, object]) -> BaseModel:
        """A request that names a run of somebody else does not fit."""
        for run_id in _runs(config.model_dump(mode="json") if isinstance(config, BaseModel) else config):
            self.get(run_id)
        return super().validate(kind, config)

    def asked_by(self) -> str:
        return visitors.now().id

    def _submit(self, kind: str, requests: Sequence[BaseModel], lane: str | None, parent: str | None, executor: Json) -> Ids:
        if not visitors.now().id:
            raise ValueError(demo.KNOWN_BY)
        with self._one:  # what is waiting is counted, and grows, by one at a time
            made = super()._submit(kind, requests, lane, parent, executor)
            self._from.setdefault(visitors.now().address, []).extend(made)
        return made

    def _make_room(self, kind: Kind, station: str, n: int) -> None:
        """Refused by what one visitor may have waiting, then a whole network, then everybody; then by how often they ask."""
        who, limits = visitors.now(), self.limits
        mine = len(self.store.select(visitor=who.id, states=("queued",), limit=limits.own_waiting + n))
        _check_waiting(mine, n, limits.own_waiting, "of your runs")
        _check_waiting(self._waiting(who.address), n, limits.address_waiting, "runs from your address")
        super()._make_room(kind, station, n)
        for name, left, whose in ((who.id, self._mine, "one visitor"), (who.address, self._theirs, "one address")):
            if (wait := left.wait(name, n * kind.weight)) > 0:
                when = f"try again in {math.ceil(wait)} seconds" if math.isfinite(wait) else "ask for fewer"
                raise demo.TooOften(f"A public demo takes {left.most:g} runs a minute from {whose}; {when}.")
        self._mine.take(who.id, n * kind.weight)
        self._theirs.take(who.address, n * kind.weight)

    def _waiting(self, address: str) -> int:
        """Runs from an address that wait now."""
        rows = map(self.store.get, self._from.get(address, ()))
        self._from[address] = [row.id for row in rows if row is not None and row.state == "queued"]
        self._from.move_to_end(address)
        while len(self._from) > REMEMBERED:
            self._from.popitem(last=False)
        return len(self._from[address])


def _check_waiting(waiting: int, n: int, most: int, whose: str) -> None:
    if waiting + n > most:
        raise demo.TooOften(
            f"{waiting} {whose} are waiting, and a public demo keeps {most}; try again when one has ended, or cancel one."
        )


def _runs(value: object) -> set[str]:
    """Ids of runs that stand anywhere in a request."""
    if isinstance(value, str):
        return {value} if RUN_ID.fullmatch(value) else set()
    if isinstance(value, Mapping):
        return {run for one in value.values() for run in _runs(one)}
    return {run for one in value for run in _runs(one)} if isinstance(value, (list, tuple)) else set()
