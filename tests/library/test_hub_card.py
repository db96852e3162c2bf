"""Cards for the Hub, read by the Hub's own client: what is known stands in the front matter, and what is not is asked for."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from huggingface_hub import ModelCard

from studio.jobs.paths import Paths
from studio.library import hub_card
from studio.library.adapters import AdapterEntry, load_adapters
from studio.library.models import load_registry
from studio.library.source import Source

SLIDER = "nano/size"


def test_a_student_says_what_it_is_how_to_draw_and_what_was_measured(tmp_path: Path) -> None:
    registry = load_registry(Paths(tmp_path))
    text = hub_card.of_model(registry.get("pocket/dmd2"), registry, "apache-2.0", "ada/pocket-teacher")
    card = ModelCard(text)
    assert (card.data.license, card.data.base_model, card.data.library_name) == ("apache-2.0", "ada/pocket-teacher", "diffusers")
    assert card.data.pipeline_tag == "text-to-image" and "distillation" in card.data.tags
    assert "DiffusionPipeline.from_pretrained" in card.text and "| accuracy | 0.857 | 0.824 to 0.885 | 512 |" in card.text
    assert card.text.count("# DMD2 student of pocket/teacher") == 1 and "Before you upload" not in text
    asked = hub_card.of_model(registry.get("pocket/dmd2"), registry)
    assert "Before you upload this: the repository of its base (`base_model`)" in asked
    own = replace(registry.get("pocket/dmd2"), card={})
    assert "its licence (`license`) and the repository of its base (`base_model`)" in hub_card.of_model(own, registry)
    assert ModelCard(asked).data.base_model is None


def test_a_base_that_is_on_the_hub_is_named_and_a_card_of_a_card_is_the_same(tmp_path: Path) -> None:
    registry = load_registry(Paths(tmp_path))
    teacher, student = registry.get("nano/teacher"), registry.get("nano/dmd2")
    registry.entries["nano/teacher"] = replace(teacher, source=Source(hub="ada/nano"))
    folder = shutil.copytree(student.folder, tmp_path / "student")
    student = replace(student, folder=folder)
    text = hub_card.of_model(student, registry, "mit")
    assert ModelCard(text).data.base_model == "ada/nano"
    (folder / hub_card.README).write_text(text)
    assert hub_card.of_model(student, registry, "mit") == text


def test_an_adapter_names_its_words_its_strength_and_its_figures(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    registry, entry = load_registry(paths), load_adapters(paths).get(SLIDER)
    card = ModelCard(hub_card.of_adapter(replace(entry, words=("<thing>",)), registry, "mit", "ada/nano"))
    assert (card.data.base_model, card.data.base_model_relation) == ("ada/nano", "adapter") and "lora" in card.data.tags
    assert card.data.license == "mit" and ModelCard(hub_card.of_adapter(entry, registry)).data.license == "apache-2.0"
    assert 'load_lora_weights("your-name/of-this", weight_name="adapter.safetensors")' in card.text
    assert f'"scale": {entry.calibration:.4g}' in card.text and "`<thing>`" in card.text
    assert "| models · nano/dmd2 · slope | 0.0151 | 0.0141 to 0.0162 | 192 |" in card.text


def test_a_card_of_odd_figures_is_a_card(tmp_path: Path) -> None:
    measured = {"a|b": {"value": 1, "low": None, "high": None, "n": 0}, "none": {"value": None}, "is": {"value": True},
                "many": {str(i): {"value": i, "low": i, "high": i, "n": 1} for i in range(99)}}  # fmt: skip
    entry = AdapterEntry("mine/odd", "Odd", tmp_path, card={"measured": measured, "method": 3})
    text = hub_card.of_adapter(entry, load_registry(Paths(tmp_path)))
    assert "| a/b | 1 |  |  |" in text and "40 more are in `card.json`." in text and json.dumps("Odd")[1:-1] in text
    assert "pipeline_tag" not in text, "nothing is known of its samples"
    assert "Nothing was measured yet." in hub_card.of_adapter(replace(entry, card={}), load_registry(Paths(tmp_path)))
