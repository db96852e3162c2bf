"""`python -m studio subjects …`: what models are personalized to, from the command line: list, show, add, remove."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from studio.core.explain import brief
from studio.domains import first
from studio.library import subjects
from studio.library.brought_pictures import FIT, Intake, Limits, take
from studio.library.models import load_registry
from studio.library.stock import open_jobs

app = typer.Typer(no_args_is_help=True, help="Things and styles that models are personalized to: a few pictures with captions.")
out, err = Console(), Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")]
MASKS = dataclasses.replace(subjects.BROUGHT, doubles=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_(
    model: Annotated[str | None, typer.Option(help="Only those that fit this model.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Shipped subjects and your own, and what is broken."""
    paths = open_jobs(data_dir).paths
    found, entry = list(subjects.subjects(paths).values()), load_registry(paths).get(model) if model else None
    found = [one for one in found if entry is None or subjects.fits(one, entry)]
    if as_json:
        print(json.dumps([one.plain() for one in found], indent=1, ensure_ascii=False))
    else:
        table = Table("id", "kind", "class", "word", "domain", "pictures")
        for one in found:
            table.add_row(one.id, one.kind, one.noun, one.word, one.domain, f"{len(one.pictures)} + {len(one.held)} held")
        out.print(table)
    for sentence in subjects.problems(paths).values():
        err.print(sentence, style="yellow", markup=False, highlight=False)


@app.command()
def show(subject_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what a subject holds."""
    one = subjects.subject(open_jobs(data_dir).paths, subject_id)
    if as_json:
        print(json.dumps(one.plain(), indent=1, ensure_ascii=False))
        return
    for name in ("title", "kind", "noun", "word", "domain", "licence", "origin", "digest"):
        if value := getattr(one, name):
            out.print(f"{'class' if name == 'noun' else name}: {value}", markup=False, highlight=False)
    out.print(f"consent: {'yes' if one.consent else 'nobody said so'}", markup=False, highlight=False)
    table = Table("picture", "caption", "")
    for file in (*one.pictures, *one.held):
        said = ["held back"] if file in one.held else []
        said += [word for word, is_so in (("mask", file.name in one.masks), ("no caption", file.name in one.missing)) if is_so]
        table.add_row(file.name, one.captions[file.name], ", ".join(said))
    out.print(table)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="It is listed as mine/<name>.")],
    pictures: Annotated[
        Path, typer.Option(help="A folder of pictures, a zip archive of them, or one picture; 1.mask.png is the mask of 1.png.")
    ],
    noun: Annotated[str, typer.Option(help="A plain word for what it is one of, like mushroom; picture for a style.")],
    word: Annotated[str, typer.Option(help="As prompts spell it, like <mine>; empty is its name in <>.")] = "",
    title: Annotated[str, typer.Option(help="How lists call it; empty is its name.")] = "",
    style: Annotated[bool, typer.Option("--style", help="The pictures have a style in common, and not a thing.")] = False,
    domain: Annotated[str, typer.Option(help="Whose models it is for.")] = first().name,
    caption: Annotated[
        list[str] | None, typer.Option("--caption", help='Of a picture, {} for the word: "1.png=a {} at night".')
    ] = None,
    held: Annotated[int, typer.Option(min=0, help="How many of the pictures, the last, are held back for measuring.")] = 0,
    masks: Annotated[
        Path | None, typer.Option(help="A folder or zip archive of masks, white where the thing is, each named like its picture.")
    ] = None,
    consent: Annotated[bool, typer.Option("--consent", help="Say that you may use these pictures.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Keep pictures of one thing or of one style as a subject of your own."""
    captions = {}
    for given in caption or []:
        file, stands, text = given.partition("=")
        if not stands:
            raise ValueError(f'{brief(given)} is no caption of a picture; one like "1.png=a {{}} at night" would fit.')
        captions[file] = text
    most = subjects.MAX_PICTURES
    limits = dataclasses.replace(subjects.BROUGHT, count=most + min(held, most), masks=True)
    taken = _taken(pictures, limits)
    brought = [(one.name, one.data) for one in taken.pictures]
    of_picture = {Path(file).stem: file for file, _ in reversed(brought)}
    beside = dict(taken.masks) | ({Path(one.name).stem: one for one in _taken(masks, MASKS).pictures} if masks else {})
    covers = {of_picture.get(stem, one.name): one.data for stem, one in beside.items()}
    learned, kept_back = brought[: max(0, len(brought) - held)], brought[max(0, len(brought) - held) :]
    kind: subjects.Kind = "style" if style else "thing"
    made = subjects.keep(
        open_jobs(data_dir).paths,
        name,
        learned,
        title or name,
        kind,
        noun,
        word or f"<{name}>",
        domain,
        captions,
        consent,
        kept_back,
        masks=covers,
    )
    if as_json:
        print(json.dumps(made.plain(), indent=1, ensure_ascii=False))
        return
    print(f"Listed as {made.id}.")
    if made.missing:
        print(f"Without a caption, and said to show {made.captions[made.missing[0]]!r}: {', '.join(made.missing)}.")


@app.command()
def draw(
    name: Annotated[str, typer.Argument(help="It is listed as mine/<name>.")],
    shows: Annotated[list[str], typer.Option(help="What all pictures show: subject=house.")],
    pictures: Annotated[int, typer.Option(min=1, max=subjects.MAX_PICTURES, help="Pictures to learn from.")] = 100,
    held: Annotated[int, typer.Option(min=0, max=subjects.MAX_PICTURES, help="Pictures held back for measuring.")] = 10,
    domain: Annotated[str, typer.Option(help="Whose world draws them.")] = first().name,
    seed: Annotated[int, typer.Option(min=0, help="Of the pictures.")] = 0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a domain's world draw a subject that known words say as well, so that its oracle reads what was learned of it."""
    from studio.workshop.material.drawn_subjects import drawn

    asked = {}
    for given in shows:
        factor, stands, value = given.partition("=")
        if not stands:
            raise ValueError(f"{brief(given)} says nothing that pictures show; something like subject=house would fit.")
        asked[factor] = value
    made = drawn(open_jobs(data_dir).paths, name, domain, asked, pictures, held, seed)
    print(json.dumps(made.plain(), indent=1, ensure_ascii=False) if as_json else f"Listed as {made.id}.")


@app.command()
def remove(subject_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Remove a subject of your own."""
    subjects.remove(open_jobs(data_dir).paths, subject_id)
    print(json.dumps({"id": subject_id, "removed": True}) if as_json else f"Removed {subject_id}.")


def _taken(path: Path, limits: Limits) -> Intake:
    """What a folder, an archive or a file holds; says what was refused. ValueError where no picture is left."""
    intake = take([path], limits)
    if not intake.pictures and len(intake.refused) == 1:
        raise ValueError(intake.refused[0])
    for sentence in intake.refused:
        err.print(sentence, style="yellow", markup=False, highlight=False)
    if not intake.pictures:
        raise ValueError(f"{brief(path.name)} holds no picture that can be taken; {FIT}.")
    return intake
