"""Every label of the page is explained or plain, every explanation short, and the page of the documentation in date."""

from __future__ import annotations

import re

import gradio as gr
import pytest
from gradio.components.api_component import Api

from studio.jobs.jobs import Jobs
from studio.jobs.paths import ROOT
from studio.library.models import load_registry
from studio.ui.app import build
from studio.ui.compare.components import figures_of
from studio.ui.control.view import HEADS
from studio.ui.kit import glossary
from studio.ui.kit.glossary import TERMS, Term
from studio.ui.lab import result
from tests.support import lab_data

PLAIN = {
    "Prompt", "Prompts", "Words the models know", "Advanced", "What it moves", "Taught from", "Training steps", "Name", "Weight",
    "Less, in words", "More, in words", "Leave apart", "Folder of pairs, in uploads", "Behind these prompts", "Layout",
    "The file is for", "On the model", "Name of the new model", "Preset", "Start from", "Show every step while drawing",
    "Without prompts, settings and date", "Layout of the prompt's scene with this seed", "Save as a new model", "1st",
    "Size", "More to draw with", "Take its", "Take its (2)", "Take its (3)", "from", "from (2)", "from (3)",
    "More that all cells have", "Values of X", "Values of Y", "Values of Z",
}  # fmt: skip
PLAIN_HEADS = {
    "seconds per image", "position", "main effect", "alone", "last", "cannot be told from it", "surely beats all cheaper", "what",
    "thing", "steps", "what the end shows", "factor", "half decided after", "prompt", "model",
}  # fmt: skip


def explained(label: str) -> Term | None:
    """As `termIn` of assets/ui/kit/glossary.js finds it."""
    words = re.sub(r"[^\w\u0300-\u036f±=%₀-]+", " ", label.lower())
    text = f" {words} "
    found = [(len(form), term) for term in TERMS for form in term.forms if f" {form} " in text]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def test_every_field_of_the_page_is_explained_or_plain(jobs: Jobs) -> None:
    shown = [block for block in build(jobs).blocks.values() if getattr(block, "visible", True) is True]
    labels = {block.label for block in shown if isinstance(block, gr.components.Component | gr.Accordion) and block.label}
    labels -= {block.label for block in shown if isinstance(block, Api)}  # arguments of endpoints, which nobody sees
    labels -= {block.label for block in shown if isinstance(block, gr.UploadButton | gr.Button)}
    assert {label for label in labels if explained(label) is None} - PLAIN == set()
    assert explained("Teacher guidance") is not explained("Teacher steps")


@pytest.mark.parametrize("study", ["k-sweep", "masks", "handover", "fork"])
def test_every_head_of_a_table_is_explained_or_plain(study: str, jobs: Jobs) -> None:
    made = lab_data.result(study, load_registry(jobs.paths))
    heads = {head for table in result.tables(made) for head in table["heads"]} | {*HEADS, *figures_of([]).heads}
    heads = {head for head in heads if not head.startswith("after ")}
    assert {head for head in heads if explained(head) is None} - PLAIN_HEADS == set()


@pytest.mark.parametrize("term", TERMS, ids=[term.name for term in TERMS])
def test_an_explanation_is_one_or_two_sentences(term: Term) -> None:
    assert term.text.endswith(".") and "\n" not in term.text
    assert 1 <= len(re.findall(r"[.!?](?= [A-Z0-9]|$)", term.text)) <= 2
    assert len(term.text) <= 240
    assert all(form == form.lower() for form in term.forms)


def test_a_word_means_one_term() -> None:
    forms = [form for term in TERMS for form in term.forms]
    assert len(forms) == len(set(forms))


def test_the_page_of_the_documentation_is_in_date() -> None:
    assert (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8") == glossary.document()
