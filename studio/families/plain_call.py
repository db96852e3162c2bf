"""What a stranger types: a folder's scheduler, the call that draws as its recipe says, and the README that shows both.

Steps and guidance are arguments of diffusers' pipelines, not part of a folder, and their defaults (50 steps, guidance 7.5) are
wrong for every few-step student. A scheduler decides which timesteps "4 steps" are, and not every grid can be put into its
configuration: then the call names the timesteps.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.files import Json, read_json
from studio.core.recipe import FILE_NAME, Recipe

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
    from diffusers.schedulers.scheduling_lcm import LCMScheduler
    from diffusers.schedulers.scheduling_tcd import TCDScheduler

    Scheduler = DDIMScheduler | EulerDiscreteScheduler | LCMScheduler | TCDScheduler

TEACHER_STEPS = 25
LCM_SKIPS = (50, 100, 125, 200, 250, 500, 1000)  # original_inference_steps; 50 and more, so that diffusers' default call works
SPACINGS = ("trailing", "leading", "linspace")


def scheduler_for(process: Json, rule: str, timesteps: tuple[float, ...]) -> Scheduler:
    """A diffusers scheduler that takes the steps of `rule`, on the grid `timesteps` where its configuration can say so.

    steps_offset is 1 because diffusers' pipelines ask for it; it moves "leading" grids alone.

    process: num_train_timesteps, beta_start, beta_end, beta_schedule, prediction_type, as far as they are known.
    """
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
    from diffusers.schedulers.scheduling_lcm import LCMScheduler
    from diffusers.schedulers.scheduling_tcd import TCDScheduler

    made: list[Scheduler]
    if rule in ("lcm", "tcd"):
        cls = LCMScheduler if rule == "lcm" else TCDScheduler
        made = [cls(**process, original_inference_steps=n, set_alpha_to_one=True, steps_offset=1) for n in LCM_SKIPS]
    else:
        how = {"clip_sample": False, "set_alpha_to_one": True, "steps_offset": 1}
        # DDIM takes no timesteps from a caller, Euler does, and without noise the two take the same steps
        made = [DDIMScheduler(**process, **how, timestep_spacing=s) for s in SPACINGS]
        made.append(EulerDiscreteScheduler(**process, timestep_spacing="trailing"))
        if _on(made[0], timesteps) or rule == "euler-ancestral":
            return made[0]
        return next((s for s in made if _on(s, timesteps)), made[-1])
    return next((s for s in made if _on(s, timesteps)), made[0])


def _on(scheduler: Scheduler, timesteps: tuple[float, ...]) -> bool:
    """Whether asking for as many steps gives these timesteps."""
    scheduler.set_timesteps(len(timesteps))
    there: list[float] = [float(t) for t in scheduler.timesteps.tolist()]
    return there == [float(t) for t in timesteps]


def plain_call(folder: Path) -> Json:
    """Arguments of `pipe(prompt, ...)` with which plain diffusers draws as this studio does."""
    import diffusers

    card = read_json(folder / "card.json") or {}
    if not (folder / FILE_NAME).is_file():
        return {"num_inference_steps": TEACHER_STEPS, "guidance_scale": float(card.get("default_guidance", 7.5))}
    recipe = Recipe.load(folder)
    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    scheduler = getattr(diffusers, config["_class_name"]).from_config(config)
    grid = recipe.timesteps
    call: Json = {"num_inference_steps": len(grid)} if _on(scheduler, grid) else {"timesteps": [round(t) for t in grid]}
    call["guidance_scale"] = float(card.get("embedded_guidance", recipe.guidance))
    if recipe.eta is not None:
        call["eta"] = recipe.eta
    return call


def write_readme(folder: Path, prompt: str, call: Json | None = None, without: Sequence[str] = (), lora: str = "") -> None:
    """README.md of a model's folder: what it is, from its card, and the lines that draw `prompt` in plain diffusers.

    call: the arguments for that, by default those of `plain_call`. without: parts that it leaves empty, which diffusers must be
    told. lora: the folder in it of one that the pipeline must wear, "" for none.
    """
    card = read_json(folder / "card.json") or {}
    asked = (plain_call(folder) if call is None else call).items()
    call_text = ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in asked)
    recipe = Recipe.load(folder) if (folder / FILE_NAME).is_file() else None
    tags = ["distillation"] if recipe else []
    lines = ["---", *([f"license: {card['licence']}"] if card.get("licence") else []), "library_name: diffusers"]
    lines += ["pipeline_tag: text-to-image", *(f"tags: [{t}]" for t in tags), "---", ""]
    lines += [f"# {card.get('what', folder.name)}", "", "```python", "import diffusers", ""]
    empty = "".join(f", {part}=None" for part in without)
    lines += [f'pipe = diffusers.DiffusionPipeline.from_pretrained("{folder.name}"{empty})  # this folder']
    lines += [f'pipe.load_lora_weights("{folder.name}/{lora}")'] if lora else []
    lines += [f'pipe("{prompt}", {call_text}).images[0].save("picture.png")', "```", ""]
    if recipe:
        grid = ", ".join(f"{t:g}" for t in recipe.timesteps)
        lines.append(
            f"A few-step student of `{recipe.teacher}`, taught at the timesteps {grid}. diffusers' own defaults of "
            "steps and guidance are not its recipe and spoil its pictures. `recipe.json` says the same to programs.\n"
        )
    (folder / "README.md").write_text("\n".join(lines))
