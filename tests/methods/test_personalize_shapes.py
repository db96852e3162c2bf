"""Every method of personalization on models of the shapes of SD 1.5 and SDXL: a step, a file, the file again, and gone again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studio.capabilities.personalize.measure import Worn
from studio.core.domain import told
from studio.core.edit import EditCard
from studio.core.method import Streams
from studio.core.rng import generator, randn
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains import domain_of
from studio.families import open_model
from studio.methods.personalize import PERSONALIZE
from studio.sampling.plan import student_plan, teacher_plan
from studio.workshop.material.untouched import UntouchedModel
from studio.workshop.material.untouched_student import TeacherAtHand, UntouchedStudent
from studio.workshop.material.words import Pictured
from studio.workshop.projection import noise_of
from tests.support.edits import equal, farthest, outputs

WORD = "<mine>"
METHODS = sorted(PERSONALIZE.all())


def at_hand(student: Any, folder: Path) -> TeacherAtHand:
    teacher = open_model(Path(student.folder).parent / "teacher", "tiny/teacher")
    return TeacherAtHand(teacher, folder, teacher_plan("tiny/teacher", (999.0, 499.0)), WORD, 2)


def taught(model: Any, name: str, folder: Path) -> Worn:
    """After two steps; what it learned as a file will hold it."""
    world = domain_of("image")
    plan = teacher_plan("tiny", (999.0, 499.0)) if model.recipe is None else student_plan("tiny", model.recipe)
    said, worded = told(["a b", "a b", "c", "d e"]), told([f"a {WORD}"] * 2)
    kept = (model, world, plan, said, worded, folder, lambda done, total: None, lambda: None)
    untouched = UntouchedModel(*kept) if model.recipe is None else UntouchedStudent(*kept, lambda: at_hand(model, folder), said)
    noise, reader = noise_of(world, model.shape), model.new_word(WORD, 2)
    shots = Pictured(lambda: randn((3, *model.shape), generator(5, "shots")), [told([f"a {WORD} x"])], noise)
    chosen: Any = PERSONALIZE.get(name)
    config = chosen.Config.model_validate({"batch": 2, **({"undo_steps": 2} if name == "de-distill" else {})})
    method = chosen(config, Streams(0), model.trainable_under_adapter(), shots, untouched, reader, reader.start("b"))
    for _ in Trainer(method, TrainerConfig(steps=2, warmup=0)).run():
        pass
    rows = [part.detach().half().float() for part in method.learned.word()]
    return Worn(method.learned.adapter, reader.tokens(rows))


def with_word(model: Any) -> dict[str, torch.Tensor]:
    cond = model.encode(told([f"a {WORD}", "c"]))
    x = randn((2, *model.shape), generator(7, "x"))
    with torch.no_grad():
        return {**cond, "out": model.denoiser.network(x, torch.tensor([500.0, 500.0]), cond)}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_teaches_saves_is_worn_and_taken_off(folder: Path, name: str, tmp_path: Path) -> None:
    roles = PERSONALIZE.get(name).models or ("teacher", "student")
    for role in roles:
        model = open_model(folder / role, "tiny")
        before = outputs(model)
        worn = taught(model, name, tmp_path / role)
        assert equal(outputs(model), before)  # teaching leaves the opened model alone
        with model.knowing([worn.tokens]), worn.on(model):
            as_taught = with_word(model)
        model.adapter_files.write(worn.edit(EditCard(title="Mine")).half(), tmp_path / f"{role}.safetensors")
        model.load_adapter("mine", tmp_path / f"{role}.safetensors")
        model.use_adapters([("mine", 1.0)])
        assert farthest(with_word(model), as_taught) < 0.02
        other = outputs(model)
        assert (farthest(other, before) == 0) == (worn.adapter is None)
        model.unload_adapter("mine")
        assert equal(outputs(model), before) and model._vocabulary.words == ()


def test_plain_diffusers_reads_a_word_that_was_learned_alone(folder: Path, tmp_path: Path) -> None:
    from diffusers import DiffusionPipeline
    from safetensors.torch import load_file

    model = open_model(folder / "teacher", "tiny")
    worn = taught(model, "textual-inversion", tmp_path)
    file = tmp_path / "word.safetensors"
    assert model.adapter_files.write(worn.edit(EditCard(title="Mine")), file) == [file]
    pipe: Any = DiffusionPipeline.from_pretrained(folder / "teacher")
    if len(worn.tokens) == 1:
        pipe.load_textual_inversion(str(file))
    else:
        rows = load_file(file)
        pipe.load_textual_inversion({WORD: rows["clip_l"]})
        second = {"text_encoder": pipe.text_encoder_2, "tokenizer": pipe.tokenizer_2}
        pipe.load_textual_inversion({WORD: rows["clip_g"]}, **second)
    with torch.no_grad():
        theirs = pipe.encode_prompt([f"a {WORD}"], device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False)
    with model.knowing([worn.tokens]):
        torch.testing.assert_close(model.encode(told([f"a {WORD}"]))["states"], theirs[0], atol=1e-5, rtol=1e-4)
