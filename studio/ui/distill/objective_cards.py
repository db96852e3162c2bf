"""The objectives as cards to choose from: by family, searchable, with what each is good for and its papers."""

from __future__ import annotations

import html
import re

import gradio as gr

from studio.core.files import Json
from studio.ui.kit import parts
from studio.ui.kit.scripts import mounted
from studio.ui.kit.theme import template

FAMILIES: dict[str, tuple[str, str]] = {
    "trajectory": ("Trajectory", "Follow the teacher's own path in fewer steps."),
    "distribution": ("Distribution", "Match what the teacher draws, not how it gets there."),
    "plain": ("Plain", "Baselines to beat."),
}
WAIT = "The objectives are being listed; this takes some seconds, once."


def objectives_html(value: Json) -> gr.HTML:
    """The objectives by family, searchable. value = {"families", "chosen", "wait"}. Triggers "pick" with {"name"}."""
    js, markup = mounted("distill/objectives", "pick"), template("distill/objectives")
    return gr.HTML(value, html_template=markup, js_on_load=js, apply_default_css=False, elem_id="objectives")


def families(catalogue: Json) -> list[Json]:
    """The objectives as cards, by family, in the families' order and by title within one."""
    found: dict[str, list[Json]] = {name: [] for name in FAMILIES}
    for name, entry in catalogue["distill"]["methods"].items():
        card = entry["card"]
        item = {key: card.get(key, "") for key in ("title", "how", "good_for", "status")}
        found.setdefault(card.get("family", ""), []).append(item | {"name": name, "papers": papers(card.get("paper", ""))})
    shown: list[Json] = []
    for family, items in found.items():
        title, note = FAMILIES.get(family, (family.capitalize() or "Other", ""))
        if items:
            shown.append({"title": title, "note": note, "items": sorted(items, key=_title)})
    return shown


def _title(item: Json) -> str:
    return str(item["title"]).lower()


def papers(cited: str) -> list[list[str]]:
    """[text, address] for every arXiv number of a card."""
    return [[f"arXiv {number}", f"https://arxiv.org/abs/{number}"] for number in re.findall(r"\d{4}\.\d{4,5}", cited)]


def about(entry: Json | None) -> str:
    """The chosen objective, above its settings."""
    if entry is None:
        return ""
    card = entry["card"]
    title = html.escape(card["title"])
    return f'<div class="chosen"><small>Objective</small><b>{title}</b>{parts.line(card.get("how", ""), "hint")}</div>'
