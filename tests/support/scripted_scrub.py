"""Scrub runs without models: what the kind `scrub` leaves, with scenes of the renderer fading in over the steps.

For tests of the page only. Plans, headers, links and validation are the real ones; levels, pictures and readings are made up.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from studio.capabilities.scrub.request import ScrubRequest
from studio.capabilities.scrub.work import _link, coarse_to_fine
from studio.core.files import read_json
from studio.domains.media.image import jpeg_strip, png_bytes
from studio.domains.pocket import captions, scene
from studio.domains.pocket.render import render
from studio.jobs.jobs import Jobs
from studio.jobs.paths import new_run_id
from studio.jobs.run import Run, Spec
from studio.library.draw_request import CompareRequest, plans_for
from studio.library.models import load_registry
from studio.library.trace_header import Header, Moment, read_header, trace_file, traced
from studio.sampling.plan import Plan
from studio.workshop.open_models import ModelCache
from studio.workshop.tools import Tools

SIDE = 128
DRAW = {"prompt": "a red house at night", "pair": "test/dmd2", "seeds": list(range(8)), "teacher_steps": 12,
        "arms": ["teacher", "student", "hybrid-1"]}  # fmt: skip
Json = dict[str, Any]


def level(t: float) -> float:
    """A noise level that falls with t, as any process has one."""
    return 0.01 + 14.6 * (t / 999) ** 3


def moments_of(plan: Plan, arm: str, first: int = 0, past: Sequence[Moment] = ()) -> list[Moment]:
    out, nfe = list(past[:first]), past[first - 1].nfe if first else 0
    flat = [(number, segment, t) for number, segment in enumerate(plan.segments) for t in segment.timesteps]
    for index, (number, segment, t) in enumerate(flat):
        if index >= first:
            nfe += segment.nfe // len(segment.timesteps)
            out.append(Moment(index, t, level(t), segment.model, number, nfe, arm, index, index - first))
    return out


def write_header(folder: Path, plan: Plan, moments: Sequence[Moment], seeds: Sequence[int], prompt: str, parent: Any) -> Header:
    """A trace with nothing but its header."""
    texts = {"arm": plan.name, "plan": plan.model_dump(mode="json"), "seeds": list(seeds), "prompt": prompt, "shape": [0],
             "moments": [asdict(moment) for moment in moments], "exact": True, "order": len(traced(folder)),
             "parent": parent}  # fmt: skip
    raw = json.dumps({"__metadata__": {"trace": json.dumps(texts)}}).encode()
    file = trace_file(folder, plan.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(raw)) + raw)
    return read_header(folder, plan.name)


def scenes(arm: str, seeds: Sequence[int], prompt: str, side: int = SIDE) -> np.ndarray:
    """The last pictures of an arm, uint8 [N, side, side, 3]."""
    stated = captions.parse(prompt).stated
    fixed = {"position": "left", "size": "medium"} | stated if arm == "student" else stated
    own = sum(map(ord, arm)) if arm.startswith("branch") else 0
    return np.stack([np.asarray(render(scene.sample_scene(np.random.default_rng([seed, own]), **fixed), side)) for seed in seeds])


def faded(final: np.ndarray, index: int, steps: int, noisy: bool = False) -> np.ndarray:
    """The picture of a step: the last one out of grey; with grain where it is a noisy state."""
    share = (index + 1) / steps
    mixed = share * final + (1 - share) * 128
    if noisy:
        grain = np.random.default_rng(index).integers(0, 255, final.shape)
        mixed = share * mixed + (1 - share) * grain
    return mixed.astype(np.uint8)


def serve(run: Run, step_s: Callable[[], float] = lambda: 0.0) -> None:
    """Do what a request of the kind `scrub` asks for."""
    request = ScrubRequest.model_validate(run.spec.config)
    headers, about, before = _rows(request, run)
    root = before.get("root") or request.source or run.spec.id
    for header in headers:
        steps = [{k: getattr(m, k) for k in ("t", "level", "model", "segment", "nfe")} for m in header.moments]
        have = [m.index for m in header.moments if (run.folder / m.strip).is_file()]
        noisy = [m.index for m in header.moments if (run.folder / m.noisy).is_file()]
        run.event("steps", arm=header.arm, steps=steps, strips=[m.strip for m in header.moments], have=have, noisy=noisy,
                  branch=about.get(header.arm), exact=True)  # fmt: skip
    ends = {header.arm: scenes(header.arm, header.seeds, header.prompt) for header in headers}
    order = coarse_to_fine({header.arm: len(header.moments) for header in headers})
    known = {header.arm: header for header in headers}
    for done, (arm, index) in enumerate(order, 1):
        run.check()
        moment, steps_of = known[arm].moments[index], len(known[arm].moments)
        if not (run.folder / moment.strip).is_file():
            run.artifact(moment.strip, jpeg_strip(faded(ends[moment.arm], index, steps_of)))
            time.sleep(step_s())
        run.event("frame", arm=arm, step=index, strip=moment.strip)
        run.progress(done, len(order), phase="pictures", eta_s=(len(order) - done) * step_s())
        if request.states:
            run.artifact(moment.noisy, jpeg_strip(faded(ends[moment.arm], index, steps_of, noisy=True)))
            run.event("noisy", arm=arm, step=index, strip=moment.noisy)
    run.event("timeline", file=run.artifact("artifacts/timeline.json", json.dumps(table(headers)).encode()))
    run.result({"request": run.spec.config, "root": root, "prompt": headers[0].prompt, "seeds": list(headers[0].seeds),
                "branches": about, "models": {}, "arms": before.get("arms") or _pictures(run, headers, ends)})  # fmt: skip


def _rows(request: ScrubRequest, run: Run) -> tuple[list[Header], Json, Json]:
    """(rows, branches by row, the result of the run that is looked at)."""
    if request.draw is not None:
        draw = request.draw
        return [
            write_header(run.folder, plan, moments_of(plan, plan.name), draw.seeds, draw.prompt, None)
            for plan in plans_for(draw, run.tools.registry)
        ], {}, {}  # fmt: skip
    source = run.folder.parent / str(request.source)
    for arm in traced(source):
        _link(trace_file(source, arm), trace_file(run.folder, arm))
    for file in (source / "artifacts").rglob("*-*.jpg"):
        _link(file, run.folder / file.relative_to(source))
    headers = [read_header(run.folder, arm) for arm in traced(run.folder)]
    before = read_json(source / "result.json") or {}
    about = dict(before.get("branches") or {})
    for number, branch in enumerate(request.branches):
        parent = next(header for header in headers if header.arm == branch.arm)
        name = f"branch-{run.spec.id[-6:]}-{number + 1}"
        left = [s.model_copy(update={"model": branch.model or s.model}) for s in parent.plan.segments]
        plan = parent.plan.model_copy(update={"name": name, "segments": tuple(left)})
        moments = moments_of(plan, name, branch.step, parent.moments)
        headers.append(
            write_header(run.folder, plan, moments, parent.seeds, branch.prompt or parent.prompt, (branch.arm, branch.step))
        )
        about[name] = {**branch.model_dump(mode="json"), "changed": branch.changed}
    return headers, about, before


def _noisy(moment: Moment) -> str:
    return moment.strip.replace("/step-", "/noisy-")


def _pictures(run: Run, headers: Sequence[Header], ends: Mapping[str, np.ndarray]) -> list[Json]:
    rows = []
    for header in headers:
        images = []
        for seed, picture in zip(header.seeds, ends[header.arm], strict=True):
            path = run.artifact(f"artifacts/{header.arm}/{seed}.png", png_bytes(picture, {"request": {}}))
            run.event("image", arm=header.arm, seed=seed, path=path)
            images.append({"seed": seed, "path": path})
        rows.append({"arm": header.arm, "images": images})
    return rows


def table(headers: Sequence[Header]) -> Json:
    """Readings made up so that the first half of every row's seeds decides at once and the others half way."""
    factors = [{"name": f.name, "title": f.title or f.name, "values": list(f.values), "things": list(f.things),
                "stated": "house" if f.name == "subject" else None}
               for f in scene.FACTORS.values()]  # fmt: skip
    arms: Json = {}
    for header in headers:
        steps, n = len(header.moments), len(header.seeds)
        half = [0 if k < n / 2 else steps // 2 for k in range(n)]
        equal = [sum(c <= i for c in half) / n for i in range(steps)]
        labels = [[1 if i >= c else 0 for c in half] for i in range(steps)]
        curve = {"equal": equal, "low": [max(0, e - 0.2) for e in equal], "high": [min(1, e + 0.2) for e in equal],
                 "settled": equal, "chance": [0.4] * steps, "commit": half, "labels": labels}  # fmt: skip
        far = [1 - (i + 1) / steps for i in range(steps)]
        arms[header.arm] = {"accepted": [min(1, (i + 1) / steps + 0.3) for i in range(steps)], "inside": [[1] * n] * steps,
                            "factors": {f["name"]: curve for f in factors},
                            "distance": {"q25": far, "q50": far, "q75": far, "commit": half}}  # fmt: skip
    seen = {"arm": headers[0].arm, "seed": headers[0].seeds[-1], "factor": "companion", "value": "bird", "end": "none"}
    gone = {**seen, "first": 2, "last": 4, "strongest": 3, "strength": 1.0}
    return {"kind": "oracle", "factors": factors, "arms": arms, "vanished": [gone], "lost": 1}


def finished(jobs: Jobs, **draw: Any) -> str:
    """A scrub run that ended before anybody looked; its id."""
    request = ScrubRequest(draw=CompareRequest(**{**DRAW, **draw}))
    run_id = new_run_id()
    folder = jobs.paths.run(run_id).parent / f".{run_id}"  # no worker finds it there
    folder.mkdir()
    spec = Spec(id=run_id, kind="scrub", lane="interactive", config=request.model_dump(mode="json"), created=time.time())
    (folder / "spec.json").write_text(json.dumps(spec.model_dump()))
    run = Run(folder, Tools(jobs.paths, load_registry(jobs.paths), ModelCache("cpu")))
    run.state("running")
    serve(run)
    run.state("done")
    run.close()
    folder.rename(jobs.paths.run(run_id))
    return jobs.get(run_id).id  # which takes it into the index
