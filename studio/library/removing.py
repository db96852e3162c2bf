"""Taking a model off the list, and with it those of its files in the Hugging Face cache that no other listed model needs."""

from __future__ import annotations

from pathlib import Path

from studio.core import demo
from studio.core.explain import brief
from studio.jobs.paths import Paths
from studio.library.listed_sources import Listed, listed_sources
from studio.library.models import load_registry
from studio.library.source import cache_folder, choose, local_files, read_index, snapshot
from studio.library.uploads import is_upload, used_by


def removable(paths: Paths, model_id: str, files: bool = False) -> Listed:
    """ValueError in one sentence where there is no such model, or others stand on it.

    files: what it downloaded is to go as well; a shipped model can be given then, and stays listed.
    """
    demo.check("delete")
    known = listed_sources(paths)
    if model_id not in known:
        shipped = model_id in load_registry(paths).entries
        raise ValueError(
            f"{model_id} was not added from elsewhere, so it is not removed here."
            if shipped
            else f"There is no model {brief(model_id)} that was added; those are {', '.join(known) or 'none yet'}."
        )
    listed = known[model_id]
    if listed.shipped and not files:
        raise ValueError(f"{model_id} ships with the studio and stays listed; with --files what it downloaded can be removed.")
    if not listed.shipped:
        _check_needed(paths, model_id)
    return listed


def _check_needed(paths: Paths, model_id: str) -> None:
    known = listed_sources(paths)
    others = {one.id for one in known.values() if model_id in one.stands_on}
    others |= {entry.id for entry in load_registry(paths).entries.values() if entry.teacher == model_id}
    if others := others - {model_id}:
        raise ValueError(f"{model_id} is needed by {', '.join(sorted(others))}; remove what stands on it first.")


def own_files(paths: Paths, listed: Listed) -> list[Path]:
    """Entries of the cache's snapshot that this model needs and no other listed one does; of places on this machine only what
    came through the page."""
    if listed.source.path and is_upload(paths, file := Path(listed.source.path)) and file.is_file():
        return [] if used_by(paths, file, but=listed.id) else [file]
    folder = None if listed.source.hub is None else snapshot(listed.source)
    if folder is None:
        return []
    shared: set[str] = set()
    for other in listed_sources(paths).values():
        if other.id != listed.id and other.source.hub == listed.source.hub and snapshot(other.source) == folder:
            shared |= _needed(other, folder)
    return [folder / name for name in sorted(_needed(listed, folder) - shared)]


def delete_files(files: list[Path]) -> int:
    """Remove entries of snapshots, with what they point at where nothing else in the cache does; bytes that came free."""
    from huggingface_hub import scan_cache_dir

    if not files or not cache_folder().is_dir():
        return 0
    cache, wanted = scan_cache_dir(cache_folder()), set(files)
    found = [file for repo in cache.repos for at in repo.revisions for file in at.files if file.file_path in wanted]
    strategy = cache.delete_files(*found)
    strategy.execute()
    return strategy.expected_freed_size


def delete_parts(paths: Paths, listed: Listed) -> int:
    """Remove what unfinished downloads left of a repository that no other listed model names; bytes that came free."""
    if any(one.id != listed.id and one.source.hub == listed.source.hub for one in listed_sources(paths).values()):
        return 0
    blobs, freed = cache_folder() / f"models--{str(listed.source.hub).replace('/', '--')}" / "blobs", 0
    for part in blobs.glob("*.incomplete"):
        freed += part.stat().st_size
        part.unlink()
    return freed


def take_away(paths: Paths, listed: Listed, own: list[Path], files: bool) -> int:
    """Remove a model from the list, unless it is shipped; bytes that came free. own: what goes with it, of `own_files`."""
    brought = [file for file in own if is_upload(paths, file)]
    freed = sum(file.stat().st_size for file in brought)
    for file in brought:
        file.unlink()
    freed += delete_files([file for file in own if file not in brought]) + (
        delete_parts(paths, listed) if files and listed.source.hub else 0
    )
    if not listed.shipped:
        listed.file.unlink()
    return freed


def _needed(listed: Listed, folder: Path) -> set[str]:
    try:
        return set(choose(listed.source, local_files(listed.source, folder, (cache_folder(),)), read_index(folder)))
    except ValueError:
        return set()
