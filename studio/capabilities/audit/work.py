"""Executing an audit: attack by attack, each kept when it is finished, then the verdict and the report. In a worker."""

from __future__ import annotations

import time
from contextlib import ExitStack

import torch

from studio.capabilities.audit.attacks import ATTACKS, Attack, Found, LeftOut
from studio.capabilities.audit.page import report
from studio.capabilities.audit.request import KEPT, AuditRequest, is_said
from studio.capabilities.audit.stage import Stage
from studio.capabilities.audit.subject import EDITED, NEVER_SAW, ORIGINAL, WORN, Subject
from studio.capabilities.audit.verdict import verdict
from studio.core.explain import explain
from studio.core.family import OpenModel
from studio.core.files import Json, read_json
from studio.domains import domain_of
from studio.domains.media import image, medium_of
from studio.jobs.run import Run, versions
from studio.library.models import ModelEntry
from studio.workshop.tools import Tools

REPORT = "artifacts/report/audit.html"
SIDE = 96  # pixels of a picture in the report, at most


class Audit:
    """One run of the kind `audit`."""

    def __init__(self, request: AuditRequest, run: Run[Tools]):
        self.request, self.job = request, run
        self.adapter, self.entry = request.entry(run.tools.registry, run.home)
        self.concept = request.wanted(self.adapter, self.entry)
        kept = read_json(run.folder / KEPT) or {}
        self.done: dict[str, Json] = dict(kept.get("done", {}))
        self.left_out: dict[str, Json] = dict(kept.get("left_out", {}))
        self.notices: list[str] = []
        ranked = {name: ATTACKS.get(name) for name in request.chosen}
        self.attacks = dict(sorted(ranked.items(), key=lambda item: item[1].order))

    def run(self) -> Json:
        self.job.gate.enter(self.job.check)
        with ExitStack() as worn:
            stage = self._open(worn)
            for i, (name, attack) in enumerate(self.attacks.items()):
                self.job.progress(i, len(self.attacks), unit="attacks")
                if name not in self.done and name not in self.left_out:
                    self.job.state("running", f"{attack.title} …")
                    self._attack(name, attack, stage)
            self.job.progress(len(self.attacks), len(self.attacks), unit="attacks")
        result = self._result()
        page = report(result, lambda name: (self.job.folder / name).read_bytes())
        self.job.artifact(REPORT, page.encode())
        return result

    # -- opening ---------------------------------------------------------------------------------------------------

    def _open(self, worn: ExitStack) -> Stage:
        models, registry = self.job.tools.models, self.job.tools.registry
        self.job.state("loading", f"Opening {self.entry.title}.")
        model = models.whole(self.entry)
        edit, _ = model.adapter_files.read(self.adapter.file)
        model.load_edit(WORN, edit)
        worn.callback(model.unload_adapter, WORN)
        teacher = self._teacher(self.entry)
        subjects = {
            EDITED: Subject(EDITED, self.entry, model, edit, self.adapter.calibration, teacher),
            ORIGINAL: Subject(ORIGINAL, self.entry, model, teacher=teacher),
        }
        if self.request.never_saw:
            control = registry.get(self.request.never_saw)
            subjects[NEVER_SAW] = Subject(NEVER_SAW, control, models.whole(control), teacher=self._teacher(control))
            self._check_control(control)
        request = self.request
        return Stage(
            domain_of(self.entry.domain),
            self.concept,
            models.oracle(self.entry),
            subjects,
            request.pictures,
            request.budget,
            request.seed,
            self._between,
        )

    def _teacher(self, entry: ModelEntry) -> tuple[ModelEntry, OpenModel] | None:
        """Of a student, where it can be opened."""
        teacher = self.job.tools.registry.entries.get(entry.teacher or "")
        if entry.role != "student" or teacher is None or not teacher.available:
            return None
        return teacher, self.job.tools.models.whole(teacher)

    def _check_control(self, control: ModelEntry) -> None:
        if not is_said(control, self.concept):
            self._notice(f"Nothing in its card says that {control.id} never saw {self.concept.words}; you said so.")
        if control.role != self.entry.role:
            self._notice(
                f"{control.id} is a {control.role} and {self.entry.id} a {self.entry.role}, so they are sampled differently."
            )

    def _notice(self, text: str) -> None:
        self.notices.append(text)
        self.job.notice(text)

    # -- attacking -------------------------------------------------------------------------------------------------

    def _attack(self, name: str, attack: Attack, stage: Stage) -> None:
        begun = time.monotonic()
        stage.shown = {}
        try:
            found = attack.run(stage)
        except LeftOut as error:
            self._leave_out(name, attack, str(error))
        except (OSError, ValueError, KeyError) as error:
            self._leave_out(name, attack, explain(error))
        else:
            self.done[name] = {**self._finding(name, attack, found, stage), "seconds": round(time.monotonic() - begun, 1)}
        self.job.keep(KEPT, {"done": self.done, "left_out": self.left_out})
        self.job.event("attack", attack=name, done=name in self.done)

    def _leave_out(self, name: str, attack: Attack, why: str) -> None:
        self.left_out[name] = {"attack": name, "title": attack.title, "why": why}
        self.job.notice(f"{attack.title} is left out: {why}")

    def _finding(self, name: str, attack: Attack, found: Found, stage: Stage) -> Json:
        rows = list(found.rows)
        told = found.told
        if told is None:
            told = max(range(len(rows)), key=lambda i: float((rows[i][EDITED] or {}).get("value") or 0))
        pictures: Json = {}
        for key in stage.subjects:
            shown = stage.shown.get(f"{rows[told]['name']}\n{key}")
            if shown is not None:
                pictures[key] = self._keep(name, key, *shown)
        return {
            "attack": name, "title": attack.title, "clause": attack.clause, "access": attack.access, "rows": rows,
            "told": told, "floor": found.floor, "spent": found.spent, "more": found.more, "pictures": pictures,
        }  # fmt: skip

    def _keep(self, name: str, key: str, samples: torch.Tensor, hits: torch.Tensor) -> list[Json]:
        stills = medium_of(domain_of(self.entry.domain)).still(samples, SIDE)
        kept = []
        for i, hit in enumerate(hits.tolist()):
            said = {"request": self.request.model_dump(mode="json"), "attack": name, "model": key}
            file = self.job.artifact(f"artifacts/{name}/{key}-{i}.png", image.png_bytes(stills[i], said))
            kept.append({"file": file, "hit": bool(hit)})
        return kept

    def _between(self) -> None:
        """What is finished is kept already."""
        self.job.between(lambda: f" after {len(self.done)} of {len(self.attacks)} attacks; these are kept.")

    # -- after -----------------------------------------------------------------------------------------------------

    def _result(self) -> Json:
        registry, models = self.job.tools.registry, self.job.tools.models
        findings = [self.done[name] for name in self.attacks if name in self.done]
        ids = [self.entry.id, *([self.request.never_saw] if self.request.never_saw else [])]
        return {
            "request": self.request.model_dump(mode="json"), "adapter": self.adapter.id, "model": self.entry.id,
            "never_saw": self.request.never_saw or None, "concept": vars(self.concept),
            "verdict": verdict(self.concept.words, findings, bool(self.request.never_saw)), "attacks": findings,
            "left_out": [self.left_out[name] for name in self.attacks if name in self.left_out], "notices": self.notices,
            "report": REPORT, "models": {id: {"hash": models.whole(registry.get(id)).hash} for id in ids}, "versions": versions(),
        }  # fmt: skip
