"""A background run as the jobs panel shows it: events folded into strips, beliefs, figures, symptoms and a log.

A pure reducer like `studio.ui.compare.view.RunView`, and kept by the same `Views`. A run that continues from a checkpoint
writes some steps again; what was folded of such a step is then replaced. Curves are not made of events: they come from
the run's metrics file, which holds every step (`rows`).
"""

from __future__ import annotations

from collections.abc import Callable

from studio.core.files import Json
from studio.library.measured_arms import figures_of
from studio.ui.kit import words

LIVE = ("queued", "loading", "running")
MAX_LINES = 200  # of the log


class JobView:
    """Folds the events of one background run. `request` is its configuration as it was submitted, `read` gives the rows
    of its metrics file as they are now, thinned, oldest first."""

    def __init__(self, run_id: str, request: Json, read: Callable[[], list[Json]] = list):
        self.run_id, self.request, self.read = run_id, dict(request), read
        self.state, self.note = "queued", ""
        self.family = ""  # of its objective, once the run has said so
        self.finished = False  # whether `finish` has been told the result
        self.progress: Json = {}
        self.rows: list[Json] = []  # what `read` gave when somebody looked last
        self.strips: dict[int, dict[int, Json]] = {}  # sampling steps -> training step -> {"strip", "count"}
        self.teacher: Json | None = None  # the teacher's strip
        self.beliefs: dict[int, Json] = {}  # training step -> {"triple", "of", "rows", "columns", …}
        self.measures: dict[int, dict[int, Json]] = {}  # sampling steps -> training step -> figures
        self.teacher_measures: Json | None = None
        self.teacher_few: dict[int, Json] = {}  # sampling steps -> the teacher's figures in so few
        self.responses: list[Json] = []  # of a slider: what was measured of a model at several strengths
        self.sides: list[Json] = []  # of a ControlNet, a word or a subject: what was measured of an arm with it and without
        self.calibration: Json = {}  # of a slider: what its strength 1 stands for
        self.symptoms: dict[str, Json] = {}  # name -> {"step", "seen", "remedy", "text"}
        self.notices: list[str] = []
        self.log: list[tuple[float, str]] = []
        self.student: str | None = None
        self.result: Json | None = None

    @property
    def live(self) -> bool:
        return self.state in LIVE

    def apply(self, event: Json) -> None:
        """Fold one event in; kinds this page does not know are passed over."""
        fold = getattr(self, f"_on_{event.get('kind')}", None)
        if fold is not None:
            fold(event)

    def finish(self, result: Json | None) -> None:
        """Take what only `result.json` holds."""
        self.finished = True
        if result:
            self.result = dict(result)
            self.student = result.get("student") or self.student
            self.responses = list(result.get("responses") or self.responses)
            found = figures_of(result)
            self.sides = found[1] if found is not None else self.sides
            self.calibration = dict(result.get("calibration") or {})
            for text in result.get("notices") or []:
                self._notice(str(text))

    def _say(self, event: Json, text: str) -> None:
        self.log.append((float(event.get("time") or 0), text))
        del self.log[:-MAX_LINES]

    def _notice(self, text: str) -> bool:
        new = text not in self.notices and all(text != symptom["text"] for symptom in self.symptoms.values())
        if new:
            self.notices.append(text)
        return new

    def _on_state(self, event: Json) -> None:
        self.state, self.note = str(event["state"]), str(event.get("note") or "")
        if self.state == "loading" and self.log and self.log[-1][1].startswith("loading"):
            self.log.pop()  # preparing material says how far it is every second
        self._say(event, f"{self.state}: {self.note}" if self.note else self.state)

    def _on_method(self, event: Json) -> None:
        self.family = str(event.get("family") or "")

    def _on_progress(self, event: Json) -> None:
        self.progress = {k: v for k, v in event.items() if k not in ("n", "kind", "time")}

    def _on_notice(self, event: Json) -> None:
        if event.get("symptom"):
            if event["symptom"] not in self.symptoms:
                self._say(event, str(event["text"]))
            kept = {k: event.get(k) for k in ("step", "seen", "remedy", "text")}
            self.symptoms.setdefault(str(event["symptom"]), kept)
        elif self._notice(str(event["text"])):
            self._say(event, str(event["text"]))

    def _on_strip(self, event: Json) -> None:
        names = ("strip", "count", "sampling_steps", "prompts", "seeds", "contrast", "strengths", "columns")
        found = {k: event.get(k) for k in names}
        if event.get("arm") == "teacher":
            self.teacher = found
        else:
            self.strips.setdefault(int(event["sampling_steps"]), {})[int(event["step"])] = found

    def _on_triple(self, event: Json) -> None:
        names = ("triple", "of", "rows", "columns", "guidance", "sampling_steps", "prompts", "seed")
        self.beliefs[int(event["step"])] = {k: event.get(k) for k in names}

    def _on_measure(self, event: Json) -> None:
        figures, arm = dict(event.get("measures") or {}), str(event.get("arm") or "")
        if arm == "teacher":
            self.teacher_measures = figures
            self._say(event, f"the teacher: {said_figures(figures)}")
        elif arm.startswith("teacher"):
            self.teacher_few[int(event["sampling_steps"])] = figures
            self._say(event, f"the teacher in {words.count(int(event['sampling_steps']), 'step')}: {said_figures(figures)}")
        else:
            self.measures.setdefault(int(event["sampling_steps"]), {})[int(event["step"])] = figures
            steps = words.count(int(event["sampling_steps"]), "step")
            self._say(event, f"step {event['step']:,}, the student in {steps}: {said_figures(figures)}")

    def _on_response(self, event: Json) -> None:
        row = {k: v for k, v in event.items() if k not in ("n", "kind", "time")}  # of events, n is their number
        names = ("model", "step", "calibrated", "scale")
        again = [old for old in self.responses if all(old.get(n) == row.get(n) for n in names)]
        wider = [old for old in again if len(old.get("points") or []) > len(row.get("points") or [])]
        if not wider:  # measured again over more strengths, or after the run went on from a checkpoint
            self.responses = [*(old for old in self.responses if old not in again), row]
        slope = " ".join(filter(None, words.interval(row.get("slope"), 3)))
        self._say(event, f"{row.get('title') or row.get('model')}: slope {slope} a unit of strength")

    def _on_agreement(self, event: Json) -> None:
        row = {k: v for k, v in event.items() if k not in ("n", "kind", "time")}
        self.sides = [*(old for old in self.sides if (old["arm"], old["step"]) != (row["arm"], row["step"])), row]
        self._say(event, f"{row.get('title') or row['arm']}: measured with and without")

    _on_shown = _on_referred = _on_preferred = _on_unlearned = _on_agreement

    def _on_personal(self, event: Json) -> None:
        self._on_agreement(event)
        hit, leak = (" ".join(filter(None, words.interval(event.get(name), percent=True))) for name in ("hit", "leak"))
        self._say(event, f"step {event['step']:,}: {hit} of its pictures show the subject, {leak} of its class without the word")

    def _on_saved(self, event: Json) -> None:
        self._say(event, f"step {event.get('step', 0):,}: a checkpoint is saved")

    def _on_student(self, event: Json) -> None:
        self.student = str(event["id"])
        self._say(event, f"the student is listed as {self.student}")


def said_figures(measures: Json) -> str:
    """Accuracy, diversity and FD-oracle in one clause, with their intervals."""
    accuracy = " ".join(filter(None, words.interval(measures.get("accuracy"), percent=True)))
    diversity = " ".join(filter(None, words.interval(measures.get("diversity"))))
    none = words.no_distance(measures)
    distance = f"not taken ({none})" if none else words.number(measures.get("fd_oracle"), 1)
    return f"accuracy {accuracy}, diversity {diversity}, FD-oracle {distance}"
