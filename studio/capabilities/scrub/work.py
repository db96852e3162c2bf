"""Executing a scrub: draw or bring in the arms, branch, then a picture of every step, coarse to fine. Runs in a worker.

The pictures come in an order in which the whole is usable long before it is complete: the last step of every arm, the
first, then halving what is between. Files of an earlier run are linked, not copied, so what a branch shares with its parent
is stored once and outlives the run it came from.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from studio.capabilities.scrub import decisions
from studio.capabilities.scrub.request import Branch, ScrubRequest
from studio.core.domain import Domain, beside
from studio.core.explain import explain
from studio.core.family import OpenModel
from studio.core.files import Json, read_json
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.jobs.run import Run, versions
from studio.library.adapters import load_adapters
from studio.library.controlnets import load_controlnets
from studio.library.hint_uses import HintUse
from studio.library.provenance import changed_models
from studio.library.sizes import sample_shape
from studio.library.trace_header import Header, Moment, read_header, trace_file, traced
from studio.sampling.hinted import hints_of
from studio.workshop.additions import Drawing, add
from studio.workshop.comparison import Comparison
from studio.workshop.frames import Frames, readings_file
from studio.workshop.hint_pictures import hint_picture
from studio.workshop.loaded_adapters import Wardrobe
from studio.workshop.placed_models import PlacedModels
from studio.workshop.projection import projected
from studio.workshop.tiny_decoders import TinyDecoders
from studio.workshop.tools import Tools
from studio.workshop.traces import Trace

if TYPE_CHECKING:
    from torch import Tensor

    from studio.sampling.plan import Plan


class Scrubbing:
    """One run of the kind `scrub`."""

    def __init__(self, request: ScrubRequest, run: Run[Tools]):
        self.request, self.job, self.folder = request, run, run.folder
        self.frames: Frames  # once it is known of what
        self.headers: dict[str, Header] = {}
        self.models: dict[str, OpenModel] = {}
        self.notices: list[str] = []
        self.before: Json = {}  # the result of what was drawn: its arms, figures and models
        self.branches: dict[str, Json] = {}  # arm -> its request and parent
        self.root = run.spec.id  # the run that drew the first arms; pictures of one root keep their names
        self.placed = PlacedModels(run, self._notice)
        self.wardrobe = Wardrobe(load_adapters(run.home), run)
        self.tiny = TinyDecoders()
        self.computed = 0  # network evaluations for branches

    def run(self) -> Json:
        with self.placed, self.wardrobe:
            return self._run()

    def _run(self) -> Json:
        if self.request.draw is not None:
            self._draw()
        else:
            self._bring(self.folder.parent / str(self.request.source))
        self._open()
        self.job.state("running")
        if self.request.branches:
            add(self.additions, Drawing([], [], self.models, self.domain, self.job, self.wardrobe))
        for number, branch in enumerate(self.request.branches):
            self._branch(number, branch)
        try:
            self._pictures()
        finally:
            self.frames.save()
        table = decisions.decide(self.headers, self.frames, self.domain)
        self.job.event("timeline", file=self.job.artifact("artifacts/timeline.json", decisions.to_bytes(table)))
        return self._result()

    @property
    def domain(self) -> Domain:
        """Of what its first model draws."""
        return domain_of(self.job.tools.registry.get(next(iter(self.models))).domain)

    @property
    def additions(self) -> Json:
        """What capabilities added to what was drawn first; its branches have it too."""
        return dict(self.before.get("additions") or {})

    # -- what is there ---------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        assert self.request.draw is not None
        comparison = Comparison(self.request.draw, self.job)
        instead = "" if comparison.session.readable else comparison.frames.seek_reader(self.job.tools.models)
        self.before = comparison.run()
        self.frames, self.tiny = comparison.frames, comparison.session.tiny
        self.notices = list(comparison.session.notices)
        if instead:
            self._notice(instead)
        self.headers = {arm: read_header(self.folder, arm) for arm in traced(self.folder)}
        self._announce()

    def _bring(self, source: Path) -> None:
        """Make everything of an earlier run this run's own."""
        names = traced(source)
        if not names:
            raise ValueError(f"The states of run {source.name} were not kept; draw it again to scrub it.")
        for name in names:
            _link(trace_file(source, name), trace_file(self.folder, name))
            _link(readings_file(source, name), readings_file(self.folder, name))
        self.headers = {name: read_header(self.folder, name) for name in names}
        for moment in _own(self.headers.values()):
            for strip in (moment.strip, moment.noisy):
                _link(source / strip, self.folder / strip)
        self.before = read_json(source / "result.json") or {}
        self.branches = {name: dict(about) for name, about in (self.before.get("branches") or {}).items()}
        self.root = str(self.before.get("root") or source.name)
        for row in self.before.get("arms") or []:
            for image in row.get("images") or []:
                for path in (image["path"], *image.get("files", ())):
                    _link(source / path, self.folder / path)
        first = next(iter(self.headers.values())).plan.models[0]
        self.frames = Frames(self.job, medium_of(domain_of(self.job.tools.registry.get(first).domain)))
        self._announce()

    def _open(self) -> None:
        wanted = [model for header in self.headers.values() for model in header.plan.models]
        wanted += [branch.model for branch in self.request.branches if branch.model]
        entries = [self.job.tools.registry.get(model_id) for model_id in dict.fromkeys(wanted)]
        if missing := next((entry for entry in entries if not entry.available), None):
            raise ValueError(missing.reason)
        self.models = self.placed.open(entries, hinted=bool(self.before.get("hints")))
        if self.request.draw is not None:
            return  # the comparison has said all there is to say
        now = {name: {"hash": model.hash} for name, model in self.models.items()}
        for sentence in changed_models(self.before.get("models") or {}, now):
            self._notice(sentence)
        entries = [self.job.tools.registry.get(name) for name in self.models]
        read = next((entry for entry in entries if entry.has_oracle), None)
        if read is None:
            self._notice(f"There is no oracle for this kind of picture. {self.frames.seek_reader(self.job.tools.models)}")
            return
        try:
            self.frames.oracle = self.job.tools.models.oracle(read)
        except (FileNotFoundError, ValueError, KeyError) as error:
            self._notice(f"Nothing is read from the pictures, because the oracle cannot be opened: {explain(error)}")

    def _notice(self, text: str) -> None:
        if text not in self.notices:  # a comparison has said it
            self.notices.append(text)
            self.job.notice(text)

    # -- branches --------------------------------------------------------------------------------------------------

    def _branch(self, number: int, branch: Branch) -> None:
        from studio.capabilities.scrub.branches import drawn, plan_of, words_brought

        parent, adapters = self.headers[branch.arm], self.wardrobe.adapters
        words = words_brought(branch, parent, adapters)
        if branch.prompt and (unknown := self.domain.read(branch.prompt, words).notice):
            self._notice(unknown)
        if not parent.exact:
            self._notice(f"{parent.arm} was kept in half precision, so what goes on from it is near its own end, not equal.")
        name = f"branch-{self.job.spec.id[-6:]}-{number + 1}"  # a name no other run gives, so that pictures keep theirs
        self.branches[name] = {**branch.model_dump(mode="json"), "changed": branch.changed}
        plan = plan_of(branch, parent, self.models, self.job.tools.registry, adapters, name)
        self.wardrobe.open([plan], self.models)
        pictures = self._pictures_of(plan)
        for sentence in changed_models(self.before.get("adapters") or {}, self.wardrobe.used()):
            self._notice(sentence)
        before = parent.moments[branch.step - 1].nfe if branch.step else 0
        kept = self.job.tools.models.prompts
        for record, moment in drawn(plan, branch, Trace(parent), self.models, self.folder, pictures, self.domain, kept):
            self.computed += (moment.nfe - before) * len(parent.seeds)
            before = moment.nfe
            where = {"phase": "branch", "arm": name, "step": record.index + 1, "steps": record.steps}
            self.job.progress(record.index - branch.step + 1, record.steps - branch.step, **where)
            self.job.check()
        self.headers[name] = read_header(self.folder, name)
        self._say(self.headers[name])

    def _pictures_of(self, plan: Plan) -> Json:
        """Open the ControlNets of a plan, and what each follows: as when its parent was drawn."""
        known, registry = load_controlnets(self.wardrobe.paths), self.job.tools.registry
        self.wardrobe.open_controls([plan], self.models, known, lambda id_: self.job.tools.models.model(registry.get(id_)))
        asked = {use["id"]: HintUse.model_validate(use) for use in self.before.get("hints") or []}
        model, domain = next(iter(self.models.values())), self.domain
        shape = sample_shape(Trace(next(iter(self.headers.values()))).shape, model.shape, model.sample_shape)
        stated = domain.read(self._prompt()).stated
        return {
            name: hint_picture(asked[name], known.get(name).hint, domain, stated, shape, self.wardrobe.paths)
            for name in hints_of(plan)
        }

    def _announce(self) -> None:
        """Say what rows there are, and which of their pictures."""
        for header in self.headers.values():
            self._say(header)

    def _say(self, header: Header) -> None:
        steps = [{"t": m.t, "level": m.level, "model": m.model, "segment": m.segment, "nfe": m.nfe} for m in header.moments]
        have = [m.index for m in header.moments if (self.folder / m.strip).is_file()]
        noisy = [m.index for m in header.moments if (self.folder / m.noisy).is_file()]
        self.job.event(
            "steps",
            arm=header.arm,
            steps=steps,
            strips=[m.strip for m in header.moments],
            have=have,
            noisy=noisy,
            branch=self.branches.get(header.arm),
            exact=header.exact,
        )

    # -- pictures --------------------------------------------------------------------------------------------------

    def _pictures(self) -> None:
        todo = [(arm, index) for arm, index in coarse_to_fine({arm: len(h.moments) for arm, h in self.headers.items()})]
        total, begun, made = len(todo) * (2 if self.request.states else 1), time.monotonic(), 0
        for done, (arm, index) in enumerate(todo, 1):
            moment = self.headers[arm].moments[index]
            if not self.frames.has(moment):
                header = self.headers[arm]
                self.frames.add(moment, self._decoded(header, moment, Trace(header).beliefs(index)))
                made += 1
            self.job.event("frame", arm=arm, step=index, strip=moment.strip)
            left = (time.monotonic() - begun) / made * (total - done) if made else None
            self.job.progress(done, total, phase="pictures", eta_s=None if left is None else round(left, 1))
            self.job.check()
        if self.request.states:
            self._noisy(total, begun)

    def _noisy(self, total: int, begun: float) -> None:
        """Pictures of x_t. Replayed without a network, but each must be decoded."""
        done = total // 2
        for arm, header in self.headers.items():
            project = projected(self.domain, [header.said])
            for moment, x in zip(header.moments, Trace(header).states(self.models, project), strict=True):
                done += 1
                if not (self.folder / moment.noisy).is_file():
                    self.frames.add_noisy(moment, self._decoded(header, moment, x))
                self.job.event("noisy", arm=arm, step=moment.index, strip=moment.noisy)
                left = (time.monotonic() - begun) / done * (total - done)
                self.job.progress(done, total, phase="noisy states", eta_s=round(left, 1))
                self.job.check()

    def _decoded(self, header: Header, moment: Moment, latents: Tensor) -> Tensor:
        """What is read is drawn by the full autoencoder, and so is the last step, unless all is asked of the tiny one."""
        read, last = self.frames.oracle or self.frames.reader, moment.index == len(header.moments) - 1
        tiny = None if (read or last) and not self.tiny.final else self.tiny.preview(moment.model, latents)
        return self.models[moment.model].decode(latents, beside([header.said])) if tiny is None else tiny

    def _result(self) -> Json:
        used = {
            name: {"hash": model.hash, "title": self.job.tools.registry.get(name).title} for name, model in self.models.items()
        }
        rows = [
            {
                "arm": name,
                "steps": len(header.moments),
                "nfe": header.moments[-1].nfe,
                "plan": header.plan.model_dump(mode="json"),
            }
            for name, header in self.headers.items()
        ]
        return {**{key: self.before[key] for key in ("arms", "recovery") if key in self.before},
                "request": self.request.model_dump(mode="json"), "root": self.root, "prompt": self._prompt(),
                "seeds": list(next(iter(self.headers.values())).seeds), "rows": rows, "branches": self.branches,
                "evaluations": {"branches": self.computed}, "models": used,
                "hints": self.before.get("hints") or [],
                "adapters": {**(self.before.get("adapters") or {}), **self.wardrobe.used()}, "notices": self.notices,
                "versions": versions(), **self.tiny.about,
                **({"additions": self.additions} if self.additions else {})}  # fmt: skip

    def _prompt(self) -> str:
        """As a person wrote it, where that is known."""
        if self.request.draw is not None:
            return self.request.draw.prompt
        asked = self.before.get("prompt") or (self.before.get("request") or {}).get("prompt")
        return str(asked or next(iter(self.headers.values())).prompt)


def coarse_to_fine(lengths: dict[str, int]) -> list[tuple[str, int]]:
    """(arm, step) of every step: the last of each arm, the first, then what halves the gaps, all arms side by side."""
    ranked = []
    for order, (arm, n) in enumerate(lengths.items()):
        depth = {n - 1: 0}
        depth.setdefault(0, 1)
        gaps = [(0, n - 1)]
        rank = 2
        while gaps:
            halves = []
            for low, high in gaps:
                if high - low > 1:
                    middle = (low + high) // 2
                    depth[middle] = rank
                    halves += [(low, middle), (middle, high)]
            gaps, rank = halves, rank + 1
        ranked += [(level, order, index, arm) for index, level in depth.items()]
    return [(arm, index) for _, _, index, arm in sorted(ranked)]


def _own(headers: Iterable[Header]) -> list[Moment]:
    """Every kept step once."""
    return list({(m.arm, m.at): m for header in headers for m in header.moments}.values())


def _link(source: Path, target: Path) -> None:
    """The same file under another name, where the file system can; a copy where not. Nothing when there is none."""
    if not source.is_file() or target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
