"""What there is to choose from, and what a form becomes: candidates, prompts with their questions, who judges, what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from studio.capabilities.evaluate import prompt_set
from studio.capabilities.evaluate.known_judges import cards, known_judges
from studio.capabilities.evaluate.request import EvaluateRequest
from studio.core.domain import Domain
from studio.core.explain import explain
from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.paths import Paths
from studio.library.adapter_uses import words_of
from studio.library.adapters import Adapters, load_adapters
from studio.library.candidates import MAX_CANDIDATES, Candidate, check_candidates
from studio.library.checklist import checks
from studio.library.models import ModelEntry, Registry, load_registry
from studio.library.remedies import REMEDIES
from studio.library.seeds import parse_seeds
from studio.ui.kit import arms, schema_form, words
from studio.ui.kit.messages import in_form

RUN = ("n_prompts", "planted", "teacher_steps", "judge_model")  # fields of a request that are typed as text
SHOWN = 40  # prompts whose questions the form lists
ORACLE = "oracle"
OWN, TYPED = "own", "typed"


def options(paths: Paths) -> Json:
    """{"models", "adapters", "judges", "run": fields, "most": candidates, "begin", "example": rows of candidates}."""
    registry, adapters = load_registry(paths), load_adapters(paths)
    models = [_model(entry, registry, adapters) for entry in registry.entries.values() if entry.available]
    fitting = {name for model in models for name in model["adapters"]}
    return {
        "models": models,
        "adapters": [{"id": one.id, "title": one.title} for one in adapters.entries.values() if one.id in fitting],
        "judges": cards(),
        "run": [_field(one) for one in run_fields()],
        "most": MAX_CANDIDATES,
        "begin": begin(registry),
        "example": example(registry),
    }


def _model(entry: ModelEntry, registry: Registry, adapters: Adapters) -> Json:
    """arms: that a student can be drawn in, with its teacher; "" is the model itself."""
    teacher = registry.entries.get(entry.teacher or "")
    paired = entry.role == "student" and teacher is not None and teacher.available
    others = [arm for arm in (*arms.choices(entry.steps), *REMEDIES) if arm != "student"] if paired else []
    return {
        "id": entry.id, "title": entry.title, "role": entry.role, "domain": domain_of(entry.domain).title,
        "arms": [{"arm": "", "title": "The model itself"}, *({"arm": arm, "title": arms.title(arm)} for arm in others)],
        "adapters": [one.id for one in adapters.for_model(entry)],
    }  # fmt: skip


def begin(registry: Registry) -> list[Json]:
    """The student of the first pair that is ready, and its teacher; the first model where there is no pair."""
    ready = next((pair for pair in registry.pairs() if pair.available), None)
    if ready is None:
        return [row(entry.id) for entry in registry.entries.values() if entry.available][:1]
    return [row(ready.student.id), row(ready.teacher.id)]


def example(registry: Registry) -> list[Json]:
    """Of the pair with the smallest pictures, which are drawn the soonest: the student, its teacher and a hybrid of both."""
    ready = min((pair for pair in registry.pairs() if pair.available), key=lambda pair: pair.student.size, default=None)
    if ready is None:
        return begin(registry)
    return [row(ready.student.id), row(ready.teacher.id), row(ready.student.id, "hybrid-1")]


def row(model: str, arm: str = "", adapters: Sequence[Json] = ()) -> Json:
    """A candidate as the form holds it; adapters: {"id", "strength": text, "on"}."""
    return {"model": model, "arm": arm, "adapters": list(adapters)}


def titled(judge: str) -> str:
    return next((str(one["title"]) for one in cards() if one["name"] == judge), judge)


def run_fields() -> list[schema_form.Field]:
    schema = EvaluateRequest.model_json_schema()["properties"]
    return [schema_form.one(name, schema[name], EvaluateRequest.model_fields[name].title or "") for name in RUN]


def _field(one: schema_form.Field) -> Json:
    return {"name": one.name, "label": one.label, "info": one.info, "value": schema_form.write(one.default)}


# -- while somebody types -------------------------------------------------------------------------------------------------


@dataclass
class Looked:
    """Of what a form holds. rows: of each candidate {"problem", "nfe"}. problems: a sentence by field."""

    rows: list[Json] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    fit: list[Candidate] = field(default_factory=list)
    costs: list[tuple[str, int]] = field(default_factory=list)  # title and evaluations of a sample, of those that fit
    entry: ModelEntry | None = None  # of the first


def looked(paths: Paths, form: Json) -> Json:
    """{"rows", "problems", "prompts": of `asks`, "count", "questions", "cost", "why", "judge", "judges"}."""
    registry, adapters, found = load_registry(paths), load_adapters(paths), Looked()
    numbers = _numbers(form, found.problems)
    _candidates(form, numbers.get("teacher_steps"), registry, adapters, found)
    seeds = _seeds(form, found.problems)
    lines = _lines(form, numbers.get("n_prompts"), found)
    asked: list[Json] = []
    if found.entry is not None:
        brought = [word for one in found.fit for word in words_of(one.adapters, adapters)]
        asked = asks(domain_of(found.entry.domain), lines, brought)
    line, usable = judged(form, found)
    total, why = cost(found.costs, len(asked), seeds)
    return {
        "rows": found.rows, "problems": found.problems, "prompts": asked[:SHOWN], "count": len(asked),
        "questions": sum(len(one["asks"]) for one in asked), "cost": total, "why": why, "judge": line,
        "judges": usable,
    }  # fmt: skip


def _numbers(form: Json, problems: dict[str, str]) -> Json:
    """What stands in the fields that hold numbers, those that can be read."""
    found, typed = {}, _texts(form.get("run"))
    for one in run_fields():
        try:
            value = schema_form.read(one, typed.get(one.name, schema_form.write(one.default)))
            if value is None and one.default is not None:
                continue  # left to its default
            EvaluateRequest.model_validate({"candidates": ["a/b"], one.name: value})
            found[one.name] = value
        except ValueError as error:
            problems[one.name] = said(error)
    return found


def _candidates(form: Json, steps: int | None, registry: Registry, adapters: Adapters, found: Looked) -> None:
    names: list[str] = []
    for given in _rows(form):
        nfe, problem = 0, ""
        try:
            one = Candidate.model_validate(given)
            plan = one.plan(registry, steps)
            check_candidates([*found.fit[:1], one], registry, adapters, steps)
            if str(one) in names:
                raise ValueError("It stands here twice; another arm or another adapter would fit.")
            nfe = plan.nfe
            names.append(str(one))
            found.fit.append(one)
            found.costs.append((one.title(registry, adapters), nfe))
            found.entry = found.entry or registry.get(one.model)
        except ValueError as error:
            problem = said(error)
        found.rows.append({"problem": problem, "nfe": words.evaluations(nfe) if nfe else ""})


def said(error: ValueError) -> str:
    """One sentence of anything that was refused, in the words of the form."""
    return in_form(explain(error, EvaluateRequest), "evaluate")


def _seeds(form: Json, problems: dict[str, str]) -> int:
    try:
        return len(parse_seeds(str(form.get("seeds") or "")))
    except ValueError as error:
        problems["seeds"] = str(error)
        return 0


def _lines(form: Json, n: int | None, found: Looked) -> tuple[str, ...]:
    try:
        if form.get("source") == TYPED:
            return prompt_set.lines(str(form.get("prompts") or ""))
        if found.entry is not None and n is not None:
            return prompt_set.own(domain_of(found.entry.domain), n)
    except ValueError as error:
        found.problems["prompts"] = str(error)
    return ()


def asks(domain: Domain, lines: Sequence[str], brought: Sequence[str]) -> list[Json]:
    """Prompts with their questions. brought: words of adapters. read_as: "" where it is the prompt itself."""
    return [
        {"text": line, "read_as": "" if one.text == line else one.text, "notice": one.notice,
         "asks": [{"kind": check.kind, "question": check.question} for check in checks(domain, one)]}
        for line, one in zip(lines, prompt_set.read(domain, lines, brought), strict=True)
    ]  # fmt: skip


def judged(form: Json, found: Looked) -> tuple[str, list[Json]]:
    """(who will judge and why, judges with why one cannot: {"name", "title", "why"})."""
    known, entry = known_judges(), found.entry
    here = entry is not None and entry.oracle_here and domain_of(entry.domain).has_world
    none = f"There is no oracle for what {entry.title if entry else 'these'} draws."
    usable = [{"name": name, "title": titled(name), "why": none if name == ORACLE and not here else ""} for name in known]
    chosen = next((str(name) for name in form.get("judges") or []), "")
    if chosen in known:
        if chosen == ORACLE and not here:
            found.problems["judges"] = f"{none} Another judge would fit."
            return "", usable
        return f"{titled(chosen)}: {known[chosen]}", usable
    if here:
        return f"{titled(ORACLE)}, the best there is here: {known[ORACLE]}", usable
    others = [titled(name) for name in known if name != ORACLE]
    if not others:
        found.problems["judges"] = f"{none} No other judge is installed."
        return "", usable
    return f"{none} The best of {', '.join(others)} that can be opened when the run begins answers instead.", usable


def cost(costs: Sequence[tuple[str, int]], prompts: int, seeds: int) -> tuple[str, str]:
    """(what all of it costs, what each candidate does); "" of what would draw nothing."""
    n = prompts * seeds
    if not n or not costs:
        return "", ""
    total = n * sum(nfe for _, nfe in costs)
    many = f"{words.count(len(costs), 'candidate')} × {words.count(prompts, 'prompt')} × {words.count(seeds, 'seed')}"
    by = "; ".join(f"{title} {n * nfe:,}" for title, nfe in costs)
    return f"{many}: {total:,} network evaluations", f"Network evaluations: {by}."


# -- the form as a request ------------------------------------------------------------------------------------------------


def request(form: Json) -> Json:
    """form: {"candidates", "source", "prompts", "seeds", "judges", "run": texts that differ from the defaults}. ValueError in
    one sentence."""
    typed = str(form.get("prompts") or "") if form.get("source") == TYPED else ""
    if form.get("source") == TYPED and not prompt_set.lines(typed):
        raise ValueError("No prompt is typed yet; one a line fits, or the domain's own prompts.")
    asked: Json = {"candidates": _rows(form), "prompts": typed, "seeds": str(form.get("seeds") or "")}
    asked["judges"] = [str(name)[:80] for name in form.get("judges") or [] if name]
    return asked | schema_form.read_all(run_fields(), _texts(form.get("run")))


def _rows(form: Json) -> list[Json]:
    """Candidates as requests write them. Gradio's browser side sends anything."""
    found = []
    for given in form.get("candidates") or []:
        one = given if isinstance(given, Mapping) else {}
        uses = [use for use in one.get("adapters") or [] if isinstance(use, Mapping) and use.get("id")]
        found.append({
            "model": str(one.get("model") or ""), "arm": str(one.get("arm") or ""),
            "adapters": [{"id": str(use["id"]), "strength": _strength(use), "on": str(use.get("on") or "all")} for use in uses],
        })  # fmt: skip
    return found[: 2 * MAX_CANDIDATES]


def _strength(use: Mapping[str, object]) -> str:
    return str(use.get("strength") or "").strip().replace("−", "-").replace(",", ".") or "1"


def _texts(given: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in given.items()} if isinstance(given, Mapping) else {}
