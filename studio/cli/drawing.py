"""`python -m studio compare | scrub | control …`: what draws, with the options of a comparison."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from studio.capabilities.grid.request import WRITE_HELP as AXIS_HELP
from studio.cli.executing import execute
from studio.core import compiling
from studio.core.explain import brief
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.draw_request import DEFAULT_ARMS, DEFAULT_PAIR, CompareRequest
from studio.library.hint_uses import WRITE_HELP, with_files
from studio.library.stock import open_jobs

_FIELDS = CompareRequest.model_fields
_USUAL = f"what the student can draw of {', '.join(DEFAULT_ARMS)}"


def _help(name: str) -> str:
    return str(_FIELDS[name].description)


def _asked(
    prompt: Annotated[str, typer.Argument(help=_help("prompt"))] = "",
    pair: Annotated[str, typer.Option(help=_help("pair"))] = DEFAULT_PAIR,
    seeds: Annotated[str, typer.Option(help=_help("seeds"))] = "8",
    arms: Annotated[str | None, typer.Option(help=f"{_help('arms')} Left out: {_USUAL}.")] = None,
    teacher_steps: Annotated[int, typer.Option(help=_help("teacher_steps"))] = 25,
    teacher_guidance: Annotated[float | None, typer.Option(help=_help("teacher_guidance"))] = None,
    embedded_guidance: Annotated[float | None, typer.Option(help=_help("embedded_guidance"))] = None,
    base_guidance: Annotated[float, typer.Option(help=_help("base_guidance"))] = 1.0,
    rho: Annotated[float, typer.Option(help=_help("rho"))] = 1.0,
    student_steps: Annotated[int | None, typer.Option(help=_help("student_steps"))] = None,
    negative: Annotated[str, typer.Option(help=_help("negative"))] = "",
    size: Annotated[str, typer.Option(help=_help("size"))] = "",
    adapter: Annotated[list[str] | None, typer.Option("--adapter", help=_help("adapters"))] = None,
    hint: Annotated[list[str] | None, typer.Option("--hint", help=f"A ControlNet and what it follows: {WRITE_HELP}.")] = None,
    given: Annotated[
        list[str] | None, typer.Option("--given", help="An input beside the prompt, name=value, where models take some.")
    ] = None,
    with_: Annotated[list[str] | None, typer.Option("--with", help="What a capability adds, name=value.")] = None,
    off_recipe: Annotated[bool, typer.Option("--off-recipe", help=_help("off_recipe"))] = False,
    previews: Annotated[bool, typer.Option(help=_help("previews"))] = False,
    tiny_decoder: Annotated[str, typer.Option(help=_help("tiny_decoder"))] = "auto",
) -> Callable[[Jobs], Json]:
    """The request of a comparison, once it is known where files that it names are copied to."""
    asked: Json = {
        "prompt": prompt, "pair": pair, "seeds": seeds, "teacher_steps": teacher_steps,
        "teacher_guidance": teacher_guidance, "base_guidance": base_guidance, "rho": rho, "student_steps": student_steps,
        "adapters": adapter or [], "off_recipe": off_recipe, "previews": previews, "given": given or {},
        "additions": with_ or {}, "size": size, "negative": negative,
        "tiny_decoder": tiny_decoder, "embedded_guidance": embedded_guidance, **({} if arms is None else {"arms": arms}),
    }  # fmt: skip
    return lambda jobs: asked | {"hints": with_files(jobs.paths, hint or [])}


def _executed(
    out_folder: Annotated[Path | None, typer.Option("--out", help="Also copy pictures and figures to this folder.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", envvar="STUDIO_DEVICE")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Compile networks before they draw (STUDIO_COMPILE=1).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> tuple[Jobs, Callable[[str], None]]:
    """The data folder, and what executes a run of it."""
    if compiled:
        compiling.choose()
    jobs = open_jobs(data_dir)
    return jobs, lambda run: execute(jobs, run, device, out_folder, as_json)


_DRAW, _HOW = (inspect.signature(options, eval_str=True).parameters for options in (_asked, _executed))


def _draws(request: Callable[..., Json]) -> Callable[..., None]:
    """A command from what makes its request: it has the options of a comparison, its own, and those of executing a run.

    request: is called with `draw`, the request of a comparison, and with its own options; its name is the kind of job.
    """

    def called(**values: object) -> None:
        draw: Callable[..., Callable[[Jobs], Json]] = _asked
        executed: Callable[..., tuple[Jobs, Callable[[str], None]]] = _executed
        asked = draw(**{name: values.pop(name) for name in _DRAW})
        jobs, begin = executed(**{name: values.pop(name) for name in _HOW})
        begin(jobs.submit(request.__name__, request(draw=asked(jobs), **values)))

    own = [given for name, given in inspect.signature(request, eval_str=True).parameters.items() if name != "draw"]
    signature = inspect.Signature([*_DRAW.values(), *own, *_HOW.values()])
    called.__name__, called.__doc__ = request.__name__, request.__doc__
    called.__annotations__ = {name: given.annotation for name, given in signature.parameters.items()}
    called.__signature__ = signature  # type: ignore[attr-defined]
    return called


@_draws
def compare(draw: Json) -> Json:
    """Draw the same seeds with teacher, student, hybrids and remedies, and measure them."""
    return draw


@_draws
def scrub(
    draw: Json,
    source: Annotated[str, typer.Option("--run", help="A run that was drawn before, in place of a prompt.")] = "",
    branch: Annotated[
        list[str] | None,
        typer.Option("--branch", help='Another ending: \'{"arm": "teacher", "step": 3, "guidance": 5}\', as in a spec file.'),
    ] = None,
    states: Annotated[bool, typer.Option("--states", help="Also make pictures of the noisy states.")] = False,
) -> Json:
    """Draw a comparison, or take one that was drawn, and look at every step of it; branch from any."""
    what: Json = {"source": source} if source else {"draw": draw}
    return {**what, "branches": [_object(one) for one in branch or ()], "states": states}


@_draws
def control(
    draw: Json,
    vary: Annotated[str, typer.Option(help="The adapter whose strength varies, by its id; `adapters list` has them.")] = "",
    strengths: Annotated[str, typer.Option(help="In units of its calibration, with commas between.")] = "-2,-1,0,1,2",
) -> Json:
    """Draw the same seeds with an adapter at a row of strengths, on teacher, student and hybrid."""
    try:
        row = [float(one) for one in strengths.split(",")]
    except ValueError:
        raise ValueError(f"The strengths {brief(strengths)} are no numbers with commas between, like -2,0,2.") from None
    return {"draw": draw, "vary": {"id": vary}, "strengths": row}


@_draws
def grid(
    draw: Json,
    x: Annotated[str, typer.Option(help=f"The columns: {AXIS_HELP}.")] = "",
    y: Annotated[str, typer.Option(help="The rows, in the same way.")] = "",
    z: Annotated[str, typer.Option(help="The pages, in the same way.")] = "",
) -> Json:
    """Draw every combination of the values of up to three settings; what was drawn before is not drawn again."""
    return {"draw": draw, "axes": [axis for axis in (x, y, z) if axis]}


def _object(text: str) -> Json:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f'The branch {brief(text)} is no JSON object; one like {{"arm": "teacher", "step": 3}} fits.')
    return found
