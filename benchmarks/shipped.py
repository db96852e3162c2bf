"""What comes with the program as finished results: an example for Compare and the tour, studies for the Lab, measured rows of
the leaderboards.

    python -m studio compare "a red house at night" --seeds 16 --arms teacher,student,hybrid-1
    python -m benchmarks.shipped                   # the newest comparison of the data folder, and the kept studies
    python -m benchmarks.shipped example --run RUN # another comparison
    python -m benchmarks.shipped studies           # of docs/measured/studies alone
    python -m studio jobs run presets/jobs/measure/nano.yaml
    python -m benchmarks.shipped figures           # rows that were measured in the data folder

Written to assets/shipped/. Nothing is drawn or computed here: figures are those of runs and studies, with their models, seeds and
day. Make it anew whenever the shipped models change.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

from PIL import Image

from studio.capabilities.leaderboard import kept_figures
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.jobs.paths import ASSETS, ROOT
from studio.library.models import load_registry
from studio.library.stock import open_jobs

SHIPPED = ASSETS / "shipped"
KEPT = ROOT / "docs" / "measured" / "studies"
STUDIES = ("k-sweep-headline", "k-sweep", "arena", "base-guidance", "position-sweep", "masks", "handover")
PAIR = "pocket-dmd2"
TEACHERS = ("pocket/teacher", "nano/teacher")
JPEG = {"quality": 92, "subsampling": 0}


def example(jobs: Jobs, run_id: str, folder: Path) -> Path:
    """A finished comparison with its pictures as JPEG, and without the steps on the way."""
    spec, result = jobs.spec(run_id), jobs.result(run_id)
    if spec.kind != "compare" or result is None or jobs.get(run_id).state != "done":
        raise ValueError(f"{run_id} is no finished comparison.")
    shutil.rmtree(folder, ignore_errors=True)
    for arm in result["arms"]:
        (folder / "artifacts" / arm["arm"]).mkdir(parents=True)
        for image in arm["images"]:
            path = Path(image["path"]).with_suffix(".jpg")
            Image.open(jobs.artifact(run_id, image["path"])).convert("RGB").save(folder / path, **JPEG)
            image["path"] = path.as_posix()
    day = datetime.fromtimestamp(spec.created).date().isoformat()
    models = ", ".join(f"{model['title']} ({model['hash']})" for model in result["models"].values())
    result["shipped"] = {"date": day, "where": "on the machine it was drawn on"}
    result["notices"] = [*result["notices"], f"An example that came with the program: drawn on {day} by {models}."]
    (folder / "example.json").write_text(json.dumps({"request": spec.config, "result": result}, allow_nan=False), "utf-8")
    return folder


def studies(kept: Path, folder: Path) -> list[Path]:
    """Kept studies as they are, each with the day on which it was kept."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = []
    for name in STUDIES:
        file = kept / f"{PAIR}-{name}.json"
        if not file.is_file():
            print(f"There is no {file.name}; it is left out.")
            continue
        result: Json = json.loads(file.read_text("utf-8"))
        made.append(folder / f"{name}.json")
        made[-1].write_text(json.dumps({**result, "shipped": {"date": _day(file)}}, separators=(",", ":")), "utf-8")
    return made


def figures(jobs: Jobs, folder: Path) -> list[Path]:
    """Figures of the shipped models as a run of the kind "measure" kept them, each with the day on which it did. Those of other
    weights are taken away."""
    folder.mkdir(parents=True, exist_ok=True)
    made, names, registry = list[Path](), set[str](), load_registry(jobs.paths)
    for teacher in TEACHERS:
        for arm in kept_figures.arms(registry, teacher):
            if any(ASSETS not in entry.folder.resolve().parents for entry in arm.entries.values()):
                continue  # somebody's own
            file = kept_figures.figures_file(jobs.paths, arm, kept_figures.SAMPLES)
            names |= {file.name} if file else set()
            if file is None or not file.is_file():
                print(f"{arm.id} was not measured in this data folder.")
                continue
            day = datetime.fromtimestamp(file.stat().st_mtime).date().isoformat()
            made.append(folder / file.name)
            made[-1].write_text(json.dumps({**json.loads(file.read_text("utf-8")), "shipped": {"date": day}}), "utf-8")
    for old in folder.glob("*.json"):
        if old.name not in names:
            old.unlink()
    return made


def _day(file: Path) -> str:
    """On which a file was kept, as git knows it."""
    asked = ["git", "log", "-1", "--format=%cs", "--", str(file)]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return said or datetime.fromtimestamp(file.stat().st_mtime).date().isoformat()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="example | studies | figures", help="both of the first without it")
    parser.add_argument("--run", help="id of a finished comparison; the newest one without it")
    parser.add_argument("--data-dir")
    given = parser.parse_args()
    what = given.what or ["example", "studies"]
    if unknown := set(what) - {"example", "studies", "figures"}:
        parser.error(f"there is no {sorted(unknown)[0]}")
    jobs, made = open_jobs(given.data_dir), list[Path]()
    if "studies" in what:
        made += studies(KEPT, SHIPPED / "studies")
    if "figures" in what:
        made += figures(jobs, SHIPPED / "figures")
    if "example" in what:
        done = [info.id for info in jobs.list(kind="compare", states=("done",), limit=50)]
        own = [run for run in done if "shipped" not in (jobs.result(run) or {})]
        if not (given.run or own):
            parser.error("there is no finished comparison in the data folder; draw one first")
        made.append(example(jobs, given.run or own[0], SHIPPED / "example"))
    for path in made:
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
