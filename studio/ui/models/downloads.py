"""Downloads of models as the page shows them, read from their runs: so they are there after a reload and after a restart."""

from __future__ import annotations

import shutil

from pydantic import SecretStr

from studio.core.files import Json
from studio.jobs.events import ACTIVE
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs
from studio.library import hub
from studio.library.hub_files import told_bytes
from studio.library.listed_sources import listed_source
from studio.library.source import cache_folder
from studio.library.tickets import hand
from studio.ui.kit.words import count, size, span
from studio.ui.models import sayings

KIND = "fetch_model"
READ = 100  # newest downloads that are looked through
LIVE = (*ACTIVE, "queued")
ACTIONS = ("pause", "resume", "cancel")


def going(jobs: Jobs) -> dict[str, Json]:
    """The newest download of every model that goes on, waits, or ended otherwise than well: by id of the model."""
    found: dict[str, Json] = {}
    seen = set[str]()
    for info in jobs.list(kind=KIND, limit=READ):
        try:
            model = str(jobs.spec(info.id).config.get("model"))
        except ValueError:
            continue  # deleted meanwhile
        if model not in seen and info.state not in ("done", "cancelled"):
            found[model] = _told(jobs, info)
        seen.add(model)
    return found


def _told(jobs: Jobs, info: RunInfo) -> Json:
    """{"run", "state", "live", "percent", "text", "asked"}."""
    at = jobs.progress(info.id) or {}
    done, total = int(at.get("done") or 0), int(at.get("total") or 0)
    text = f"{size(done)} of {size(total)}" if total else ""
    if info.state in ACTIVE:
        text += f", {size(at['rate'])} a second" if at.get("rate") else ""
        text += f", {span(at['eta_s'])} left" if at.get("eta_s") else ""
        text = text or "asking the Hub"
    elif info.state == "queued":
        text = f"{count(info.ahead, 'download')} ahead" if info.ahead else "begins at once"
    else:
        text = sayings.on_page(info.note) or text
    return {
        "run": info.id,
        "state": info.state,
        "live": info.state in LIVE,
        "percent": round(100 * done / total, 1) if total else 0.0,
        "text": text,
        "asked": jobs.asked(info.id) or "",
    }


def free() -> str:
    """Room where downloads come to lie."""
    place = cache_folder()
    while not place.exists():
        place = place.parent
    return size(shutil.disk_usage(place).free)


def look(jobs: Jobs, model_id: str, token: str) -> Json:
    """What a download would take: {"text", "licence", "gated", "page"}. ValueError in one sentence where it cannot be had."""
    source = listed_source(jobs.paths, model_id).source
    seen = hub.look(source, _secret(token))
    gated = f"{source.name} is gated: whoever downloads it has been given access on its page, and gives a token of that account."
    return {
        "text": f"{count(len(seen.files), 'file')}, {told_bytes(seen.bytes)}; {free()} are free on this disk.",
        "licence": seen.licence or "",
        "gated": gated if seen.gated else "",
        "page": source.page,
    }


def start(jobs: Jobs, model_id: str, token: str) -> None:
    """Queue a download, or go on with the one there is; with a token it begins a new run, which goes on where that one ended."""
    known = going(jobs).get(model_id)
    if known is not None and known["live"]:
        return
    secret = _secret(token)
    if known is not None and secret is None:
        jobs.resume(str(known["run"]))
        return
    if known is not None:
        jobs.cancel(str(known["run"]))
    ticket = {"ticket": hand(jobs.paths, secret)} if secret is not None else {}
    jobs.submit(KIND, {"model": model_id, **ticket})


def act(jobs: Jobs, model_id: str, action: str) -> None:
    """Pause, resume or end a download. ValueError where there is none, or where this cannot be asked of it."""
    known = going(jobs).get(model_id)
    if known is None or action not in ACTIONS:
        raise ValueError(f"There is no download of {model_id[:90]} that could be asked to {action[:20]}.")
    {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}[action](str(known["run"]))


def _secret(token: str) -> SecretStr | None:
    return SecretStr(token.strip()) if token.strip() else None
