"""What a list shows of a run, of whatever kind: a title that tells it apart, prompt, models, pictures, words to find it by.

Read once of `spec.json`, `result.json` and `notes.json`; the index keeps it (`jobs.cards`). Kinds need say nothing for it:
requests and results name prompts, models and files alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path

from pydantic import BaseModel

from studio.core.explain import brief
from studio.core.files import Json, plain, read_json
from studio.jobs.cards import Asked, Cards, Drawn, Found, searched
from studio.jobs.events import STATES
from studio.jobs.jobs import Jobs
from studio.jobs.kinds import KINDS
from studio.jobs.notes import read_notes
from studio.jobs.paths import RUN_ID
from studio.jobs.run import read_spec
from studio.jobs.store import Row

VERSION = 1  # of cards: counted up when something else is in them
HELPERS = (
    "trial",
    "mixture",
    "adapter",
    "fetch_model",
    "measure",
)  # kinds that make nothing to look at; found when they are asked for by name
SHOWN = 4  # pictures of a card
MODELS = ("pair", "model", "teacher", "base", "student", "models", "pairs")
PROMPTS = ("prompt", "prompts")
UNSAID = {"arms", "arm", "on", "executor", "sinks", "trainer", "given"}  # fields whose words nobody looks for
_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)+")
_PICTURE = re.compile(r"artifacts/(?!hints/|report/|previews/|export/|steps?/).+\.(?:png|jpe?g|webp)")
_WIDE = re.compile(r"artifacts/(?:strips|walls|beliefs)/|/step-\d+\.jpg$")  # several samples side by side


def cards_of(jobs: Jobs) -> Cards:
    """The cards of whoever asks."""
    return Cards(jobs.store, drawn, VERSION, jobs.whose())


def find(jobs: Jobs, asked: Asked) -> Found:
    return cards_of(jobs).find(asked)


def asked(wish: Asked, since: str = "", until: str = "") -> Asked:
    """What people wish for, from one day to another, checked; helpers are left out. ValueError in one sentence where a kind, a
    state or a day is none."""
    known = {name for one in KINDS.all() for name in (one.name, one.title.lower())}
    if wrong := next((kind for kind in wish.kinds if kind.lower() not in known), ""):
        KINDS.get(wrong)  # says which there are
    if wrong := next((state for state in wish.states if state not in STATES), ""):
        raise ValueError(f"There is no state {brief(wrong)}; {', '.join(STATES)} are.")
    names = {one.title.lower(): one.name for one in KINDS.all()}
    named = tuple(names.get(kind.lower(), kind) for kind in wish.kinds)
    return replace(wish, kinds=named, since=moment(since), until=moment(until, after=True), hidden=HELPERS)


def moment(day: str, after: bool = False) -> float | None:
    """The beginning of a day of this machine's clock, or its end: "2026-01-31", or "7d", seven days ago."""
    if not day.strip():
        return None
    ago = re.fullmatch(r"(\d{1,5})d", day.strip())
    try:
        found = date.today() - timedelta(days=int(ago[1])) if ago else date.fromisoformat(day.strip())
        return datetime.combine(found + timedelta(days=after), datetime.min.time()).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{brief(day)} is no day; 2026-01-31 or 7d would fit.") from None


def told(card: Json) -> str:
    """A card in one line: its own name, or what tells it apart."""
    return str(card["name"]) or " · ".join([card["title"], *card["rest"]])


def drawn(row: Row, folder: Path) -> Drawn:
    """The card of a run; a folder that somebody spoiled has one of what the index knows."""
    try:
        config = read_spec(folder).config
    except ValueError:
        config = {}
    result, notes = read_json(folder / "result.json") or {}, read_notes(folder)
    said = _first(result, "sentence") or _first(result, "verdict")
    request = _followed(config, folder)
    prompts = _named(request, PROMPTS)
    models = list(dict.fromkeys([*_models(request), *_models({"models": [result.get("student"), result.get("adapter")]})]))
    files, wide = pictures(result, folder)
    kind = kind_title(row.kind)
    head, rest = title(row.kind, row.title, request)
    card = {
        "kind_title": kind, "title": head, "rest": rest, "prompt": prompts[0][:300] if prompts else "", "prompts": len(prompts),
        "models": models[:12], "pictures": files, "wide": wide, "said": said[:240],
        **notes.plain,
    }  # fmt: skip
    found = [row.id, row.kind, kind, row.title, head, *rest, notes.name, *notes.tags, *models, *_words(request)]
    return Drawn(card, searched("\n".join(found))[:8000], notes.favourite)


def kind_title(kind: str) -> str:
    return next((known.title for known in KINDS.all() if known.name == kind), kind)


def title(kind: str, label: str, request: Json) -> tuple[str, list[str]]:
    """What tells a run apart: (what it is about, what else differs from run to run and from what is asked for by itself)."""
    drawn = request["draw"] if isinstance(request.get("draw"), dict) else request
    head, rest = label or kind_title(kind), list[str]()
    for model in _models(request):
        if model not in head and model not in rest:
            rest.append(model)
    del rest[2:]
    arms = drawn.get("arms")
    if isinstance(arms, list) and arms:
        rest.append(", ".join(map(str, arms[:4])) + (f" and {len(arms) - 4} more" if len(arms) > 4 else ""))
    if isinstance(seeds := drawn.get("seeds"), list) and seeds:
        rest.append(numbers(seeds))
    return head, [*rest, *islice(_differing(kind, request), 3)]


def numbers(seeds: Sequence[object]) -> str:
    """ "seed 4", "seeds 0–7", "5 seeds"."""
    known = [seed for seed in seeds if isinstance(seed, int)]
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if known == list(seeds) and known == list(range(known[0], known[0] + len(known))):
        return f"seeds {known[0]}–{known[-1]}"
    return f"seeds {', '.join(map(str, seeds))}" if len(seeds) < 5 else f"{len(seeds)} seeds"


def _differing(kind: str, request: Json) -> Iterator[str]:
    """Settings that are not what they are by themselves, in words."""
    known = next((known.config for known in KINDS.all() if known.name == kind), None)
    for part, form in ((request, known), (request.get("draw"), _inner(known, "draw"))):
        if not isinstance(part, dict) or form is None:
            continue
        for name, value in part.items():
            field = form.model_fields.get(name)
            if field is None or name in (*MODELS, *PROMPTS, "name", "title", "arms", "seeds", "source") or not _simple(value):
                continue
            usual = plain(field.get_default(call_default_factory=True)) if not field.is_required() else None
            if value != usual:
                yield f"{(field.title or name.replace('_', ' ')).lower()} {_written(value)}"
    settings = request.get("settings")
    for name, value in settings.items() if isinstance(settings, dict) else ():
        if _simple(value):
            yield f"{name.replace('_', ' ')} {_written(value)}"


def _inner(form: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    found = form.model_fields.get(name) if form is not None else None
    kinds: list[object] = [found.annotation, *getattr(found.annotation, "__args__", ())] if found is not None else []
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _simple(value: object) -> bool:
    return isinstance(value, (bool, int, float)) or (isinstance(value, str) and 0 < len(value) <= 40)


def _written(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _followed(config: Json, folder: Path) -> Json:
    """The request; of one that goes on with another run's, that run's as well."""
    source = config.get("source")
    if not isinstance(source, str) or not RUN_ID.fullmatch(source) or config.get("draw"):
        return config
    try:
        before = read_spec(folder.parent / source).config
    except ValueError:  # deleted since
        return config
    return {**config, "draw": before.get("draw") or before}


# -- pictures ------------------------------------------------------------------------------------------------------------


def pictures(result: Json, folder: Path, most: int = SHOWN) -> tuple[list[str], bool]:
    """(files below the run directory, whether each holds several samples side by side). One of each arm before a second one."""
    files = [path for path in dict.fromkeys(_strings(result)) if _PICTURE.fullmatch(path)]
    single = [path for path in files if not _WIDE.search(path)]
    if not single:
        files = files or [path for path in _lying(folder) if _PICTURE.fullmatch(path)]
        single = [path for path in files if not _WIDE.search(path)]
    if single:
        return _spread(single, most), False
    newest = sorted(files, key=_step)[-1:] if files else []
    return [path for path in files if newest and _step(path) == _step(newest[0])][:2], bool(files)


def _lying(folder: Path) -> list[str]:
    """What lies in the run directory, where no result says it: of a run that did not come to its end, or keeps strips alone."""
    found = islice((folder / "artifacts").rglob("*"), 2000)
    return sorted(path.relative_to(folder).as_posix() for path in found if path.suffix in (".png", ".jpg", ".webp"))


def _step(path: str) -> int:
    """The step that a strip is of: `strips/00000200/student.jpg`, `teacher/step-24.jpg`."""
    found = re.findall(r"(?<=/)\d+(?=/)|(?<=step-)\d+", path)
    return int(found[-1]) if found else -1


def _spread(files: Sequence[str], most: int) -> list[str]:
    """One of each folder, then a second one of each, until there are enough."""
    groups: dict[str, list[str]] = {}
    for path in files:
        groups.setdefault(path.rsplit("/", 1)[0], []).append(path)
    deepest = max(map(len, groups.values()), default=0)
    return [group[i] for i in range(deepest) for group in groups.values() if i < len(group)][:most]


# -- what stands in requests and results ---------------------------------------------------------------------------------


def _models(request: Json) -> list[str]:
    return list(dict.fromkeys(text for text in _named(request, MODELS) if _ID.fullmatch(text)))


def _named(value: object, names: Sequence[str]) -> list[str]:
    """Texts under any of these names, at any depth."""
    if isinstance(value, Mapping):
        inner = [
            _texts(one) if name in names and not isinstance(one, Mapping) else _named(one, names) for name, one in value.items()
        ]
    else:
        inner = [_named(one, names) for one in value] if isinstance(value, list) else []
    return [text for texts in inner for text in texts]


def _texts(value: object) -> list[str]:
    return (
        [value]
        if isinstance(value, str) and value
        else [one for one in value if isinstance(one, str)]
        if isinstance(value, list)
        else []
    )


def _words(value: object) -> Iterator[str]:
    """Everything that somebody typed or chose."""
    if isinstance(value, str):
        yield value[:400]
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if name not in UNSAID:
                yield from _words(one)
    elif isinstance(value, list):
        for one in value[:100]:
            yield from _words(one)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(one)


def _first(value: object, name: str) -> str:
    """The first text of this name."""
    if isinstance(value, Mapping):
        own = value.get(name)
        return own if isinstance(own, str) else next(filter(None, (_first(one, name) for one in value.values())), "")
    return next(filter(None, (_first(one, name) for one in value)), "") if isinstance(value, list) else ""
