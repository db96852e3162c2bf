"""Train every objective on the same teacher with its preset, and hold it to the acceptance ratios.

    python -m benchmarks.objectives --size nano                 # all of them, hours on two cores; resumes
    python -m benchmarks.objectives --size nano --only dmd2 lcm
    python -m benchmarks.objectives --size nano --training-seeds 3   # every preset three times; the table says how far apart
    python -m benchmarks.objectives --size pocket --device cuda # a day on a core; --share 0.2 trains for a fifth of the updates
    python -m benchmarks.objectives --table docs/methods.md     # cards, and the rows in docs/measured/objectives-*.json

FD-oracle here is measured against the guided teacher's own many-step samples, not against renders: a perfect copy of a
guided teacher is far from the data. Students are sampled at 1, 2, 4 and 8 steps, on their recipe or not (marked). Every
student and row is kept in ``--work``: one whose preset and teacher are unchanged is not trained again, one whose oracle is
unchanged too is not measured again. The shipped students stand beside them, measured the same way.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.report import prompts
from studio.core.denoiser import Denoiser
from studio.core.domain import told
from studio.core.method import Streams
from studio.core.recipe import Recipe
from studio.core.trainer import NotFinite, Trainer, TrainerConfig
from studio.domains import domain_of
from studio.domains.pocket.captions import parse
from studio.domains.pocket.oracle import Oracle, load_oracle
from studio.domains.pocket.scene import FACTORS
from studio.families import open_model
from studio.families.stable.trainable import teacher_denoiser
from studio.methods.distill import METHODS
from studio.metrics.frechet import frechet_distance
from studio.metrics.proportion import wilson
from studio.metrics.readings import correct
from studio.sampling import plan as plans
from studio.sampling.grids import trailing
from studio.sampling.loop import finished, sample
from studio.sampling.prompts import encode_once
from studio.workshop.material.captions import world_material

STEPS = (1, 2, 4, 8)
PRESETS = Path(__file__).resolve().parents[1] / "presets" / "distill"
Row = dict[str, Any]


def measure(plan: plans.Plan, models: dict, cond: list, model: Any, oracle: Oracle, lines: list[str], seeds: int) -> dict:
    """Features, accuracy, and diversity (mean pairwise feature distance inside a prompt) of a plan's samples."""
    features, right, spread = [], [], []
    for i, line in enumerate(lines):
        x = finished(sample(plan, models, cond[i], tuple(range(9000 + seeds * i, 9000 + seeds * (i + 1))), model.shape))
        seen = oracle.read(model.decode(x))
        shown = correct(seen, parse(line).stated, FACTORS)
        right.append(torch.stack(list(shown.values())).all(0) if shown else torch.ones(len(seen), dtype=torch.bool))
        features.append(seen.features.cpu())
        spread.append(float(torch.pdist(seen.features).mean()))
    ok = torch.cat(right).cpu()
    return {
        "features": torch.cat(features),
        "accuracy": wilson(int(ok.sum()), len(ok)).to_dict(),
        "spread": sum(spread) / len(spread),
    }


def short(found: dict, reference: torch.Tensor) -> Row:
    return {
        "fd": round(frechet_distance(found["features"], reference), 3), "accuracy": found["accuracy"],
        "spread": round(found["spread"], 4),
    }  # fmt: skip


class Bench:
    """A teacher with its reference samples; trains presets and measures their students."""

    def __init__(self, size: str, assets: Path, work: Path, n_prompts: int, seeds: int, device: str = "cpu"):
        self.size, self.work, self.seeds, self.assets, self.device = size, work / size, seeds, assets, device
        self.work.mkdir(parents=True, exist_ok=True)
        self.model = open_model(assets / size / "teacher", "teacher", device)
        self.oracle = load_oracle(assets / size / "oracle", device)
        reader = hashlib.sha256((assets / size / "oracle" / "oracle.safetensors").read_bytes()).hexdigest()[:6]
        self.measured_by = f"{n_prompts}x{seeds}-{reader}"
        self.lines = prompts(n_prompts)
        n_scenes = 4000 if size == "nano" else 2000
        self.material = world_material(
            self.model, domain_of("pocket"), self.work / "latents", n_items=n_scenes, oracle=self.oracle
        )
        self.cond = [encode_once({"teacher": self.model}, told([line])) for line in self.lines]
        self.w = float(self.model.default_guidance)
        self.reference, self.teacher = self._teacher()

    def _teacher(self) -> tuple[torch.Tensor, Row]:
        """Features of the guided teacher at 25 steps (the reference), and its rows at 1, 2, 4, 8 and 25 steps."""
        path = self.work / f"teacher-{self.model.hash}-{self.measured_by}.pt"
        if not path.exists():
            rows: Row = {}
            found = {}
            for n in (*STEPS, 25):
                plan = plans.teacher_plan("teacher", trailing(n), guidance=self.w)
                found[n] = measure(plan, {"teacher": self.model}, self.cond, self.model, self.oracle, self.lines, self.seeds)
            for n in found:
                rows[str(n)] = short(found[n], found[25]["features"])
            torch.save({"reference": found[25]["features"], "rows": rows}, path)
        kept = torch.load(path, weights_only=True)
        return kept["reference"], kept["rows"]

    def student(self, name: str, seed: int = 0, share: float = 1.0) -> Row:
        """Train a preset for a share of its updates with one training seed and measure it, or find its row."""
        text = (PRESETS / f"{self.size}-{name}.yaml").read_text()
        preset = yaml.safe_load(text)
        start = open_model(self.assets / preset["start"], preset["start"], self.device) if "start" in preset else None
        # the feedback stage, which starts from a student, is the one that the oracle teaches
        begun_with = f" {start.hash} {self.measured_by}" if start else ""
        key = hashlib.sha256(f"{text} {self.model.hash} {seed} {share:g}{begun_with}".encode()).hexdigest()[:12]
        path = self.work / f"{name}-{key}-{self.measured_by}.json"
        if path.exists():
            return json.loads(path.read_text())
        cls = METHODS.get(preset["objective"])
        torch.manual_seed(seed)
        updates = max(1, round(share * preset["steps"]))
        teacher = teacher_denoiser(self.model, start=start)
        method = cls(cls.Config.model_validate(preset["method"]), Streams(seed, self.device), teacher, self.material)
        config = TrainerConfig(steps=updates, **preset["trainer"])
        trainer = Trainer(method, config, self.work / f"{name}-{key}", self.device)
        resumed, begun = trainer.resume(), time.time()
        row: Row = {"name": name, "title": preset["title"], "objective": preset["objective"]}
        try:
            for p in trainer.run():
                if p.step % 50 == 0:
                    print(f"  {name} {p.step}/{p.steps}", flush=True)
        except NotFinite as error:
            return {**row, "failed": str(error)}
        how = method.sampling()
        row |= {
            "updates": updates, "of": preset["steps"], "seconds": 0 if resumed else round(time.time() - begun),
            "on_recipe": list(how.valid_steps), "steps": {},
        }  # fmt: skip
        best = Denoiser(trainer.ema["student"].module, self.model.denoiser.process, self.model.denoiser.prediction)
        recipe = Recipe(teacher="a/teacher", teacher_hash="0" * 12, timesteps=how.timesteps, rule=how.rule, eta=how.eta,
                        prediction=self.model.denoiser.prediction, valid_steps=how.valid_steps)  # fmt: skip
        cond = self._asked()
        if how.embedded_guidance is not None:
            w = torch.tensor([how.embedded_guidance], device=self.device)
            cond = [{"student": ({**pair["student"][0], "w": w}, None)} for pair in cond]
        counts = [n for n in STEPS if how.embedded_guidance is None] or [len(how.timesteps)]
        for n in counts:
            row["steps"][str(n)] = self._measured(recipe, n, best, cond)
        path.write_text(json.dumps(row, indent=1) + "\n")
        return row

    def shipped(self) -> dict[str, Row]:
        """Rows of the students that come with the repository."""
        rows = {}
        for path in sorted(p.parent for p in (self.assets / self.size).glob("*/recipe.json")):
            recipe = Recipe.model_validate_json((path / "recipe.json").read_text())
            row: Row = {"name": f"{path.name}, shipped", "title": "", "objective": path.name, "updates": "", "seconds": 0,
                        "on_recipe": list(recipe.valid_steps), "steps": {}}  # fmt: skip
            model = open_model(path, "student", self.device)
            kept = self.work / f"shipped-{path.name}-{model.hash}-{self.measured_by}.json"
            if kept.exists():
                row["steps"] = json.loads(kept.read_text())
            else:
                for n in STEPS:
                    row["steps"][str(n)] = self._measured(recipe, n, model.denoiser, self._asked())
                kept.write_text(json.dumps(row["steps"]))
            rows[row["name"]] = row
        return rows

    def _asked(self) -> list:
        return [{"student": pair["teacher"]} for pair in self.cond]

    def _measured(self, recipe: Recipe, n: int, student: Denoiser, cond: list) -> Row:
        plan = plans.student_plan("student", recipe, n, off_recipe=True)
        return short(measure(plan, {"student": student}, cond, self.model, self.oracle, self.lines, self.seeds), self.reference)


def together(rows: list[Row]) -> Row:
    """The row of several training seeds: means, the FD of each as "fds", and accuracy over all their samples.

    The samples of one training seed have their student in common, so the interval is for these students, not for others.
    """
    if len(rows) == 1 or any("failed" in row for row in rows):
        return next((row for row in rows if "failed" in row), rows[0])
    steps: Row = {}
    for n in rows[0]["steps"]:
        cells = [row["steps"][n] for row in rows]
        fds, asked = [cell["fd"] for cell in cells], [cell["accuracy"]["n"] for cell in cells]
        right = sum(round(cell["accuracy"]["value"] * n) for cell, n in zip(cells, asked, strict=True))
        spread = sum(cell["spread"] for cell in cells) / len(cells)
        steps[n] = {"fd": round(sum(fds) / len(fds), 3), "fds": fds, "accuracy": wilson(right, sum(asked)).to_dict(),
                    "spread": round(spread, 4)}  # fmt: skip
    return {
        **rows[0],
        "seconds": round(sum(row["seconds"] for row in rows) / len(rows)),
        "training_seeds": len(rows),
        "steps": steps,
    }


def fd(row: Row, n: int) -> float:
    return float(row["steps"][str(n)]["fd"])


Check = tuple[str, Callable[[dict[str, Row], dict[int, float], Row], bool]]
# What must hold for the objective of a preset: rows by preset, the teacher's FD by steps, the teacher's rows.
# The ratios are those measured on another tiny world, with a margin of about 1.5.
ACCEPT: dict[str, list[Check]] = {
    "dmd2-one-step": [
        ("FD(1) < 0.5 FD_T(2)", lambda r, t, T: fd(r["dmd2-one-step"], 1) < 0.5 * t[2]),
        ("spread(1) ≥ 0.85 of the teacher's",
         lambda r, t, T: r["dmd2-one-step"]["steps"]["1"]["spread"] >= 0.85 * T["25"]["spread"]),
    ],
    "dmd2-noised-data": [("its FD(4) is over 4 × that with backward simulation",
                          lambda r, t, T: fd(r["dmd2-mild"], 4) < 0.25 * fd(r["dmd2-noised-data"], 4))],
    "lcm": [("FD(2) < 0.4 FD_T(2)", lambda r, t, T: fd(r["lcm"], 2) < 0.4 * t[2]),
            ("FD(1) < 0.15 FD_T(1)", lambda r, t, T: fd(r["lcm"], 1) < 0.15 * t[1])],
    "pcm": [("FD(4) < 0.8 FD_T(4)", lambda r, t, T: fd(r["pcm"], 4) < 0.8 * t[4]),
            ("FD(4) < 0.6 FD_LCM(4)", lambda r, t, T: fd(r["pcm"], 4) < 0.6 * fd(r["lcm"], 4))],
    "tdm": [("FD(4) < 2.5 FD_T(4)", lambda r, t, T: fd(r["tdm"], 4) < 2.5 * t[4]),
            ("FD(2) < 0.6 FD_T(2)", lambda r, t, T: fd(r["tdm"], 2) < 0.6 * t[2])],
    "sid": [("FD(1) < FD_T(2)", lambda r, t, T: fd(r["sid"], 1) < t[2])],
    "sim": [("FD(1) < FD_T(2)", lambda r, t, T: fd(r["sim"], 1) < t[2])],
    "progressive": [("FD(1) < 0.1 FD_T(1)", lambda r, t, T: fd(r["progressive"], 1) < 0.1 * t[1])],
}  # fmt: skip


def verdicts(rows: dict[str, Row], teacher: Row) -> list[tuple[str, str, str]]:
    """(preset, statement, holds / does not hold / not measured)"""
    t = {int(n): row["fd"] for n, row in teacher.items()}
    out = []
    for name, checks in ACCEPT.items():
        for words, check in checks:
            try:
                out.append((name, words, "holds" if check(rows, t, teacher) else "does not hold"))
            except KeyError:
                out.append((name, words, "not measured"))
    return out


def fd_text(cell: Row) -> str:
    """The mean over training seeds, and the least and largest where there are several."""
    fds = cell.get("fds", ())
    return f"{cell['fd']:.1f}" + (f" ({min(fds):.1f}–{max(fds):.1f})" if len(fds) > 1 else "")


def show(row: Row) -> None:
    if "failed" in row:
        print(f"{row['name']:18s} {row['failed']}", flush=True)
        return
    cells = [
        f"{n}{'' if int(n) in row['on_recipe'] else '*'}: FD {fd_text(s)} "
        f"acc {s['accuracy']['value']:.2f} spread {s['spread']:.2f}"
        for n, s in row["steps"].items()
    ]
    trained = f"{row['updates']} updates, {row['seconds']} s   " if row["updates"] else ""
    print(f"{row['name']:18s} {trained}" + "   ".join(cells), flush=True)


FAMILIES = {"trajectory": "Trajectory", "distribution": "Distribution", "plain": "Plain baselines"}


BEFORE = (
    "*Not remade since the oracle counts subjects and refuses spoilt pictures ([oracle](oracle.md)): these figures are not to be "
    "held against those of another table.*"
)


def table(measured: list[Path]) -> str:
    """docs/methods.md: the card of every objective, and what was measured of its presets."""
    out = [
        "# Distillation objectives",
        "",
        "Written by `python -m benchmarks.objectives --table docs/methods.md`. One file each in `studio/methods/distill/`, "
        "presets in `presets/distill/`.",
        "",
    ]
    for family, title in FAMILIES.items():
        out += [f"## {title}", "", "| name | objective | paper | status | good for | in two lines |", "|---|---|---|---|---|---|"]
        for name, cls in METHODS.all().items():
            c = cls.card
            if c.family == family:
                out.append(f"| `{name}` | {c.title} | {c.paper} | {c.status} | {c.good_for} | {c.how} |")
        out.append("")
    for path in measured:
        out += measured_table(json.loads(path.read_text()))
    return "\n".join(out)


def measured_table(data: dict) -> list[str]:
    """The rows of one size (steps on the recipe only), the teacher's first, and the verdicts."""
    out = [
        f"## Measured on {data['size']}",
        "",
        "FD-oracle against the guided teacher's own 25-step samples, accuracy with its Wilson interval, spread as the mean "
        "pairwise distance of oracle features inside a prompt. Seeds: of training; of several, FD is the mean and brackets hold "
        "the least and largest. Minutes a training on one core, which other work shared.",
        *([""] if "oracle" in data else ["", BEFORE, ""]),
        "| preset | steps | NFE | FD-oracle | accuracy | spread | seeds | updates | minutes |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [("teacher", n, row, " |  | ") for n, row in data["teacher"].items()]
    for name, student in data["students"].items():
        on = [str(n) for n in student.get("on_recipe", ())]
        of = student.get("of", student.get("updates"))
        trained = f"{student.get('training_seeds', 1) if of else ''} | "
        trained += f"{student.get('updates')}{f' of {of}' if of != student.get('updates') else ''}"
        trained += f" | {student.get('seconds', 0) / 60:.0f}" if student.get("seconds") else " | "
        rows += [(name, n, row, trained) for n, row in student.get("steps", {}).items() if n in on]
    for name, n, row, updates in rows:
        a = row["accuracy"]
        right = f"{a['value']:.3f} [{a['low']:.3f}–{a['high']:.3f}]"
        nfe = 2 * int(n) if name == "teacher" else int(n)  # only the teacher is guided by a second evaluation
        out.append(f"| {name} | {n} | {nfe} | {fd_text(row)} | {right} | {row['spread']:.2f} | {updates} |")
    if data["size"] != "nano":  # where the ratios were set
        return [*out, ""]
    found = verdicts(data["students"], data["teacher"])
    return [*out, "", *(f"- `{name}`: {words}: **{verdict}**." for name, words, verdict in found), ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="nano", choices=["nano", "pocket"])
    parser.add_argument("--assets", type=Path, default=Path("assets"))
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "distillation-studio" / "objectives")
    parser.add_argument("--only", nargs="*", help="presets, e.g. dmd2 lcm pcm")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--training-seeds", type=int, default=1, help="train every preset this often")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--share", type=float, default=1.0, help="train for this share of every preset's updates")
    parser.add_argument("--json", type=Path, help="also write all rows here")
    parser.add_argument("--table", type=Path, help="write this table and stop")
    o = parser.parse_args()
    if o.table:
        o.table.write_text(table(sorted((o.table.parent / "measured").glob("objectives-*.json"))))
        return
    bench = Bench(o.size, o.assets, o.work, o.prompts, o.seeds, o.device)
    print(f"{o.size}: {len(bench.lines)} prompts × {o.seeds} seeds; teacher at w = {bench.w:g} against itself at 25 steps:")
    for n, row in bench.teacher.items():
        print(f"  {n:>2s} steps: FD {row['fd']:.1f} acc {row['accuracy']['value']:.2f} spread {row['spread']:.2f}")
    names = o.only or sorted(path.stem.removeprefix(f"{o.size}-") for path in PRESETS.glob(f"{o.size}-*.yaml"))
    rows = {}
    for name in names:
        rows[name] = together([bench.student(name, seed, o.share) for seed in range(o.training_seeds)])
        show(rows[name])
    rows |= bench.shipped()
    for row in rows.values():
        if row["name"].endswith("shipped"):
            show(row)
    print("* off its recipe")
    for name, words, verdict in verdicts(rows, bench.teacher):
        if name in rows and o.size == "nano":
            print(f"{name:18s} {words:46s} {verdict}")
    if o.json:
        o.json.write_text(
            json.dumps({"size": o.size, "oracle": bench.oracle.key, "teacher": bench.teacher, "students": rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
