"""The Hugging Face Hub: what a download would take (`look`), the download itself (`fetch`), and what there is (`search`).

Files come to lie where huggingface_hub keeps them, and every program that uses it finds them. What is ours: a file is fetched to
`blobs/<hash>.incomplete` and continued there by the next try, because the client (1.33) begins a file anew after an interruption;
it gets its name only when its hash is the one that the Hub's listing names. All are of one commit. The client's own lock is held
meanwhile, so two downloads of one file, by whichever program, wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from studio.core.files import Json
from studio.library import parts
from studio.library.bringing import Bringing, Watch
from studio.library.hub_files import Fetched, HubFile, Look, Progress, repository
from studio.library.hub_words import HubError, check_token, sentences
from studio.library.source import Source, choose, found

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

MAX_JSON = 1 << 20  # bytes of a config that is read while looking
REQUEST_S = 30.0


@dataclass(frozen=True)
class Hit:
    """A model on the Hub."""

    id: str
    downloads: int | None
    licence: str | None
    gated: bool
    tags: tuple[str, ...]


def look(source: Source, token: SecretStr | None = None) -> Look:
    """What a download would take. HubError or ValueError in one sentence where there is nothing that would fit."""
    api = _api(token)
    with sentences(source):
        info = api.model_info(repository(source), revision=source.revision, files_metadata=True, timeout=REQUEST_S)
    commit = str(info.sha)
    files = {one.path: one for one in _listed(info)}
    for name in files:
        parts.check_name(name)
    index = None
    if parts.INDEX in files and source.holds == "pipeline":
        index = read_json(source, parts.INDEX, commit, token)
    chosen = tuple(files[name] for name in choose(source, files, index))
    if unsure := [one.path for one in chosen if not one.hash]:
        raise HubError(f"The Hub names no checksum of {unsure[0]}, so what would arrive could not be checked.")
    return Look(source, commit, chosen, licence_of(info), str(info.gated or ""), tuple(info.tags or ()), index or {})


def read_json(source: Source, path: str, commit: str, token: SecretStr | None = None) -> Json:
    """A small file of a repository, read without keeping it. Empty where there is none."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import RemoteEntryNotFoundError
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    url, headers = hf_hub_url(repository(source), path, revision=commit), build_hf_headers(token=check_token(token))
    with sentences(source, path):
        answer = get_session().get(url, headers=headers, timeout=REQUEST_S, follow_redirects=True)
        try:
            hf_raise_for_status(answer)
        except RemoteEntryNotFoundError:
            return {}
    try:
        found = answer.json() if len(answer.content) <= MAX_JSON else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HubError(f"{path} of {source.name} is no JSON object of less than {MAX_JSON >> 20} MiB.")
    return found


def fetch(
    source: Source,
    progress: Callable[[Progress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    token: SecretStr | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Fetched:
    """Bring all files of a source into the cache, or go on where an earlier try ended.

    progress: called after every chunk. should_stop: asked between chunks; `Left` is raised where it says yes. say: sentences
    on the way. HubError or ValueError in one sentence where it cannot be had, OSError where the disk is full; the model is
    then no more here than before, and what has arrived is used by the next try.
    """
    plan = look(source, token)
    bringing = Bringing(plan, Watch(plan, progress, should_stop, say), token)
    bringing.room()
    for file in plan.files:
        bringing.bring(file)
    folder = bringing.lay_out()
    if found(source) is None:
        raise HubError(f"{source.name} has changed on the Hub while it was downloaded; once more brings what is new.")
    return Fetched(folder, plan.commit, plan.files, bringing.watch.moved)


def search(text: str, limit: int = 20, token: SecretStr | None = None, task: str | None = "text-to-image") -> list[Hit]:
    """Models on the Hub whose id holds a text, most downloaded first. task: None for all of them."""
    api = _api(token)
    with sentences(Source(hub="the/Hub")):
        found = list(
            api.list_models(
                search=text,
                pipeline_tag=task,
                sort="downloads",
                limit=limit,
                expand=["downloads", "gated", "tags", "pipeline_tag"],
            )
        )
    return [Hit(one.id, one.downloads, licence_of(one), bool(one.gated), tuple(one.tags or ())) for one in found]


def licence_of(info: ModelInfo) -> str | None:
    """As the model's card names it; None where it names none."""
    tagged = [tag.partition(":")[2] for tag in info.tags or () if tag.startswith("license:")]
    card = info.card_data.get("license_name") if info.card_data else None
    named = str(card) if card else tagged[0] if tagged else None
    return named[:80] if named else None


def _listed(info: ModelInfo) -> Iterable[HubFile]:
    for one in info.siblings or ():
        large = one.lfs
        yield HubFile(
            one.rfilename, int((large.size if large else one.size) or 0), (large.sha256 if large else one.blob_id) or ""
        )


def _api(token: SecretStr | None) -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(token=check_token(token))
