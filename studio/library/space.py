"""The program as a Space of the Hugging Face Hub: made where there is none, else brought up to date in one commit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from studio.core.explain import brief
from studio.core.public_addresses import watch_hub
from studio.jobs.paths import CODE, ROOT

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
FOLDERS = ("studio", "presets", "assets")
FILES = ("app.py", "requirements.txt", "README.md", "LICENSE", "CITATION.cff")


@dataclass(frozen=True)
class Pushed:
    """What was done: files that the commit named (the client sends those alone that changed), and taken away; its address."""

    named: int
    removed: int
    page: str


def files(root: Path) -> dict[str, Path]:
    """What a Space needs of a checkout, by path. ValueError where `root` is none."""
    missing = [name for name in (*FOLDERS, *FILES) if not (root / name).exists()]
    if missing:
        raise ValueError(f"A Space is made of a checkout, and {', '.join(missing)} is not here; a clone of the repository fits.")
    found = [path for part in FOLDERS for path in sorted((root / part).rglob("*")) if path.is_file()]
    kept = (path for path in found if "__pycache__" not in path.parts and not path.name.startswith("."))
    return {path.relative_to(root).as_posix(): path for path in (*kept, *(root / name for name in FILES))}


def push(name: str, private: bool = False) -> Pushed:
    """Upload to the Space `owner/name`; the token is the client's own (`hf auth login`, HF_TOKEN). Binary files are stored as the
    Hub asks for it, file by file, so the repository needs no Git LFS. ValueError in one sentence.

    private: of a Space that is made; one that is there stays as it is.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{brief(name)} is no name of a Space; owner/name, like ada/studio, fits.")
    ours = files(ROOT if ROOT == CODE else CODE)
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    with _sentences(name):
        api = HfApi()
        page = str(api.create_repo(name, repo_type="space", space_sdk="gradio", private=private, exist_ok=True))
        there = api.list_repo_files(name, repo_type="space")
        gone = [path for path in there if path.split("/")[0] in FOLDERS and path not in ours]
        operations: list[CommitOperationAdd | CommitOperationDelete] = [CommitOperationDelete(path) for path in gone]
        operations += [CommitOperationAdd(path, str(file)) for path, file in ours.items()]
        api.create_commit(name, operations, commit_message="The studio as it is", repo_type="space")
    return Pushed(len(ours), len(gone), page)


@contextmanager
def _sentences(name: str) -> Iterator[None]:
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError

    watch_hub()
    try:
        yield
    except LocalTokenNotFoundError:
        raise ValueError("A Space is written with a token; `hf auth login` keeps one, or set HF_TOKEN.") from None
    except OfflineModeIsEnabled:
        raise ValueError("HF_HUB_OFFLINE is set, so nothing is sent to the Hub; unset it to push.") from None
    except RepositoryNotFoundError:
        raise ValueError(f"The Hub does not show {name} to this token; check the name and the token's rights.") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise ValueError(f"The Hub refuses {name} (status {status}); a token that may write there fits.") from None
    except (httpx.HTTPError, ConnectionError, TimeoutError) as error:
        words = " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__
        raise ValueError(f"The Hub cannot be reached ({words}); what was sent is not lost, try again.") from None
