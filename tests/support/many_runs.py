"""A data folder with many finished runs of several kinds, written as workers write them, without drawing anything slow."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from studio.core.files import Json, atomic_write
from studio.jobs.events import EventLog
from studio.jobs.jobs import Jobs
from studio.jobs.run import Spec
from tests.support.scripted_compare import measures

SUBJECTS = ("cat", "boat", "house", "tree", "lamp", "bird", "star", "fish")
COLOURS = ("red", "blue", "green", "yellow", "purple")
PLACES = ("", " by the sea", " at night", " in the snow", " on a hill")
DAY_S = 86_400.0


def prompt(i: int) -> str:
    return f"a {COLOURS[i % 5]} {SUBJECTS[i % 8]}{PLACES[(i // 8) % 5]}"


def requests(i: int) -> tuple[str, str, str, Json]:
    """(kind, lane, label, request) of the i-th run."""
    said, pair, seeds = prompt(i), ("test/dmd2", "nano/dmd2")[i % 3 == 0], list(range(i % 4, i % 4 + 4))
    draw = {"prompt": said, "pair": pair, "arms": ["teacher", "student", "hybrid-1"], "seeds": seeds, "teacher_steps": 25 + i % 3}
    return (
        ("compare", "interactive", said, draw),
        ("scrub", "interactive", f"Scrub: {said}", {"draw": draw, "branches": []}),
        ("control", "interactive", f"nano/size: {said}", {"draw": draw, "vary": {"id": "nano/size"}, "strengths": [-1.0, 1.0]}),
        ("evaluate", "batch", f"Evaluate {pair}", {"candidates": [{"model": pair}], "prompts": [said, "a lamp"], "seeds": seeds}),
        ("distill", "batch", f"pupil-{i}: dmd2 from test/teacher",
         {"name": f"pupil-{i}", "teacher": "test/teacher", "objective": "dmd2", "steps": 200, "settings": {"batch": 4}}),
    )[(0, 0, 1, 0, 2, 0, 3, 4)[i % 8]]  # fmt: skip


def fill(jobs: Jobs, n: int, picture: bytes = b"", now: float | None = None) -> Sequence[str]:
    """n runs, a day's dozen each, newest last; their ids. picture: the bytes of every picture, of none where it is empty."""
    now, ids = now or time.time(), []
    for i in range(n):
        kind, lane, label, request = requests(i)
        created = now - (n - i) * DAY_S / 12
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(created))
        run_id = f"{stamp}-{i % 1000:03d}-{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}aaaa"
        folder = jobs.paths.runs / run_id
        (folder / "artifacts").mkdir(parents=True)
        spec = Spec(id=run_id, kind=kind, lane=lane, config=request, created=created, title=label)
        atomic_write(folder / "spec.json", json.dumps(spec.plain()), durable=False)
        state = ("done", "done", "done", "cancelled", "failed")[min(i % 19, 4)] if i % 19 > 1 else "done"
        with EventLog(folder / "events.jsonl") as log:
            log.write("state", state="queued", note="")
            log.write("state", state=state, note="")
        if kind in ("compare", "control", "scrub"):
            _draw(folder, request.get("draw") or request, picture)
        ids.append(run_id)
    jobs.store.adopt_missing()
    return ids


def _draw(folder, draw: Json, picture: bytes) -> None:  # type: ignore[no-untyped-def]
    arms = []
    for arm in draw["arms"]:
        images = [{"seed": seed, "path": f"artifacts/{arm}/{seed}.png"} for seed in draw["seeds"]]
        (folder / "artifacts" / arm).mkdir()
        for one in images:
            if picture:
                (folder / str(one["path"])).write_bytes(picture)
        arms.append({"arm": arm, "label": arm, "nfe": 4, "measures": measures(arm, len(draw["seeds"])), "images": images})
    sentence = "The hybrid recovers 70 % [57–82] of the diversity the student lost, at 1.00× its cost."
    recovery = [{"arm": "hybrid-1", "sentence": sentence}]
    result = {"request": draw, "arms": arms, "recovery": recovery, "notices": []}
    atomic_write(folder / "result.json", json.dumps(result), durable=False)
