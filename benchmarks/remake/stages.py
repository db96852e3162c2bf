"""The chain as data: what every stage reads, what it writes, and the commands that make the one from the other.

Paths are relative to the repository, or to the folder of rendered scenes and checkpoints where they begin with "work/". Code is
read as what it means: comments, layout and docstrings do not make a stage stale. A stage follows the stages that write what
it reads.
"""

from __future__ import annotations

from dataclasses import dataclass

WORLD = ("captions", "dataset", "render", "scene", "shapes")
SIZES = ("pocket", "nano")
STUDENTS = ("dmd2", "lcm", "dmd2-one-step")
SHIPPED = ("dmd2", "lcm")  # what adapters, cards and studies are made and measured on
NEVER_SAW = {"pocket": ("subject=cat",), "nano": ("subject=cat", "place=snow")}  # the controls of unlearning
SLIDERS = {"pocket": ("clutter", "horizon", "size", "snow", "time-of-day", "warmth"), "nano": ("size",)}
SMALLER = {"snow": ("--rank", "3"), "time-of-day": ("--rank", "3")}  # the others keep 98 % of their squared change
CONTROLNETS = {"pocket": ("layout",), "nano": ("edges", "layout")}
STUDIES = (
    "headline", "headline-again", "k-sweep", "position-sweep", "masks", "handover", "base-guidance", "commitment", "fork",
    "arena", "transfer",
)  # fmt: skip
KEPT_AS = {name: f"pocket-dmd2-k-sweep-{name}" for name in ("headline", "headline-again")}  # a named study keeps its name
PRETRAIN = ("studio.capabilities.pretrain",)


@dataclass(frozen=True)
class Stage:
    """commands: arguments of `python -m`; {device}, {work} and {data} are filled in. reads, writes: files or folders.

    gpu: whether the commands take another device than the CPU; on_gpu: arguments that the first command gets there besides.
    about: one line for people.
    """

    name: str
    about: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]
    gpu: bool = False
    on_gpu: tuple[str, ...] = ()


def _world(*more: str) -> tuple[str, ...]:
    return (*(f"studio/domains/pocket/{name}.py" for name in WORLD), "studio/domains/pocket/pretrain/sizes.py", *more)


def _pretrain(command: str, size: str, *more: str) -> tuple[str, ...]:
    return (*PRETRAIN, command, *more, "--size", size, "--device", "{device}", "--work", "{work}")


def _models(size: str) -> list[Stage]:
    assets, own = f"assets/{size}", f"work/{size}"
    code = "studio/domains/pocket/pretrain"
    stages = [
        Stage(f"{size}/autoencoder", "pictures to latents and back", _world(f"{code}/autoencoder.py"), (f"{own}/vae",),
              (_pretrain("autoencoder", size),), gpu=True),
        Stage(f"{size}/oracle", "the reader of factors, count and gate",
              _world("studio/domains/pocket/oracle.py", "studio/domains/pocket/spoils", f"{code}/oracle.py",
                     f"{code}/oracle_report.py", f"{own}/vae"),
              (f"{assets}/oracle",), (_pretrain("oracle", size),), gpu=True),
        Stage(f"{size}/teacher", "the many-step model", _world(f"{code}/denoising.py", f"{code}/assemble.py", f"{own}/vae"),
              (f"{assets}/teacher/unet", f"{assets}/teacher/text_encoder", f"{assets}/teacher/vae"),
              (_pretrain("teacher", size),), gpu=True, on_gpu=("--minutes", "10", "--set", "batch=256")),
    ]  # fmt: skip
    for name in STUDENTS:
        objective = name.partition("-")[0]
        stages.append(
            Stage(f"{size}/{name}", f"four steps, presets/distill/{size}-{name}.yaml",
                  (f"{assets}/teacher/unet", f"{assets}/teacher/text_encoder", f"presets/distill/{size}-{name}.yaml",
                   f"studio/methods/distill/{objective}.py"),
                  (f"{assets}/{name}/unet", f"{assets}/{name}/recipe.json"), (_pretrain("student", size, name),), gpu=True)
        )  # fmt: skip
    for concept in NEVER_SAW[size]:
        name = f"without-{concept.partition('=')[2]}"
        stages.append(
            Stage(f"{size}/{name}", f"a teacher from scratch that never saw {concept}",
                  _world(f"{code}/denoising.py", f"{code}/assemble.py", f"{own}/vae"),
                  (f"{assets}/{name}/unet", f"{assets}/{name}/text_encoder"),
                  (_pretrain("teacher", size, "--without", concept),), gpu=True, on_gpu=("--minutes", "10", "--set", "batch=256"))
        )  # fmt: skip
        stages.append(
            Stage(f"{size}/{name}-dmd2", f"its student, which never saw {concept} either",
                  (f"{assets}/{name}/unet", f"{assets}/{name}/text_encoder", f"presets/distill/{size}-dmd2.yaml",
                   "studio/methods/distill/dmd2.py"),
                  (f"{assets}/{name}-dmd2/unet", f"{assets}/{name}-dmd2/recipe.json"),
                  (_pretrain("student", size, "dmd2", "--without", concept),), gpu=True)
        )  # fmt: skip
    return stages


def _jobs(size: str) -> list[Stage]:
    """What is trained as the studio trains it for anybody, and then made small enough to ship."""
    assets = f"assets/{size}"
    models = (f"{assets}/oracle/oracle.safetensors", *(f"{assets}/{m}/unet" for m in ("teacher", *SHIPPED)))
    stages = []
    for name in SLIDERS[size]:
        spec, target = f"presets/jobs/sliders/{size}-{name}.yaml", f"{assets}/adapters/{name}"
        small = SMALLER.get(name, ("--keep", "0.98"))
        stages.append(
            Stage(f"{size}/slider-{name}", spec, (*models, spec), (target,),
                  (("studio", "jobs", "run", spec, "--data-dir", "{data}", "--device", "{device}"),
                   ("benchmarks.remake.ship", "adapter", f"{size}-{name}", target, *small, "--data-dir", "{data}")), gpu=True)
        )  # fmt: skip
    for name in CONTROLNETS[size]:
        spec, target = f"presets/jobs/controlnets/{size}-{name}.yaml", f"{assets}/controlnets/{name}"
        stages.append(
            Stage(f"{size}/controlnet-{name}", spec, (*models, spec), (target,),
                  (("studio", "jobs", "run", spec, "--data-dir", "{data}", "--device", "{device}"),
                   ("benchmarks.remake.ship", "controlnet", f"{size}-{name}", target, "--data-dir", "{data}")), gpu=True)
        )  # fmt: skip
    return stages


def _measured() -> list[Stage]:
    """Figures, tables and pages."""
    stages = [
        Stage(f"{size}/cards", "accuracy and FD-oracle of every model, in its card",
              (f"assets/{size}/oracle/oracle.safetensors", *(f"assets/{size}/{m}/unet" for m in ("teacher", *SHIPPED)),
               "benchmarks/report.py"),
              tuple(f"assets/{size}/{m}/card.json" for m in ("teacher", *SHIPPED)),
              (("benchmarks.report", "--size", size, "--write"),))
        for size in SIZES
    ]  # fmt: skip
    models = ("assets/pocket/oracle/oracle.safetensors", *(f"assets/pocket/{m}/unet" for m in ("teacher", *SHIPPED)))
    for study in STUDIES:
        spec = f"presets/studies/pocket-{study}.yaml"
        adapters = ("assets/pocket/adapters",) if study == "transfer" else ()
        kept = KEPT_AS.get(study, f"pocket-dmd2-{study}")
        stages.append(
            Stage(f"study/{study}", spec, (*models, *adapters, spec), (f"docs/measured/studies/{kept}.json",),
                  (("studio", "jobs", "run", spec, "--data-dir", "{data}", "--device", "{device}"),
                   ("benchmarks.findings", "--keep", "--data-dir", "{data}")), gpu=True)
        )  # fmt: skip
    stages += [
        Stage("objectives/nano", "every objective on nano with three training seeds, hours",
              ("assets/nano/teacher/unet", "assets/nano/oracle/oracle.safetensors", "presets/distill", "studio/methods/distill"),
              ("docs/measured/objectives-nano.json",),
              (("benchmarks.objectives", "--size", "nano", "--training-seeds", "3", "--device", "{device}",
                "--work", "{work}/objectives", "--json", "docs/measured/objectives-nano.json"),), gpu=True),
        Stage("objectives/pocket", "every objective on pocket, a day of a core",
              ("assets/pocket/teacher/unet", "assets/pocket/oracle/oracle.safetensors", "presets/distill",
               "studio/methods/distill"), ("docs/measured/objectives-pocket.json",),
              (("benchmarks.objectives", "--size", "pocket", "--prompts", "32", "--device", "{device}",
                "--work", "{work}/objectives", "--json", "docs/measured/objectives-pocket.json"),), gpu=True),
        *(
            Stage(f"measured/{name}", about, ("assets/nano", f"studio/methods/{folder}", f"benchmarks/{name}.py"),
                  (f"docs/measured/{name}.json", f"docs/{page}.md"), ((f"benchmarks.{name}", "--data-dir", "{data}"),))
            for name, folder, page, about in (
                ("personalize", "personalize", "personalize", "methods of personalization, hours of a core"),
                ("unlearning", "unlearn", "unlearning", "methods of unlearning, up to eight hours of a core"),
            )
        ),
        Stage("docs/methods", "the table of objectives", ("docs/measured/objectives-nano.json",
              "docs/measured/objectives-pocket.json"), ("docs/methods.md",),
              (("benchmarks.objectives", "--table", "docs/methods.md"),)),
        Stage("docs/oracle", "what the oracles let through", tuple(f"assets/{size}/oracle/card.json" for size in SIZES),
              ("docs/oracle.md",), (("benchmarks.oracle",),)),
        Stage("shipped/studies", "studies that the Lab shows from the start", ("docs/measured/studies",),
              ("assets/shipped/studies",), (("benchmarks.shipped", "studies"),)),
        Stage("shipped/example", "the finished comparison of the tour", models, ("assets/shipped/example",),
              (("studio", "compare", "a red house at night", "--seeds", "16", "--arms", "teacher,student,hybrid-1",
                "--data-dir", "{data}"), ("benchmarks.shipped", "example", "--data-dir", "{data}"))),
        Stage("shipped/figures", "rows of the leaderboards",
              ("presets/jobs/measure", *(f"assets/{size}/{m}/unet" for size in SIZES for m in ("teacher", *SHIPPED))),
              ("assets/shipped/figures",),
              (*(("studio", "jobs", "run", f"presets/jobs/measure/{size}.yaml", "--data-dir", "{data}", "--device", "{device}")
                 for size in SIZES), ("benchmarks.shipped", "figures", "--data-dir", "{data}")), gpu=True),
        Stage("docs/findings", "what holds", ("docs/measured/studies", "docs/measured/notes.md"), ("docs/findings.md",),
              (("benchmarks.findings",),)),
    ]  # fmt: skip
    return stages


CHAIN: tuple[Stage, ...] = tuple(
    [stage for size in SIZES for stage in _models(size)] + [stage for size in SIZES for stage in _jobs(size)] + _measured()
)
