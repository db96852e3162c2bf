"""A study as the page shows it: where it is, its figure, its verdicts, the table behind it, and the command that repeats it."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence

import yaml

from studio.capabilities.lab.request import StudyRequest
from studio.capabilities.lab.studies import STUDIES
from studio.core.files import Json
from studio.jobs.commands import is_resumable
from studio.jobs.events import ACTIVE
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs
from studio.jobs.paths import PRESETS
from studio.ui.jobs.background import ACTIONS, ASKED
from studio.ui.kit import words
from studio.ui.kit.exports import Saved, Table, of_run
from studio.ui.kit.runs import when
from studio.ui.kit.words import span
from studio.ui.lab import figures, shipped
from studio.ui.lab.tables import tables

KIND = "study"
LISTED = 40
KEPT = 24  # bodies
STUDY_PRESETS = PRESETS / "studies"
OFFERED = ("pause", "stop", "resume", "cancel", "up", "down")  # of the jobs panel's buttons, those that suit a study


class Studies:
    """Reads study runs for the page. Nothing here starts or changes one."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        self._bodies: OrderedDict[tuple[str, int], Json] = OrderedDict()
        self._lock = threading.Lock()

    # -- the list ----------------------------------------------------------------------------------------------------

    def saved(self, chosen: str = "") -> list[Json]:
        """Studies by name, the newest first, then those that came with the program."""
        own = [self._card(info) for info in self.jobs.list(kind=KIND, limit=LISTED)]
        theirs = [shipped.card(name, self._named(name)) for name in shipped.names()]
        return [card | {"chosen": card["run"] == chosen} for card in (*own, *theirs)]

    def _named(self, run_id: str) -> str:
        """A shipped study by what it asks, and its own name where it has one."""
        asked = shipped.result(run_id)["request"]
        return ", ".join(filter(None, [self._asks(asked), str(asked.get("name") or "").lower()]))

    def config(self, run_id: str) -> Json:
        """The request of a study, also of one that came with the program. ValueError where there is none."""
        return dict(shipped.result(run_id)["request"]) if shipped.is_shipped(run_id) else self.jobs.spec(run_id).config

    def _card(self, info: RunInfo) -> Json:
        config = self._config(info)
        about = " · ".join(filter(None, [
            self._asks(config) if config.get("name") else "", str(config.get("pair", "")),
            f"{words.count(len(config.get('prompts', ())), 'prompt')} × {words.count(config.get('seeds', 0), 'seed')}",
            when(info.created),
        ]))  # fmt: skip
        return {"run": info.id, "title": self._title(info), "about": about, "state": info.state}

    def _config(self, info: RunInfo) -> Json:
        try:
            return self.jobs.spec(info.id).config
        except ValueError:  # deleted meanwhile
            return {}

    def _title(self, info: RunInfo) -> str:
        """Its name; without one, what it asks."""
        config = self._config(info)
        return str(config.get("name") or self._asks(config) or info.title)

    @staticmethod
    def _asks(config: Json) -> str:
        member = STUDIES.all().get(str(config.get("study")))
        return member.card.title if member is not None else ""

    # -- one study ---------------------------------------------------------------------------------------------------

    def info(self, run_id: str) -> RunInfo:
        """The run. ValueError when there is none, or when it is something else."""
        info = self.jobs.get(run_id)
        if info.kind != KIND:
            raise ValueError(f"Run {run_id} is a {info.kind}, no study; studies are started in the Lab tab.")
        return info

    def line(self, run_id: str) -> Json:
        """What changes from second to second: {"run", "title", "state", "live", "text", "percent", "actions", "note"}."""
        if shipped.is_shipped(run_id):
            return shipped.line(run_id, self._named(run_id))
        info, p = self.info(run_id), self.jobs.progress(run_id) or {}
        done, total = p.get("done") or 0, p.get("total") or 0
        state = "running" if info.state in ACTIVE and done else info.state
        return {
            "run": run_id, "title": self._title(info), "state": state, "live": info.state in (*ACTIVE, "queued"),
            "text": self._text(info, p),
            "percent": 100.0 if info.state == "done" else round(100 * done / total, 1) if total else 0.0,
            "actions": [[name, ACTIONS[name]] for name in self._allowed(info)],
            "note": info.note if info.state in ("failed", "interrupted") else "",
        }  # fmt: skip

    def _allowed(self, info: RunInfo) -> list[str]:
        folder = self.jobs.paths.run(info.id)
        if info.state in ACTIVE:
            return ["resume"] if (folder / "pause").exists() else [] if (folder / "stop").exists() else ["pause", "stop"]
        if info.state == "queued":
            return ["up", "down", "cancel"] if info.ahead else ["pause", "cancel"]
        return ["resume"] if is_resumable(info.kind) and self.jobs.resumable(info.id) else []

    def _text(self, info: RunInfo, p: Json) -> str:
        done, total = p.get("done"), p.get("total")
        at = f"{done:,} of {total:,} network evaluations" if isinstance(done, int) and isinstance(total, int) else ""
        shared = f"{p['reused']:,} of them shared or drawn before" if p.get("reused") else ""
        if info.state == "queued":
            place = f"{words.count(info.ahead, 'run')} ahead" if info.ahead else "next in line"
            return " · ".join(filter(None, [place, at]))
        if info.state in ACTIVE:
            folder = self.jobs.paths.run(info.id)
            asked = next((said for name, said in ASKED.items() if (folder / name).exists()), "")
            left = f"about {span(p['eta_s'])} left" if p.get("eta_s") and not asked else ""
            return " · ".join(filter(None, [at or info.note.rstrip(".") or "opening models", left, asked]))
        if info.state == "done":
            took = f"in {span(info.finished - info.started)}" if info.finished and info.started else ""
            return " · ".join(filter(None, [f"{at.replace(f'{done:,} of ', '', 1)} {took}".strip(), shared]))
        return at or info.note.rstrip(".")

    def stamp(self, run_id: str) -> str:
        """Changes whenever there is more to show of a run."""
        return f"{run_id} {self._written(run_id)}"

    def _written(self, run_id: str) -> int:
        if shipped.is_shipped(run_id):
            return 0
        try:
            return (self.jobs.paths.run(run_id) / "result.json").stat().st_mtime_ns
        except OSError:
            return 0

    def body(self, run_id: str) -> Json:
        """Everything that follows from what is complete: figure, verdicts, tables, command."""
        key = (run_id, self._written(run_id))
        with self._lock:
            if key in self._bodies:
                self._bodies.move_to_end(key)
                return self._bodies[key]
        found = self._body(run_id)
        with self._lock:
            self._bodies[key] = found
            while len(self._bodies) > KEPT:
                self._bodies.popitem(last=False)
        return found

    def _body(self, run_id: str) -> Json:
        if not shipped.is_shipped(run_id):
            return body(self.jobs.spec(run_id).config, self.jobs.result(run_id))
        found = shipped.result(run_id)
        made = body(found["request"], found)
        return made | {"basis": f"{made['basis']} {shipped.basis(self.jobs, found)}".strip()}

    def to_save(self, wish: Json) -> Saved:
        """Tables, request and result of {"run"}."""
        run_id = str(wish["run"])[:80]
        if shipped.is_shipped(run_id):
            found = shipped.result(run_id)
            document = {"kind": KIND, "run": run_id, "request": found["request"], "result": found}
        else:
            document = of_run(self.jobs, run_id, KIND)
        tables = self.body(document["run"])["tables"]
        return Saved(
            [Table(t["heads"], [[row["name"], *row["cells"]] for row in t["rows"]], t["title"]) for t in tables], document
        )


def body(config: Json, result: Json | None) -> Json:
    """See `Studies.body`. A result that cannot be read is said to be so; the rest of the page goes on."""
    of = f"{words.count(len(config.get('prompts', ())), 'prompt')} × {words.count(config.get('seeds', 0), 'seed')}"
    shown: Json = {"study": config.get("study", ""), "figure": None, "caption": "", "verdicts": [], "cautions": [],
                   "tables": [], "facts": [],
                   "command": command(config), "problem": "", "question": "", "basis": ""}  # fmt: skip
    if not result or "study" not in result:
        return shown | {"wait": "The figure appears when the first block of seeds is complete for every prompt and arm."}
    try:
        done = result["seeds"]
        basis = f"Complete for {words.count(done, 'seed')} of {config['seeds']}" if done < config["seeds"] else f"All of {of}"
        common = cautions(result.get("verdicts", []))
        return shown | {
            "question": result["card"]["question"],
            "basis": f"{basis}, the same noise in every arm.",
            "figure": figures.both(result),
            "caption": figures.caption(result),
            "verdicts": [verdict(row, common, done * len(result.get("prompts", ()))) for row in result.get("verdicts", [])],
            "cautions": common,
            "none": "" if result.get("verdicts") else no_verdict(result["card"]),
            "tables": tables(result),
            "facts": facts(result),
            "wait": "There is too little to draw a figure of yet; more seeds would give one.",
        }
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        return shown | {
            "problem": f"This result cannot be shown: it lacks {error}; the same study drawn again would.",
            "wait": "",
        }


# -- verdicts ------------------------------------------------------------------------------------------------------------


def no_verdict(card: Json) -> str:
    """What stands where a study compares and judges nothing."""
    on = ", ".join(card.get("statements") or ())
    return f"{f'It bears on {on} and' if on else 'It'} gives no verdict by itself: read the figures with their intervals."


def cautions(rows: Sequence[Json]) -> list[str]:
    """Those that every verdict carries: said once for all, where there are several."""
    if len(rows) < 2:
        return []
    return [text for text in rows[0].get("cautions", []) if all(text in row.get("cautions", []) for row in rows)]


def verdict(row: Json, common: Sequence[str] = (), drawn: int = 0) -> Json:
    """A row of `metrics.verdicts` in words; `common` cautions are left out. drawn: samples an arm."""
    effect, reach = words.interval(row.get("interval"), digits=3)
    return {
        "id": row["id"], "statement": row["statement"], "verdict": row["verdict"], "sentence": row["sentence"],
        "effect": effect, "interval": reach,
        "unit": row["unit"], "n": row["n"], "few": words.unread(row["n"], drawn) if row["unit"].startswith("D(") else "",
        "expected": row.get("expected", ""),
        "cautions": [text for text in row.get("cautions", []) if text not in common],
    }  # fmt: skip


def command(config: Json) -> str:
    """What repeats it from a terminal: its preset where one is the same request, else the request spelt out."""
    try:
        own = StudyRequest.model_validate(dict(config))
    except ValueError:
        return ""
    for path in sorted(STUDY_PRESETS.glob("*.yaml")):
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        fields.pop("kind", None)
        if StudyRequest.model_validate(fields).model_copy(update={"name": own.name}) == own:
            return f"python -m studio jobs run presets/studies/{path.name}"
    default = StudyRequest(study=own.study).model_dump(mode="json")
    told = {k: v for k, v in own.model_dump(mode="json").items() if v != default[k] or k in ("study", "pair", "seeds")}
    spec = json.dumps({"kind": KIND, **told}, ensure_ascii=False).replace("'", "’")
    return f"echo '{spec}' > study.yaml && python -m studio jobs run study.yaml"


# -- what it is made of -------------------------------------------------------------------------------------------------


def identity(control: Json | None) -> str:
    """What came of the teacher standing in for the student, in few words; nothing where a study has no such control."""
    if not control or not (control["checked"] or control["fired"]):
        return ""
    if control["fired"]:
        return f"fired, so nothing here is evidence: {control['sentence']}"
    how = "every reading equal" if control["exact"] else "equal but for rounding"
    return f"passed, {words.count(len(control['rows']), 'arm')} × {words.count(control['n'], 'sample')}, {how}"


def facts(result: Json) -> list[list[str]]:
    """Name and value: what was drawn, of which weights, and what it cost."""
    done = result.get("evaluations") or {}
    hashes = [f"{name} {model['hash']}" for name, model in (result.get("models") or {}).items()]
    request: Json = result["request"]
    seeds: Sequence[int] = range(result["seeds"])
    return [
        ["prompts", ", ".join(result["prompts"])],
        ["seeds", f"{words.count(len(seeds), 'seed')} a prompt and arm, the same noise in all {len(result['arms'])} arms"],
        [
            "network evaluations",
            f"{done.get('computed', 0):,} run by this study, {done.get('reused', 0):,} shared or drawn before",
        ],
        *([["identity control", control]] if (control := identity(result.get("control"))) else []),
        ["weights", ", ".join(hashes)],
        *(
            [["settings", "; ".join(f"{k} {_listed(v)}" for k, v in request["settings"].items())]]
            if request.get("settings")
            else []
        ),
    ]


def _listed(value: object) -> str:
    """A setting in words: lists by their items."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
