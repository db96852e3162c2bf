"""What stands in the form of the Distill tab, and what becomes of it when something is chosen. Knows no components.

Values are kept as they were typed; `request` reads them. What stood in an objective's fields is kept while another is
looked at.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace

from studio.capabilities.distill.request import DistillRequest
from studio.core.files import Json
from studio.jobs.executors import LOCAL
from studio.jobs.jobs import Jobs
from studio.library.method_cards import objectives
from studio.library.models import FAMILY, load_registry
from studio.ui.distill import budget, presets
from studio.ui.kit import schema_form as settings

FIRST = "dmd2"  # chosen when there is no wish
NO_PRESET = "none"
NAME_LETTERS = 40


@dataclass(frozen=True)
class Draft:
    """One state of the form. `kept`: settings and steps by objective. `suggested`: the name the form gave by itself;
    `given`: the settings, trainer and steps it gave, so that what somebody typed since can be told from them."""

    teacher: str
    objective: str
    preset: str = NO_PRESET
    name: str = ""
    steps: str = "1000"
    settings: Json = field(default_factory=dict)
    trainer: Json = field(default_factory=dict)
    run: Json = field(default_factory=dict)
    student: Json = field(default_factory=dict)
    executor: str = LOCAL
    suggested: str = ""
    kept: Json = field(default_factory=dict)
    given: Json = field(default_factory=dict)

    def text(self) -> str:
        """What the page remembers besides its fields: JSON that `of_text` takes."""
        return json.dumps(asdict(self))

    def away(self) -> Json:
        """`kept`, with the settings and the steps as they stand now."""
        return {**self.kept, self.objective: {"settings": self.settings, "steps": self.steps, "given": self.given}}


def of_text(text: str, **typed: object) -> Draft:
    """The draft a page remembers, with what was typed since."""
    known = json.loads(text)
    return Draft(**{**{k: v for k, v in known.items() if k in Draft.__dataclass_fields__}, **typed})


def groups(catalogue: Json, objective: str) -> dict[str, list[settings.Field]]:
    """Fields of the objective, of the trainer, of the student's form, and of the run itself, by scope."""
    properties = DistillRequest.model_json_schema()["properties"]
    of = {scope: {name: properties[name] for name in names if name in properties} for scope, names in settings.OWN.items()}
    return {
        "settings": settings.fields(catalogue["distill"]["methods"][objective]["schema"]),
        "trainer": settings.fields(catalogue["trainer"]),
        **{scope: settings.fields({"properties": own}) for scope, own in of.items()},
    }


_SHAPE = Draft("", "")


class Drafts:
    """Drafts from requests and from one another. Builds the catalogue of objectives when there is none yet."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs

    def catalogue(self) -> Json:
        found = objectives(self.jobs.paths)
        assert found is not None
        return found

    # -- made ------------------------------------------------------------------------------------------------------

    def of_request(self, request: Json) -> Draft:
        """A request as a draft; what it leaves out is the preset's that is simply this objective, or default."""
        known = self.catalogue()["distill"]["methods"]
        wished = request.get("objective")
        objective = str(wished if wished in known else FIRST if FIRST in known else next(iter(known), ""))
        teacher = request.get("teacher") or ""
        ready = self.preset_like(teacher, objective) if "settings" not in request else None
        name = self.free_name(str(request.get("name") or f"{teacher.split('/')[0]}-{ready.name if ready else objective}"))
        own = {scope: {key: request[key] for key in names if key in request} for scope, names in settings.OWN.items()}
        own["student"] = self._started(own["student"], ready, teacher, objective)
        return _given(
            Draft(
                teacher,
                objective,
                ready.name if ready else NO_PRESET,
                name,
                settings.write(request.get("steps") or (ready.steps if ready else 1000)),
                dict(request.get("settings") or (ready.settings if ready else {})),
                dict(request.get("trainer") or (ready.trainer if ready else {})),
                **own,
                suggested=name,
            )
        )

    def left(self, text: str) -> Draft | None:
        """A draft that a browser kept, where its teacher and its objective are there; None where it is none."""
        try:
            found = of_text(text)
        except (ValueError, TypeError, AttributeError):
            return None
        entry = load_registry(self.jobs.paths).entries.get(found.teacher) if isinstance(found.teacher, str) else None
        known = isinstance(found.objective, str) and found.objective in self.catalogue()["distill"]["methods"]
        fits = all(type(getattr(found, name)) is type(getattr(_SHAPE, name)) for name in Draft.__dataclass_fields__)
        return found if fits and known and entry is not None and entry.available else None

    def picked(self, draft: Draft, objective: str) -> Draft:
        """Another objective: what was typed for it before, else its preset for this teacher, else its defaults. Steps and
        settings of the trainer that somebody typed stay."""
        before, ready = draft.kept.get(objective), self.preset_like(draft.teacher, objective)
        trainer = draft.given.get("trainer", {})
        new = replace(
            draft,
            objective=objective,
            kept=draft.away(),
            preset=ready.name if ready else NO_PRESET,
            settings=before["settings"] if before else ready.settings if ready else {},
            steps=before["steps"] if before else draft.steps,
            student=self._started(draft.student, ready, draft.teacher, objective),
        )
        if before:
            new = replace(new, given={**before.get("given", {}), "trainer": trainer})
        elif ready:
            filled = replace(new, steps=settings.write(ready.steps), trainer={**trainer, **ready.trainer})
            new = self._typed_over(_given(filled), draft)
        else:
            new = replace(new, given={**draft.given, "settings": {}})
        return self.renamed(new, ready.name if ready else objective)

    def with_preset(self, draft: Draft, name: str) -> Draft:
        """A preset's settings, or with `NO_PRESET` the objective's own defaults."""
        ready = presets.preset(draft.teacher, name)
        if ready is None:
            plain = replace(draft, settings={}, trainer={}, preset=NO_PRESET, student=_begun(draft.student, None))
            return replace(plain, given={**draft.given, "settings": {}, "trainer": {}})
        return self.renamed(replace(_filled(draft, ready), kept=draft.away()), ready.name)

    def with_teacher(self, draft: Draft, teacher: str) -> Draft:
        """Presets are made for a size: the same one for this teacher, else this objective's, where there is one. What
        somebody typed over the one before stays.

        A student to begin with belongs to its teacher, so that wish goes.
        """
        new = replace(draft, teacher=teacher, student=_begun(draft.student, None))
        same, like = presets.preset(teacher, draft.preset), self.preset_like(teacher, draft.objective)
        ready = same or like
        if ready is None or draft.preset == NO_PRESET:
            return replace(new, preset=NO_PRESET)
        return self.renamed(replace(self._typed_over(_filled(new, ready), draft), kept={}), ready.name)

    def _typed_over(self, new: Draft, before: Draft) -> Draft:
        """`new` with what somebody typed into the form before, as far as it asks for the same."""
        of = groups(self.catalogue(), before.objective)
        scopes = ("settings", "trainer") if new.objective == before.objective else ("trainer",)
        typed = {scope: _typed(of[scope], getattr(before, scope), before.given.get(scope, {})) for scope in scopes}
        steps = new.steps if before.steps.strip() == before.given.get("steps", "") else before.steps
        return replace(new, steps=steps, **{scope: {**getattr(new, scope), **found} for scope, found in typed.items()})

    def _started(self, student: Json, ready: presets.Preset | None, teacher: str, objective: str) -> Json:
        """The student's form with what it begins as: a preset's wish, and some student where the objective needs one."""
        student = _begun(student, ready.start) if ready else student
        if not self.schema(objective).get("needs_start") or student.get("start"):
            return student
        mine = [
            entry.id for entry in load_registry(self.jobs.paths).entries.values() if entry.teacher == teacher and entry.available
        ]
        return _begun(student, mine[0] if mine else None)

    def preset_like(self, teacher: str, objective: str) -> presets.Preset | None:
        """The preset that is simply this objective, if there is one."""
        found = [p for p in presets.presets(teacher) if p.objective == objective]
        return next((p for p in found if p.name == objective), found[0] if found else None)

    def renamed(self, draft: Draft, wished: str) -> Draft:
        """The name follows the choice until somebody writes one."""
        if _base(draft.name) not in ("", _base(draft.suggested)):
            return draft
        name = self.free_name(f"{draft.teacher.split('/')[0]}-{wished}")
        return replace(draft, name=name, suggested=name)

    def free_name(self, wished: str) -> str:
        """`wished`, or with a number behind it that no student and no waiting or running job has."""
        base = re.sub(r"[^a-z0-9._-]", "-", wished.lower()).strip("-._")[: NAME_LETTERS - 4] or "student"
        base = _base(base)
        taken = {
            name.removeprefix(f"{FAMILY}/") for name in load_registry(self.jobs.paths).entries if name.startswith(f"{FAMILY}/")
        }
        for info in self.jobs.list(kind="distill", states=("queued", "loading", "running", "paused"), limit=200):
            taken.add(info.title.split(":")[0])
        return next(name for name in (base, *(f"{base}-{i}" for i in range(2, 10_000))) if name not in taken)

    # -- read ------------------------------------------------------------------------------------------------------

    def request(self, draft: Draft) -> Json:
        """The draft as a request of kind "distill". ValueError in one sentence when a field cannot be read."""
        of = groups(self.catalogue(), draft.objective)
        asked = {
            "name": draft.name.strip(),
            "teacher": draft.teacher,
            "objective": draft.objective,
            "settings": settings.read_all(of["settings"], draft.settings),
            "trainer": settings.read_all(of["trainer"], draft.trainer),
            **settings.read_all(of["run"], draft.run),
            **self._student(of["student"], draft.student),
        }
        return asked | {"steps": budget.steps(draft.steps, self.pace(draft, asked))}

    def _student(self, known: list[settings.Field], typed: Json) -> Json:
        """The student's form; settings of a form that was not chosen are left out, as their fields are not shown."""
        return settings.read_all(settings.shown(known, str(typed.get("form", ""))), typed)

    def whole(self, draft: Draft, own: Json) -> Json:
        """Settings of the objective with its defaults filled in."""
        properties = self.schema(draft.objective)["properties"]
        return {name: prop.get("default") for name, prop in properties.items()} | dict(own)

    def schema(self, objective: str) -> Json:
        """Of an objective's settings."""
        known = self.catalogue()["distill"]["methods"]
        return dict(known[objective]["schema"]) if objective in known else {"properties": {}}

    def pace(self, draft: Draft, asked: Json) -> float | None:
        """Seconds a step of what is asked for, where a time was given and such runs have been measured."""
        if budget.seconds(draft.steps) is None:
            return None
        return budget.pace(self.jobs, asked)


def _base(name: str) -> str:
    """A name without the number that made it free."""
    return re.sub(r"-\d+$", "", name)


def _filled(draft: Draft, ready: presets.Preset) -> Draft:
    return _given(
        replace(
            draft,
            objective=ready.objective,
            settings=ready.settings,
            trainer=ready.trainer,
            preset=ready.name,
            steps=settings.write(ready.steps),
            student=_begun(draft.student, ready.start),
        )
    )


def _given(draft: Draft) -> Draft:
    """A draft in which nobody has typed yet."""
    return replace(draft, given={"settings": draft.settings, "trainer": draft.trainer, "steps": draft.steps})


def _typed(known: list[settings.Field], values: Json, given: Json) -> Json:
    """Those values that are others than the form gave by itself; what it does not give stands at its default."""
    own = [field for field in known if field.name in values]
    return {f.name: values[f.name] for f in own if not settings.same(f, values[f.name], given.get(f.name, f.default))}


def _begun(student: Json, start: str | None) -> Json:
    """The student's form, begun as another student, or as the teacher."""
    return {**student, "start": start} if start else {k: v for k, v in student.items() if k != "start"}
