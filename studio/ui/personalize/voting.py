"""What the voting place asks of the server: pairs drawn, a vote kept, sets of votes. Gradio's browser side sends anything."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from studio.core.explain import explain
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library import votes
from studio.library.models import load_registry
from studio.library.votes import Vote, VoteSet
from studio.ui.kit.messages import in_form
from studio.ui.personalize import preference_choices

AT_ONCE = 8  # pairs of a run

Ask = Callable[[Json], Json]


def served(jobs: Jobs) -> list[Ask]:
    """Each answers with {"problem"} where something does not fit."""
    return [_answering(one, jobs) for one in (draw, look, vote, bring, written, forget)]


def _answering(ask: Callable[[Jobs, Json], Json], jobs: Jobs) -> Ask:
    @wraps(ask)
    def answer(asked: Json) -> Json:
        try:
            return ask(jobs, asked if isinstance(asked, dict) else {})
        except (ValueError, KeyError, TypeError, OSError) as error:
            return {"problem": in_form(explain(error), "pairs")}

    del answer.__wrapped__  # Gradio counts the parameters
    return answer


def draw(jobs: Jobs, asked: Json) -> Json:
    """{"model", "name"} -> {"run"} that draws pairs nobody of this set voted on yet."""
    name, model = votes.check_name(str(asked.get("name") or "")), str(asked.get("model") or "")
    found, broken = votes.listed(jobs.paths)
    if name in broken:
        raise ValueError(broken[name])
    known = found.get(name)
    if known is not None and known.model != model:
        raise ValueError(f"The votes {name} are on pictures of {known.model}; another name would fit.")
    load_registry(jobs.paths).get(model)
    first = max((max(one.seeds) for one in known.votes), default=-1) + 1 if known is not None else 0
    return {"run": jobs.submit("pairs", {"model": model, "n": AT_ONCE, "seed": first + first % 2})}


def look(jobs: Jobs, asked: Json) -> Json:
    """{"run", "from": bytes read before} -> {"pairs": those since, "from", "state", "note"}."""
    run = str(asked["run"])[:80]
    info = jobs.get(run)
    if info.kind != "pairs":
        raise ValueError(f"Run {run} drew no pairs.")
    events, read = jobs.tail(run, int(asked.get("from") or 0))
    pairs = [{name: event[name] for name in ("index", "prompt", "files")} for event in events if event["kind"] == "pair"]
    return {"pairs": pairs, "from": read, "state": info.state, "note": info.note, "final": info.final}


def vote(jobs: Jobs, asked: Json) -> Json:
    """{"run", "index", "choice", "name"} -> {"said", "sets"}."""
    run, index = str(asked["run"])[:80], int(asked["index"])
    drawn = jobs.result(run)
    if jobs.get(run).kind != "pairs" or not drawn:
        raise ValueError("These pairs are still being drawn; vote when all of them are there.")
    if not 0 <= index < len(drawn["pairs"]):
        raise ValueError(f"There is no pair {index} in run {run}.")
    one: Json = {name: drawn["pairs"][index][name] for name in ("prompt", "given", "seeds")}
    about = VoteSet.model_validate({name: drawn[name] for name in ("model", "weights", "domain", "plan")})
    given = Vote.model_validate({**one, "choice": asked["choice"]})
    made = votes.add(jobs.paths, str(asked.get("name") or ""), about, [given])
    return {"said": made.said, "sets": preference_choices.sets(jobs.paths)}


def bring(jobs: Jobs, asked: Json) -> Json:
    """{"name", "text"} of a file -> {"said", "sets"}."""
    made = votes.take_in(jobs.paths, str(asked.get("name") or ""), str(asked["text"]))
    return {"said": made.said, "sets": preference_choices.sets(jobs.paths)}


def written(jobs: Jobs, asked: Json) -> Json:
    """{"name"} -> {"text"} of its file."""
    return {"text": votes.written(votes.votes(jobs.paths, str(asked.get("name") or "")))}


def forget(jobs: Jobs, asked: Json) -> Json:
    """{"name"} -> {"sets"} without it."""
    votes.remove(jobs.paths, str(asked.get("name") or ""))
    return {"said": "", "sets": preference_choices.sets(jobs.paths)}
