"""The page of published models, from the files of `presets/models/published`.

    python -m benchmarks.published --table docs/published.md

A file begins with comments: names of sources, each behind three spaces, and a line that says what to expect. The comment
behind a value begins with the name of the source it was read in, with "ours" where it was chosen here, or with what is unread.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from studio.core.files import Json
from studio.jobs.paths import PRESETS

FOLDER = PRESETS / "models" / "published"
COMMAND = "python -m benchmarks.published --table docs/published.md"
_SOURCE = re.compile(r"#   (\w+): (.+)")
_EXPECT = "# Expect: "
FORMS = {"pipeline": "pipeline", "network": "network on", "lora": "LoRA on"}


@dataclass(frozen=True)
class Published:
    """One file. sources: name of a source -> what it is. expect: what the card or paper says, "" of a teacher."""

    path: Path
    about: Json
    sources: dict[str, str]
    expect: str

    @property
    def unread(self) -> list[str]:
        """What the comments behind its values call unread, by the fields' names."""
        named = ("commit" if field == "revision" else field for field, _, said in lines(self.path) if "unread" in said)
        return list(dict.fromkeys(named))


def published() -> list[Published]:
    """All of them, teachers before their students."""
    found = [read(path) for path in sorted(FOLDER.glob("*.yaml"))]
    return sorted(found, key=lambda one: int(one.about["order"]))


def read(path: Path) -> Published:
    """The file with what its first comments say."""
    text = path.read_text(encoding="utf-8")
    sources = dict(match.groups() for line in text.splitlines() if (match := _SOURCE.fullmatch(line)))
    expect = next((line.removeprefix(_EXPECT) for line in text.splitlines() if line.startswith(_EXPECT)), "")
    return Published(path, yaml.safe_load(text), sources, expect)


def lines(path: Path) -> Iterator[tuple[str, str, str]]:
    """(field, value as it is written, comment behind it) of every line that holds a value."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or line.rstrip().endswith(":"):
            continue
        field, _, rest = line.strip().partition(":")
        value, _, said = rest.partition("  # ")
        yield field, value.strip(), said.strip()


def page(found: list[Published]) -> str:
    """All of `docs/published.md`."""
    return "\n".join([*HEAD, *table(found), "", *pairs(found), *TAIL, ""])


def table(found: list[Published]) -> list[str]:
    """A row a model."""
    out = ["| id | what | steps | rule | guidance | pixels | licence | form | unread |", "|---|---|---|---|---|---|---|---|---|"]
    for one in found:
        about, source = one.about, one.about["source"]
        how = about.get("recipe") or about["sampling"]
        eta = f", η = {how['eta']:g}" if "eta" in how else ""
        guidance = f"{how['guidance']:g}" if how["guidance"] != 1 else "none"
        if about["embedded_guidance"] is not None:
            guidance = f"{about['embedded_guidance']:g}, an input"
        form = f"{FORMS[source['holds']]} {source.get('base', '')}".strip()
        title = f"[{about['title']}](https://huggingface.co/{source['hub']})"
        cells = [f"`{about['id']}`", title, steps(about), f"{how['rule']}{eta}", guidance, about["size"],
                 source["licence"] or "–", form, ", ".join(one.unread) or "–"]  # fmt: skip
        out.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return out


def steps(about: Json) -> str:
    """Step counts that are on the recipe, with the first time of the grid where it is not the last trained one."""
    if "recipe" not in about:
        return str(about["sampling"]["steps"])
    recipe = about["recipe"]
    valid, first = sorted(recipe["valid_steps"]), float(recipe["timesteps"][0])
    said = str(valid[0]) if len(valid) == 1 else f"{valid[0]} to {valid[-1]}"
    return said if first >= 999 else f"{said}, from t = {first:g}"


def pairs(found: list[Published]) -> list[str]:
    """A line a pair: what its card or paper says to expect."""
    out = ["## What to expect", ""]
    return out + [f"- `{one.about['teacher']}` and `{one.about['id']}`: {one.expect}" for one in found if one.expect] + [""]


HEAD = [
    "# Published models",
    "",
    f"Written by `{COMMAND}` from the files in `presets/models/published/`, where every value has the source it was read in "
    "behind it. Nothing is from memory: what was not read is null and marked unread, in the file and here. No weights of "
    "them were opened here; what they should draw is what their cards and papers say.",
    "",
    "Steps of a student are those it was trained for; each count has its own grid in the file, computed as the scheduler that "
    "its card names computes it. Guidance none is a scale of 1, which cards write as `guidance_scale=0`.",
    "",
]
TAIL = [
    "## What is not listed",
    "",
    "- **DMD2, one step.** Its weights are `.bin` files, which are pickles; its repository has no `.safetensors` of them "
    "([models](models.md) says how to convert one that you trust). Its card and code ask it once, at t = 399, without guidance.",
    "",
    "## Where a plan differs from the card's scheduler",
    "",
    "- DDIM and TCD schedulers of Stable Diffusion land on t = 0, where σ is still 0.029; plans land on clean data.",
    "- Trailing Euler pipelines begin with σ·z, which is 0.998 z at t = 999; plans begin with z.",
    "",
    "All else is equal within 1e-4 for every student and every number of steps, in `tests/library/test_published.py`.",
]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the page of published models")
    parser.add_argument("--table", type=Path, required=True, help="the page to write")
    parser.parse_args().table.write_text(page(published()), encoding="utf-8")


if __name__ == "__main__":
    main()
