"""README.md of a student or an adapter as the Hugging Face Hub reads it: what it is of, how it was taught, what was measured.

The front matter is the Hub's (licence, base_model, base_model_relation, library_name, pipeline_tag, tags); what is not known is
left out of it, and a sentence says what to fill in. No torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from studio.core.files import Json
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.library.adapters import FILE, AdapterEntry
from studio.library.models import ModelEntry, Registry

README = "README.md"
MOST_ROWS = 60  # of the table of figures
DEEP = 5  # levels of a card that are searched for figures
TOLD = ("method", "objective", "steps", "seed", "created")
HERE = "your-name/of-the-base"  # where the base is no model of the Hub


def of_model(entry: ModelEntry, registry: Registry, licence: str = "", base: str = "") -> str:
    """licence: as the Hub writes it (apache-2.0, openrail++), where the model's own is not known. base: repository of the model
    it was taught by, owner/name, where its entry does not say it."""
    teacher = registry.entries.get(entry.teacher or "")
    of = base or _hub(teacher)
    tags = ["distillation"] if entry.role == "student" else []
    front = _front(entry, licence or str(entry.card.get("licence") or ""), of, "finetune", tags)
    body = _body(entry.folder / README) or f"# {entry.card.get('what') or entry.title}\n\n{entry.summary}\n"
    return _joined(front, body, _taught(entry.card), _figures(entry.card), _open(front, of or not entry.teacher))


def of_adapter(entry: AdapterEntry, registry: Registry, licence: str = "", base: str = "", file: str = FILE) -> str:
    """The same of an adapter. file: the name under which it is uploaded."""
    of = base or _hub(registry.entries.get(entry.base))
    licence = licence or str(entry.card.get("licence") or "")
    front = _front(entry, licence, of, "adapter", ["lora", *([str(entry.card["kind"])] if entry.card.get("kind") else [])])
    title, note = entry.card.get("title") or entry.title, str(entry.card.get("note") or "")
    lines = [f"# {title}", "", f"An adapter for `{of or entry.base}`, by {entry.card.get('method') or 'an unknown method'}.", ""]
    lines += ["```python", "import diffusers", "", f'pipe = diffusers.DiffusionPipeline.from_pretrained("{of or HERE}")']
    lines += [f'pipe.load_lora_weights("your-name/of-this", weight_name="{file}")']
    lines += [f'pipe("{" ".join(entry.words) or "…"}", cross_attention_kwargs={{"scale": {entry.calibration:.4g}}})', "```", ""]
    lines += [f"Words that it brings: {', '.join(f'`{word}`' for word in entry.words)}.", ""] if entry.words else []
    lines += [note, ""] if note else []
    return _joined(front, "\n".join(lines), _taught(entry.card), _figures(entry.card), _open(front, of))


def _front(entry: ModelEntry | AdapterEntry, licence: str, base: str, relation: str, tags: list[str]) -> Json:
    domain = domain_of(entry.domain) if entry.domain else None
    pictures = domain is not None and medium_of(domain).pictures
    found: Json = {"license": licence} if licence else {}
    found |= {"library_name": "diffusers"} | ({"pipeline_tag": "text-to-image"} if pictures else {})
    found |= {"base_model": base, "base_model_relation": relation} if base else {}
    return found | {"tags": [*tags, "distillation-studio"]}


def _hub(entry: ModelEntry | None) -> str:
    """The repository of a model's source, "" where it has none on the Hub."""
    return str(entry.source.hub or "") if entry is not None and entry.source is not None else ""


def _body(readme: Path) -> str:
    """What a README says below its front matter; "" where there is none."""
    try:
        text = readme.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    if text.startswith("---\n"):
        text = text.partition("\n---\n")[2]
    return text.partition("\n## How it was taught\n")[0].strip() + "\n"


def _taught(card: Mapping[str, object]) -> str:
    told = {name: card[name] for name in TOLD if isinstance(card.get(name), (str, int, float)) and card[name] != ""}
    settings = card.get("settings") or (card["method"] if isinstance(card.get("method"), dict) else None)
    if isinstance(settings, dict) and settings:
        told["settings"] = settings
    if not told:
        return ""
    return f"## How it was taught\n\n```yaml\n{yaml.safe_dump(told, sort_keys=False, allow_unicode=True)}```\n"


def _figures(card: Mapping[str, object]) -> str:
    """Every interval of the card, a row each, named by where it stands."""
    rows = list(_intervals(card.get("measured"), ()))
    if not rows:
        return "## Measured\n\nNothing was measured yet.\n"
    lines = ["## Measured", "", "In Distillation Studio, with 95 % intervals.", ""]
    lines += ["| figure | value | interval | n |", "|---|---|---|---|"]
    for where, one in rows[:MOST_ROWS]:
        low, high = one.get("low"), one.get("high")
        ends = f"{low:.3g} to {high:.3g}" if isinstance(low, (int, float)) and isinstance(high, (int, float)) else ""
        lines.append(f"| {' · '.join(where)} | {one['value']:.3g} | {ends} | {one.get('n') or ''} |")
    lines += ["", f"{len(rows) - MOST_ROWS} more are in `card.json`."] if len(rows) > MOST_ROWS else []
    return "\n".join(lines) + "\n"


def _intervals(found: object, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    if not isinstance(found, dict) or len(where) > DEEP:
        return
    if "value" in found:
        if isinstance(found["value"], (int, float)) and not isinstance(found["value"], bool):
            yield where or ("",), found
        return
    for name, one in found.items():
        yield from _intervals(one, (*where, str(name).replace("|", "/").replace("_", " ")))


def _open(front: Json, of: object) -> str:
    """What is to be filled in before it is uploaded."""
    lacks = [] if "license" in front else ["its licence (`license`)"]
    lacks += [] if of else ["the repository of its base (`base_model`)"]
    return f"<!-- Before you upload this: {' and '.join(lacks)}, at the top. -->\n" if lacks else ""


def _joined(front: Json, *parts: str) -> str:
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n" + "\n".join(part for part in parts if part)
