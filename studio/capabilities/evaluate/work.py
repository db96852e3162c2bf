"""Executing an evaluation: candidate by candidate, each kept when it is finished, then what sets them apart. In a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from studio.capabilities.evaluate import prompt_set, scoring
from studio.capabilities.evaluate.drawing import Drawing
from studio.capabilities.evaluate.judges import JUDGES, Answer, Judge, NotHere, Opening
from studio.capabilities.evaluate.looking import Looking
from studio.capabilities.evaluate.page import report
from studio.capabilities.evaluate.planted import planted, trusted
from studio.capabilities.evaluate.request import EvaluateRequest
from studio.capabilities.evaluate.verdict import of_candidate, of_pair, of_trust
from studio.core.domain import Oracle, Said
from studio.core.explain import explain
from studio.core.files import Json, read_json
from studio.domains import domain_of
from studio.domains.media import image, medium_of
from studio.jobs.run import Run, versions
from studio.library.adapters import load_adapters
from studio.library.checklist import Check, checks
from studio.workshop.tools import Tools

REPORT = "artifacts/report/evaluation.html"
PLANTED_SEED = 939_393  # of things that errors are planted into
SIDE = 256  # pixels of a picture that is kept, at most


class Evaluation:
    """One run of the kind `evaluate`."""

    def __init__(self, request: EvaluateRequest, run: Run[Tools]):
        self.request, self.job = request, run
        registry = run.tools.registry
        self.entry = registry.get(request.candidates[0].model)
        self.domain = domain_of(self.entry.domain)
        self.medium = medium_of(self.domain)
        self.prompts = request.asked(registry)
        adapters = load_adapters(run.home)
        self.titles = [one.title(registry, adapters) for one in request.candidates]
        self.notices: list[str] = []
        self.oracle: Oracle | None = None
        self.judges: dict[str, Judge] = {}
        self.done = 0

    def run(self) -> Json:
        self.job.gate.enter(self.job.check)
        self._open()
        rows = [self._kept(f"candidate-{k}.json", partial(self._candidate, k)) for k in range(len(self.titles))]
        trust = self._kept("planted.json", self._planted) if self.request.planted else {}
        result = self._result(rows, trust)
        page = report(result, lambda name: (self.job.folder / name).read_bytes())
        self.job.artifact(REPORT, page.encode())
        return result

    # -- opening ---------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        models = self.job.tools.models
        if self.entry.oracle_here and self.domain.has_world:
            self.oracle = models.oracle(self.entry)
        self.looking = Looking(self.domain, self.medium, models, self.oracle)
        opening = Opening(self.domain, self.entry, models, self.oracle, self.request.judge_model, self.job.home)
        chosen = self.request.judges or sorted(JUDGES.all(), key=lambda name: JUDGES.get(name).order)
        why = []
        for name in chosen:
            try:
                self.judges[name] = JUDGES.get(name).open(opening)
            except NotHere as error:
                why.append(str(error))
            except (OSError, ValueError, RuntimeError) as error:
                why.append(explain(error))
            if self.judges and not self.request.judges:
                break  # the best one there is
        if not self.judges:
            raise ValueError(f"Nobody here can judge what {self.entry.id} draws. {' '.join(why)}".strip())
        for sentence in why if self.request.judges else ():
            self._notice(sentence)

    def _notice(self, text: str) -> None:
        self.notices.append(text)
        self.job.notice(text)

    # -- one candidate ---------------------------------------------------------------------------------------------

    def _candidate(self, k: int) -> Json:
        candidate, seeds = self.request.candidates[k], list(self.request.seeds)
        with Drawing(candidate, self.request.teacher_steps, self.job, self.domain, self._between) as drawing:
            for sentence in drawing.notices:
                self._notice(sentence)
            said = prompt_set.read(self.domain, self.prompts, drawing.words)
            self._said_of(said)
            self.job.state("running", f"{self.titles[k]} …")
            begun, asked = time.monotonic(), [checks(self.domain, one) for one in said]
            answers: dict[str, list[list[Answer]]] = {name: [] for name in self.judges}
            files: list[str] = []
            self.looking.begin()
            for i, one in enumerate(said):
                drawn = drawing.samples(one, seeds)
                files += self._keep(k, i, drawn)
                for name, judge in self.judges.items():
                    answers[name] += judge.answers(drawn, [one] * len(seeds), [asked[i]] * len(seeds))
                self.looking.read(drawn)
                self.done += 1
                self.job.progress(self.done, len(self.titles) * len(said), unit="prompts")
                self.job.event("drawn", candidate=k, prompt=i, files=files[-len(seeds) :])
            spent = round(time.monotonic() - begun, 1)
            row: Json = {
                "candidate": k, "name": str(candidate), "title": self.titles[k], "nfe": drawing.plan.nfe,
                "steps": drawing.plan.steps, "plan": drawing.plan.model_dump(mode="json"), "adapters": drawing.wardrobe.used(),
                "seconds": spent, "models": {name: {"hash": model.hash} for name, model in drawing.models.items()},
            }  # fmt: skip
        row |= scoring.candidate(said, seeds, asked, answers, files)
        row["figures"] = self.looking.figures(said)
        row["sentence"] = of_candidate(row)
        return row

    def _said_of(self, said: Sequence[Said]) -> None:
        told = dict.fromkeys(one.notice for one in said if one.notice)
        for sentence in list(told)[:3]:
            if sentence not in self.notices:
                self._notice(sentence)

    def _keep(self, k: int, i: int, drawn: Tensor) -> list[str]:
        """Every sample as it is looked at."""
        kept = []
        for seed, still in zip(self.request.seeds, self.medium.still(drawn, min(SIDE, self.entry.size or SIDE)), strict=True):
            said = {"kind": "evaluate", "run": self.job.spec.id, "candidate": str(self.request.candidates[k]),
                    "prompt": self.prompts[i], "seed": seed}  # fmt: skip
            kept.append(self.job.artifact(f"artifacts/{k}/{i}-{seed}.png", image.png_bytes(still, said)))
        return kept

    def _between(self) -> None:
        self.job.between(lambda: "; candidates that are finished are kept.")

    # -- after -----------------------------------------------------------------------------------------------------

    def _planted(self) -> Json:
        """How far every judge can be trusted here; nothing where no world is known."""
        if not self.domain.has_world:
            return {}
        self.job.state("running", "Planting errors …")
        shape = self.job.tools.models.model(self.entry).sample_shape
        bench = planted(self.domain, self.request.planted, PLANTED_SEED, shape)
        found = {name: trusted(one, bench, lambda *_: self._between()) for name, one in self.judges.items()}
        return {
            "items": bench.items, "samples": len(bench.cases), "judges": found,
            "sentences": [of_trust(JUDGES.get(name).title, one) for name, one in found.items()],
        }  # fmt: skip

    def _kept(self, name: str, make: Callable[[], Json]) -> Json:
        """Made once in the life of a run."""
        found = read_json(self.job.folder / name)
        if found is None:
            found = make()
            self.job.keep(name, found)
        self.done = max(self.done, len(self.prompts) * (1 + found.get("candidate", -1)))
        return found

    def _result(self, rows: Sequence[Json], trust: Json) -> Json:
        pairs = [scoring.pair(0, k, rows[0], row) for k, row in enumerate(rows) if k]
        for one in pairs:
            one["sentence"] = of_pair(one, self.titles, rows[0]["n"])
        about = {name: {"title": JUDGES.get(name).title, "about": one.about, "key": one.key} for name, one in self.judges.items()}
        return {
            "request": self.request.model_dump(mode="json"), "domain": self.domain.name, "judges": about,
            "judge": next(iter(about)), "prompts": [self._prompt(line) for line in self.prompts],
            "seeds": list(self.request.seeds), "candidates": list(rows), "comparisons": pairs, "trust": trust,
            "notices": self.notices, "report": REPORT, "versions": versions(),
        }  # fmt: skip

    def _prompt(self, line: str) -> Json:
        said = self.domain.read(line)
        asked: list[Check] = checks(self.domain, said)
        return {"text": line, "read_as": said.text, "checks": [vars(one) for one in asked], "notice": said.notice}
