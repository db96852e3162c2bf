"""`python -m studio adapters …`: sliders and LoRAs from the command line: list, show, import, export, remove."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from studio.core.files import Json, atomic_write
from studio.library import adapters, hub_card, picks, told_table
from studio.library.adapter_uses import WRITE_HELP, AdapterUse
from studio.library.measured_arms import text
from studio.library.models import load_registry
from studio.library.stock import open_jobs

app = typer.Typer(no_args_is_help=True, help="Sliders and LoRAs: those that were trained here, and files from elsewhere.")
out, err = Console(), Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", envvar="STUDIO_DEVICE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_(
    model: Annotated[str | None, typer.Option(help="Only those that can be applied to this model.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Shipped adapters and your own, and why some cannot be used."""
    jobs = open_jobs(data_dir)
    known = adapters.load_adapters(jobs.paths)
    found = known.for_model(load_registry(jobs.paths).get(model)) if model else list(known.entries.values())
    if as_json:
        print(json.dumps([entry.plain() for entry in found], indent=1))
        return
    table = Table("id", "moves", "trained on", "rank", "strength 1", "state")
    for entry in found:
        state, scale = "ready" if entry.available else entry.reason, f"scale {entry.calibration:.3g}"
        table.add_row(entry.id, str(entry.card.get("attribute", "")), entry.base, entry.rank, scale, state)
    out.print(table)


@app.command()
def show(adapter_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show where an adapter comes from and what was measured."""
    entry = adapters.load_adapters(open_jobs(data_dir).paths).get(adapter_id)
    if as_json:
        print(json.dumps(entry.plain(), indent=1))
        return
    for name in ("title", "kind", "attribute", "unit", "method", "base", "base_hash", "steps", "seed", "created", "note"):
        if entry.card.get(name):
            out.print(f"{name}: {entry.card[name]}", markup=False, highlight=False)
    if entry.ranks:
        out.print(f"rank: {entry.rank} in {entry.layers} layers", markup=False, highlight=False)
    for words in entry.words:
        out.print(f"word: {words}", markup=False, highlight=False)
    if not entry.available:
        out.print(entry.reason, markup=False, highlight=False)
    _responses(entry.card)
    if isinstance(measured := entry.card.get("measured"), dict):
        told_table.show(measured, out)


@app.command()
def card(
    adapter_id: str,
    out_file: Annotated[Path | None, typer.Option("--out", help="The file to write; its text is printed otherwise.")] = None,
    licence: Annotated[str, typer.Option(help="As the Hub writes it, like apache-2.0.")] = "",
    base: Annotated[str, typer.Option(help="Repository of what it was taught on, owner/name.")] = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """README.md for the Hugging Face Hub: what it is of, how it was taught, what was measured."""
    paths = open_jobs(data_dir).paths
    text = hub_card.of_adapter(adapters.load_adapters(paths).get(adapter_id), load_registry(paths), licence, base)
    if out_file is not None:
        atomic_write(out_file, text)
    said = {"id": adapter_id, "file": str(out_file) if out_file else None, "card": text}
    print(json.dumps(said, indent=1) if as_json else out_file or text)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .safetensors file of any usual layout, or a PEFT folder.")],
    name: Annotated[str, typer.Option(help="It is listed as mine/<name>.")],
    base: Annotated[str, typer.Option(help="Id of the model it is for.")],
    data_dir: DataDir = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Take a LoRA or slider from elsewhere; says what of it fits the model."""
    from studio.capabilities.adapters.work import import_file
    from studio.workshop.open_models import ModelCache, pick_device

    jobs = open_jobs(data_dir)
    adapter_id, sentences = import_file(jobs.paths, load_registry(jobs.paths), file, name, base, ModelCache(pick_device(device)))
    if as_json:
        print(json.dumps({"id": adapter_id, "said": sentences}, indent=1))
        return
    for sentence in sentences:
        out.print(sentence, markup=False, highlight=False)
    print(f"Listed as {adapter_id}.")


@app.command()
def export(
    adapter_id: str,
    path: Annotated[Path, typer.Argument(help="The file to write, or for PEFT a folder.")],
    layout: Annotated[str, typer.Option(help="diffusers, peft or kohya.")] = "diffusers",
    rank: Annotated[int | None, typer.Option(min=1, help="Bring layers of a higher rank to this one; smaller files.")] = None,
    keep: Annotated[float, typer.Option(min=0, max=1, help="Share of the squared change to keep, over all layers.")] = 1.0,
    strip: Annotated[bool, typer.Option("--strip", help="Leave prompts, settings, notes and the date out of the file.")] = False,
    data_dir: DataDir = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Write an adapter for other programs, with its true alpha."""
    from studio.capabilities.adapters.work import export_file
    from studio.workshop.open_models import ModelCache, pick_device

    jobs = open_jobs(data_dir)
    models = ModelCache(pick_device(device))
    written = export_file(jobs.paths, load_registry(jobs.paths), adapter_id, path, layout, strip, models, rank, keep)
    if as_json:
        print(json.dumps({"id": adapter_id, "files": [str(file) for file in written]}, indent=1))
        return
    for file in written:
        print(file)


@app.command()
def merge(
    model: Annotated[str, typer.Argument(help="Id of the model whose weights are changed; it stays as it is.")],
    name: Annotated[str, typer.Argument(help="Of the new model, listed as mine/<name>.")],
    adapter: Annotated[list[str], typer.Option("--adapter", help=f"{WRITE_HELP}; several may be given.")],
    data_dir: DataDir = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Save a model with adapters merged into its weights, as a model of its own."""
    from studio.capabilities.adapters.work import merge_into
    from studio.workshop.open_models import ModelCache, pick_device

    jobs = open_jobs(data_dir)
    uses = [AdapterUse.model_validate(written) for written in adapter]
    made = merge_into(jobs.paths, load_registry(jobs.paths), model, uses, name, ModelCache(pick_device(device)))
    print(json.dumps({"id": made}) if as_json else f"Listed as {made}.")


@app.command()
def pick(
    run_id: Annotated[str, typer.Argument(help="A training that made an adapter.")],
    step: Annotated[int | None, typer.Argument(help="Of a measurement; without one, what there is to pick from.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make the adapter of a run what it was at one of its measurements."""
    jobs = open_jobs(data_dir)
    if step is not None:
        listed = picks.pick(jobs, run_id, step)
        print(json.dumps({"id": listed, "step": step}) if as_json else f"{listed} is that of step {step:,} now.")
        return
    found = picks.kept(jobs, run_id)
    if as_json:
        print(json.dumps([{"step": one.step, "listed": one.worn, "measured": one.row} for one in found], indent=1))
    elif not found:
        print("This run kept no adapter on the way.")
    else:
        columns = picks.columns(jobs.spec(run_id).kind)
        heads = ["step", *(column.name for column in columns), ""]
        rows = [[f"{one.step:,}", *(text(one.row, c) for c in columns), "listed" if one.worn else ""] for one in found]
        told_table.lay_out(heads, rows, out)


@app.command()
def delete(adapter_id: str, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Remove an adapter of your own."""
    adapters.remove(open_jobs(data_dir).paths, adapter_id)
    if as_json:
        print(json.dumps({"id": adapter_id, "removed": True}))


def _responses(card: Json) -> None:
    """One line a model: the slope, and what else moved."""
    measured = card.get("measured")
    models = measured.get("models") if isinstance(measured, dict) else None
    if not isinstance(models, dict) or not models:
        return
    table = Table("model", "slope a unit", "Spearman", "accuracy", "moved besides")
    for model, row in models.items():
        slope = row.get("slope") or {}
        shown = "–" if slope.get("value") is None else f"{slope['value']:.3g}"
        if slope.get("low") is not None and slope.get("high") is not None:
            shown += f" [{slope['low']:.3g} to {slope['high']:.3g}]"
        others = ", ".join(f"{name} {share:.0%}" for name, share in list((row.get("moved") or {}).items())[:3])
        rank = row.get("spearman")
        change = row.get("accuracy_change")
        cost = "–" if change is None else f"{100 * change:+.0f} points at worst"
        table.add_row(str(model), shown, "–" if rank is None else f"{rank:.2f}", cost, others)
    out.print(table)
