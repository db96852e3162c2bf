"""Pictures that are brought on the page: one way in for every tab, and the words about what was taken and what was not.

self.brought = gr.UploadButton("Bring pictures or a zip", type="filepath", file_count="multiple")
intake = taken(values[self.brought], Limits(count=6))
"""

from __future__ import annotations

from pathlib import Path

from gradio.utils import get_upload_folder

from studio.library.brought_pictures import Intake, Limits, held, names, take
from studio.ui.kit import parts
from studio.ui.kit.words import count

NAMED = 6  # pictures that a line names
MOST_ARRIVING = 2_000_000_000  # bytes that were uploaded and are not yet kept or forgotten


def taken(given: object, limits: Limits) -> Intake:
    """given: what an upload button of `type="filepath"` holds: nothing, one path or several."""
    listed = given if isinstance(given, list | tuple) else [given] if given else []
    return take([Path(str(one)) for one in listed], limits)


def room(more: int) -> bool:
    """Whether `more` bytes may be uploaded now. Gradio forgets what it was given after some hours (`delete_cache`)."""
    folder = Path(get_upload_folder())
    return not folder.is_dir() or held(folder) + more <= MOST_ARRIVING


def said(intake: Intake) -> str:
    """HTML: how many pictures were taken, and a line for everything that was not."""
    found = list(names(intake.pictures))
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    told = (
        f"{count(len(found), 'picture')}: {', '.join(found[:NAMED])}{more}."
        if found
        else ""
        if intake.refused
        else "Nothing came."
    )
    return parts.line(told, "hint") + "".join(parts.line(sentence, "problem") for sentence in intake.refused)
