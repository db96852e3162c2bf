"""Components of the Compare tab: the wall of pictures, the stage of one seed, the table of figures."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import gradio as gr

from studio.core.files import Json
from studio.domains import first
from studio.library.shown_measures import tip, titled
from studio.ui.compare.view import of_one_reader, row_figures
from studio.ui.kit import pictures, words
from studio.ui.kit.exports import Saved, Table, saving
from studio.ui.kit.parts import _html
from studio.ui.kit.scripts import mounted

HEADS = ("diversity", "accuracy", "in distribution", "NFE", "per image", "FD-oracle")
JUDGED = ("diversity", "accuracy", "NFE", "per image")  # where no oracle reads
NOTE = (
    "Diversity: mean normalised entropy of the factors the prompt leaves free, over pictures "
    "in which the oracle recognises one subject; in distribution: those it takes for clean scenes besides. Accuracy: "
    "every stated factor as asked, and exactly one subject; point at it for each. NFE: network evaluations per image. "
    "FD-oracle: Fréchet distance on our oracle's features, lower is closer to the world. Brackets are 95 % "
    "intervals; more seeds make them narrower."
)
BY_A_JUDGE = (
    "Diversity: {by}, mean of all pairs of seeds; it compares arms of one run, and has no scale of its own. "
    "Accuracy: {why}. {score}NFE: network evaluations per image. Brackets are 95 % intervals; more seeds make them narrower."
)
OF_TEXT = "CLIP text score: 100 × cosine of picture and prompt. "


def board(value: Json, to_save: Callable[[Json], Saved], ways: str = "") -> gr.HTML:
    """State, progress, the computed sentence and the seed wall. value = `RunView.board()` or `empty_board()`.

    Triggers "scrub" with {"run": id}, "draw" with {"prompt"}. to_save: what can be saved of {"run"}. ways: markup below the
    illustration (`first_page.ways`).
    """
    template = f"""
<section class="board" data-state="empty">
  <div class="b-empty">
    <div class="e-words"><h2>The same seeds, drawn by teacher, student and hybrid.</h2>
      <p>Every column starts from one noise. What changes down a column is the model; what repeats along a row is
      diversity lost. Press <b>Run</b>: the rows fill in as they are drawn and are measured underneath.</p></div>
    <figure class="e-figure"><div class="e-rows"></div>
      <figcaption>Illustration by the scene renderer. It measures nothing; your run will.</figcaption></figure>
    {ways}
  </div>
  <div class="b-run">
    <div class="b-status"><span class="b-chip"></span><span class="b-text"></span>
      <button type="button" class="tool b-scrub" hidden>Scrub this run</button><span class="b-save"></span></div>
    <div class="b-bar" role="progressbar" aria-label="drawn so far" aria-valuemin="0" aria-valuemax="100"><i></i></div>
    <p class="b-what"></p>
    <h2 class="b-headline" aria-live="polite"></h2>
    <ul class="b-rest"></ul><ul class="b-notices"></ul>
    <div class="wall-scroll"><div class="wall"></div></div>
  </div>
</section>"""
    js, served = mounted("compare/board", "scrub", "draw"), [saving(to_save)]
    return _html(value, html_template=template, js_on_load=js, server_functions=served, elem_id="board")


def stage() -> gr.HTML:
    """Two arms on the selected seed, in the browser only."""
    template = """
<section class="s-box">
  <div class="s-picks">
    <label class="s-pick"><i></i><select class="s-pick-left" aria-label="Left arm"></select></label>
    <span class="s-seeds"><button type="button" class="s-prev" aria-label="Seed before">‹</button>
      <span class="s-seed"></span><button type="button" class="s-next" aria-label="Seed after">›</button></span>
    <label class="s-pick s-pick-r"><i></i><select class="s-pick-right" aria-label="Right arm"></select></label>
  </div>
  <div class="stage"><img class="s-right" alt="" draggable="false" hidden><img class="s-left" alt="" draggable="false" hidden>
    <p class="s-missing" hidden></p>
    <div class="s-handle" role="slider" tabindex="0" aria-label="Where left ends and right begins" aria-valuemin="0"
      aria-valuemax="100" aria-valuenow="50"><i></i></div></div>
  <div class="s-own" hidden><div class="s-own-left"></div><div class="s-own-right"></div></div>
  <div class="s-foot"><button type="button" class="s-flicker" aria-pressed="false">Flicker</button>
    <span class="s-hint">drag, or hold <kbd>F</kbd> · <kbd>[</kbd> <kbd>]</kbd> change the seed</span>
    <span class="s-saves">save <a class="s-save-left" hidden></a> <a class="s-save-right" hidden></a></span></div>
</section>"""
    return _html(html_template=template, js_on_load=mounted("compare/stage"), elem_id="stage")


def figures_table(rows: Iterable[Json]) -> str:
    """Every measured arm with every figure; diversity and accuracy always side by side."""
    drawn = [row for row in rows if row["nfe"] is not None]
    if not drawn:
        return '<p class="plot-wait">Figures appear when the first arm is measured.</p>'
    drawn = of_one_reader(drawn)
    further, by = titled(row["measures"] for row in drawn), drawn[0]["by"]
    fixed = JUDGED if by else HEADS
    body = "".join(_table_row(row, further, fixed) for row in drawn)
    titles = "".join(f'<th scope="col">{head}</th>' for head in ("arm", *fixed))
    titles += "".join(
        f'<th scope="col" title="{html.escape(tip(look))}">{html.escape(look["title"])}</th>' for look in further.values()
    )
    titles += '<th scope="col" class="read-by">read by</th>' if by else ""
    return (
        f'<table class="figures"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>'
        f'<p class="table-note">{html.escape(_note(drawn[0]))}</p>'
    )


def _note(row: Json) -> str:
    """What the figures of a table are, whoever read them."""
    if not row["by"]:
        return NOTE
    why = (row["measures"].get("accuracy") or {}).get("note") or "not known"
    return BY_A_JUDGE.format(by=row["by"], why=why, score=OF_TEXT if row["measures"].get("text_score") else "")


def figures_of(rows: Iterable[Json]) -> Table:
    """The same for a file, with the numbers as they were measured."""
    measured = [(row, row["measures"]) for row in rows if row["nfe"] is not None]
    further, by = titled(found for _, found in measured), any(row["by"] for row, _ in measured)
    named = {"diversity": "diversity", "accuracy": "accuracy"}
    named |= ({} if by else {"in_distribution": "in distribution", "fd_oracle": "FD-oracle"}) | {
        name: look["title"] for name, look in further.items()
    }
    cells = [
        [row["title"], *(found.get(name) for name in named), row["nfe"], row["seconds"], *([row["by"]] if by else [])]
        for row, found in measured
    ]
    return Table(["arm", *named.values(), "NFE", "seconds per image", *(["read by"] if by else [])], cells)


def _table_row(row: Json, further: Mapping[str, Json], fixed: tuple[str, ...]) -> str:
    """fixed: heads of the columns before those that say themselves how they are shown."""
    measures = row["measures"]
    unread = (row_figures(row) or {}).get("unread", "")
    known = {
        "diversity": _with(words.interval(measures.get("diversity")), unread),
        "accuracy": words.interval(measures.get("accuracy"), percent=True),
        "in distribution": words.interval(measures.get("in_distribution"), percent=True),
        "NFE": (words.evaluations(row["nfe"]), ""),
        "per image": (words.seconds(row["seconds"]), ""),
        "FD-oracle": _with(words.interval(measures.get("fd_oracle"), digits=1), words.no_distance(measures)),
    }
    own = [words.titled(measures.get(name), look) for name, look in further.items()]
    why = [(measures.get(name) or {}).get("note") or "" for name in further]  # of a dash
    cells = [
        *(known[head] for head in fixed),
        *(_with(cell, said if cell[0] == words.NO_VALUE else "") for cell, said in zip(own, why, strict=True)),
    ]
    heads = [*fixed, *(html.escape(look["title"]) for look in further.values())]
    each = ", ".join(
        f"{name} {words.interval(of, percent=True)[0]}" for name, of in measures.get("accuracy_by_factor", {}).items()
    )
    if row["by"]:
        each = (measures.get("accuracy") or {}).get("note") or ""
    told = {"accuracy": f' title="{html.escape(each)}"'} if each else {}
    drawn = "".join(
        f'<td data-label="{head}"{told.get(head, "")}><b>{value}</b>{f" <small>{html.escape(ci)}</small>" if ci else ""}</td>'
        for head, (value, ci) in zip(heads, cells, strict=True)
    )
    drawn += f'<td class="read-by" data-label="read by">{html.escape(row["by"])}</td>' if row["by"] else ""
    tone, meaning, title = row["tone"], html.escape(row["meaning"]), html.escape(row["title"])
    name = f'<th scope="row" style="--tone:var(--arm-{tone})" title="{meaning}"><i></i>{title}</th>'
    return f"<tr>{name}{drawn}</tr>"


def _with(cell: tuple[str, str], said: str) -> tuple[str, str]:
    """The cell, and beside its interval what is said of it."""
    return cell[0], ", ".join(filter(None, [cell[1], said]))


@cache
def empty_board() -> Json:
    """Before the first run: three rows of the world's own samples that show what a wall says at a glance."""
    arms = (("Teacher", "teacher"), ("Student", "student"), ("Hybrid", "hybrid-1"))
    rows = [
        {"title": title, "tone": tone, "images": [pictures.address(picture) for picture in drawn]}
        for (title, tone), drawn in zip(arms, first().illustration(), strict=False)
    ]
    return {"run": None, "illustration": {"rows": rows}}
