"""`python -m studio evaluate …`: models, plans, adapters and edits against a prompt set, question by question."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from studio.capabilities.evaluate.page import number
from studio.capabilities.evaluate.request import EvaluateRequest
from studio.capabilities.evaluate.verdict import percent
from studio.cli.jobs import execute
from studio.core.files import Json
from studio.library.stock import open_jobs
from studio.library.told_table import lay_out

_FIELDS = EvaluateRequest.model_fields
WORST = 8  # questions that a table shows
out = Console()


def _help(name: str) -> str:
    return str(_FIELDS[name].description)


def evaluate(
    candidates: Annotated[list[str], typer.Argument(help=_help("candidates"))],
    prompt: Annotated[list[str] | None, typer.Option("--prompt", help="A prompt; may be given several times.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Prompts, one a line.", exists=True, dir_okay=False)] = None,
    n_prompts: Annotated[int, typer.Option(help=_help("n_prompts"))] = _FIELDS["n_prompts"].default,
    seeds: Annotated[str, typer.Option(help=_help("seeds"))] = "0-7",
    judge: Annotated[str, typer.Option("--judge", help=_help("judges"))] = "",
    judge_model: Annotated[str, typer.Option(help=_help("judge_model"))] = "",
    planted: Annotated[int, typer.Option(help=_help("planted"))] = _FIELDS["planted"].default,
    teacher_steps: Annotated[int | None, typer.Option(help=_help("teacher_steps"))] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Also copy the report to this file.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", envvar="STUDIO_DEVICE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Ask of every sample what its prompt asked for; compare candidates on the same prompts and seeds."""
    jobs = open_jobs(data_dir)
    lines = [*(prompt or []), *(file.read_text(encoding="utf-8").splitlines() if file else [])]
    request = {
        "candidates": candidates, "prompts": lines, "n_prompts": n_prompts, "seeds": seeds, "judges": judge,
        "judge_model": judge_model, "planted": planted, "teacher_steps": teacher_steps,
    }  # fmt: skip
    run_id = jobs.submit("evaluate", request)
    execute(jobs, run_id, device, as_json)
    result = jobs.result(run_id)
    if result is None:
        return
    if html is not None:
        shutil.copyfile(jobs.artifact(run_id, result["report"]), html)
    if not as_json:
        _told(result)


def _told(result: Json) -> None:
    rows = result["candidates"]
    names = [row["name"] for row in rows]
    kinds = list(dict.fromkeys(one["title"] for row in rows for one in row["by_kind"]))
    by = [{one["title"]: one for one in row["by_kind"]} for row in rows]
    told = (("what was asked for", "score"), ("all of it", "all_right"))
    scores = [[said, *(percent(row[key]) for row in rows)] for said, key in told]
    scores += [[kind, *(percent(each.get(kind)) for each in by)] for kind in kinds]
    known = {one["name"]: one["title"] for row in rows for one in row["figures"]}
    for name, title in known.items():
        cells = [next((number(one) for one in row["figures"] if one["name"] == name), "–") for row in rows]
        scores.append([title, *cells])
    lay_out(["", *names], scores, out)
    for row in rows:
        worst = [[one["question"], percent(one["share"]), str(one["share"]["n"])] for one in row["by_check"][:WORST]]
        lay_out([f"{row['name']}: least often", "yes", "asked"], worst, out)
    for one in [*result["comparisons"], *rows]:
        out.print(one["sentence"], markup=False, highlight=False)
    judge = result["judges"][result["judge"]]
    out.print(f"Judged by {judge['title'].lower()}: {judge['about']}", markup=False, highlight=False)
    for sentence in result["trust"].get("sentences", ()):
        out.print(sentence, markup=False, highlight=False)
