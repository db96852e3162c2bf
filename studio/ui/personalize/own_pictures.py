"""A person's own pictures on their way to a subject: what was brought, and what is kept of it when they press Keep.

Captions, name, word and consent live in the browser until then, so that no answer of the server takes away what was typed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from studio.core.explain import brief
from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.library import brought_pictures, subjects
from studio.library.hint_uses import uploads
from studio.library.models import load_registry
from studio.library.new_words import check_word
from studio.library.subjects import MAX_PICTURES, PLACE, Kind, Subject
from studio.ui.kit import pictures

THUMB = 168  # pixels; shown at half of it or less


def thumb(picture: Image.Image) -> str:
    """Address of the middle square of a picture, small."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return pictures.address(picture.convert("RGB").crop((left, top, left + side, top + side)).resize((THUMB, THUMB)))


def brought(paths: Paths, intake: brought_pictures.Intake) -> list[Json]:
    """Accepted pictures, kept until they are a subject: {"file", "name", "of": its stem, "size", "thumb"}."""
    return [_brought(paths, one) | {"of": Path(one.name).stem} for one in intake.pictures]


def masks(paths: Paths, intake: brought_pictures.Intake) -> list[Json]:
    """Accepted masks likewise; "of": the name, without its ending, of the picture that each is of."""
    return [_brought(paths, one) | {"of": of} for of, one in intake.masks.items()]


def _brought(paths: Paths, one: brought_pictures.Picture) -> Json:
    return {"file": brought_pictures.keep(uploads(paths), one), "name": one.name, "thumb": thumb(one.image()),
            "size": f"{one.size[0]} × {one.size[1]}"}  # fmt: skip


def edited(captions: Mapping[str, str], find: str | None, replace: str, kind: Kind) -> dict[str, str]:
    """Captions with words replaced, or, where nothing is to be found, with the word put first. ValueError in one sentence."""
    if find is not None:
        return subjects.replaced(captions, find, replace)
    return subjects.with_trigger(captions, subjects.BARE[kind])


def keep(paths: Paths, draft: Json) -> Subject:
    """draft: {"pictures": [{"file", "name", "caption", "held", "mask", "box"}], "kind", "noun", "title", "word", "consent",
    "base"}; mask: a file that was brought, box: [left, top, right, bottom] of what is marked, as shares of the middle square.
    ValueError in one sentence, in the words of the form."""
    kind: Kind = "style" if draft.get("kind") == "style" else "thing"
    given, title = _pictures(draft.get("pictures")), str(draft.get("title") or "").strip()
    if not given:
        raise ValueError("There are no pictures yet; three to six of one thing would fit.")
    if kind == "thing" and not str(draft.get("noun") or "").strip():
        raise ValueError("It is not said what they show; a plain word like cat would fit.")
    noun = "picture" if kind == "style" else subjects.check_noun(str(draft.get("noun") or "").strip().lower())
    if not title or len(title) > 80:
        raise ValueError("It has no name yet; a short one like My cat would fit.")
    word = check_word(str(draft.get("word") or "").strip())
    for one in given:
        _check_caption(one)
    learned = [one for one in given if not one["held"]]
    if not learned:
        raise ValueError("All pictures are held back for checking; at least one to learn from would fit.")
    if draft.get("consent") is not True:
        raise ValueError("Nobody said yet that these pictures may be used; tick the line above Keep.")
    base = load_registry(paths).get(str(draft.get("base") or ""))
    captions = {str(one["as"]): str(one["caption"]) for one in given if one["caption"]}
    sides = [[(str(one["as"]), _read(paths, one)) for one in given if one["held"] is held] for held in (False, True)]
    covers = {str(one["as"]): mask for one in given if (mask := _cover(paths, one)) is not None}
    name = word.strip("<>")
    return subjects.keep(paths, name, sides[0], title, kind, noun, word, base.domain, captions, True, sides[1], masks=covers)


def _pictures(given: object) -> list[Json]:
    listed = [one for one in given if isinstance(one, dict)] if isinstance(given, Sequence) else []
    if len(listed) > MAX_PICTURES:
        raise ValueError(f"{len(listed):,} pictures were brought; up to {MAX_PICTURES} fit.")
    return [
        {"file": str(one.get("file") or ""), "name": str(one.get("name") or ""), "as": f"{i}.png",
         "caption": str(one.get("caption") or "").strip(), "held": one.get("held") is True,
         "mask": str(one.get("mask") or ""), "box": one.get("box")}
        for i, one in enumerate(listed, 1)
    ]  # fmt: skip


def _check_caption(one: Json) -> None:
    caption = str(one["caption"])
    if not caption:
        return
    if PLACE not in caption:
        raise ValueError(
            f"The caption of {brief(one['name'])} has no {PLACE}, where the word goes; press Put the word first, or type it."
        )
    try:
        subjects.check_caption(caption)
    except ValueError as error:
        raise ValueError(f"{brief(one['name'])}: {error}") from error


def _cover(paths: Paths, one: Json) -> Image.Image | None:
    """The mask of a picture, brought or marked."""
    if not one["mask"] and not one["box"]:
        return None
    with Image.open(io.BytesIO(_read(paths, one))) as picture:
        size = picture.size
    if one["mask"]:
        return subjects.cover(str(one["name"]), _read(paths, one, "mask"), size)
    return _marked(str(one["name"]), one["box"], size)


def _marked(name: str, box: object, size: tuple[int, int]) -> Image.Image:
    """White in a rectangle of the middle square. size: (width, height) of the picture."""
    sides = [float(one) for one in box if isinstance(one, int | float)] if isinstance(box, Sequence) else []
    if len(sides) != 4 or not (0 <= sides[0] < sides[2] <= 1 and 0 <= sides[1] < sides[3] <= 1):
        raise ValueError(f"What is marked in {brief(name)} is no rectangle inside it; mark it again.")
    side, found = min(size), Image.new("L", size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    edges = [round((left, top)[i % 2] + side * share) for i, share in enumerate(sides)]
    found.paste(255, (edges[0], edges[1], max(edges[2], edges[0] + 1), max(edges[3], edges[1] + 1)))
    return found


def _read(paths: Paths, one: Json, part: str = "file") -> bytes:
    file = uploads(paths) / Path(str(one[part])).name
    if not file.is_file():
        raise ValueError(f"{brief(one['name'])} is no longer here; bring it again.")
    return file.read_bytes()
