"""DistillRequest and the catalogue of objectives: a request, or one clear sentence, without torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from studio.core.json_schema import check
from studio.jobs.jobs import Jobs
from studio.jobs.paths import ROOT
from studio.library import method_cards
from tests.support.toy_objective import request

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "../../etc/passwd"}, "The name '../../etc/passwd' does not fit"),
    ({"name": "a/b"}, "does not fit"),
    ({"name": ".hidden"}, "does not fit"),
    ({"name": "a\0b"}, "does not fit"),
    ({"name": "pupil\n"}, "does not fit"),
    ({"name": "x" * 5000}, "does not fit"),
    ({"name": ""}, "does not fit"),
    ({"name": None}, "name is None"),
    ({"teacher": "toy/teachr"}, "Did you mean 'toy/teacher'?"),
    ({"teacher": "/etc/passwd"}, "There is no teacher"),
    ({"teacher": "nano/lcm"}, "nano/lcm is a student; a teacher is needed"),
    ({"objective": "tou"}, "Did you mean 'toy'?"),
    ({"objective": "../toy"}, "There is no objective"),
    ({"steps": 10**9}, "steps is 1000000000; at most 10000000 fits."),
    ({"steps": 0}, "steps is 0; at least 1 fits."),
    ({"steps": "many"}, "steps is 'many'; a whole number fits."),
    ({"stepz": 5}, "Did you mean 'steps'?"),
    ({"seed": -1}, "seed is -1; at least 0 fits."),
    ({"settings": {"lr": -1}}, "lr is -1; more than 0 fits."),
    ({"settings": {"lr": "fast"}}, "lr is 'fast'; a number fits."),
    ({"settings": {"lr": float("nan")}}, "lr is nan; a finite number fits."),
    ({"settings": {"lrr": 1e-3}}, "The objective toy has no setting 'lrr'. Did you mean 'lr'?"),
    ({"settings": {"batch": 10**12}}, "batch is 1000000000000; at most 4096 fits."),
    ({"settings": {"batch": 2.5}}, "batch is 2.5; a whole number fits."),
    ({"settings": {"timesteps": [999] * 5000}}, "timesteps"),
    ({"settings": {"seconds": 6}}, "seconds is 6; at most 5 fits."),
    ({"settings": [1]}, "settings"),
    ({"trainer": {"steps": 3}}, "The trainer has no setting 'steps'."),
    ({"trainer": {"precision": "fp8"}}, "precision"),
    ({"trainer": {"checkpoint_evry": 3}}, "Did you mean 'checkpoint_every'?"),
    ({"steps": 10_000_000, "sample_every": 1}, "sample_every is 1, which makes more than 1,000"),
    ({"steps": 1000, "measure_every": 2}, "5 fits."),
    ({"sinks": ["wandb"]}, "sinks"),
    ({"form": "tiny"}, "form"),
    ({"rank": 0}, "rank is 0; at least 1 fits."),
    ({"rank": 4, "form": "full"}, "rank 4 is for adapters, and the form is full;"),
    ({"rank": 4, "form": "smaller"}, "rank 4 is for adapters, and the form is smaller;"),
    ({"width": 0.5}, "width 0.5 is for smaller students, and the form is full;"),
    ({"leave_out": "layers", "form": "adapters"}, "leave_out layers is for smaller students, and the form is adapters;"),
    ({"form": "smaller", "leave_out": "nothing"}, "the student is no smaller"),
    ({"form": "smaller", "width": float("nan")}, "width is nan; a finite number fits."),
    ({"form": "smaller", "width": 0}, "width is 0; at least 0.1 fits."),
    ({"form": "smaller"}, "toy/teacher is no UNet of diffusers, so it cannot be made smaller;"),
    ({"form": "smaller", "leave_out": "layers", "teacher": "nano/teacher"}, "nano/teacher has one layer a stage"),
    ({"form": "smaller", "leave_out": "nothing", "width": 0.99, "teacher": "nano/teacher"}, "0.93 or less would fit."),
    ({"start": "nano/lcm"}, "nano/lcm is a student of nano/teacher, not of toy/teacher. toy/teacher has no students yet."),
    ({"start": "toy/teacher"}, "toy/teacher is a teacher, and a run starts from a student"),
    ({"start": "nano/lmc", "teacher": "nano/teacher"}, "There is no student 'nano/lmc'. Did you mean 'nano/lcm'?"),
    ({"start": "/etc/passwd"}, "There is no student '/etc/passwd'. toy/teacher has no students yet."),
    ({"start": "a\0" * 3000}, "There is no student"),
    ({"start": 5}, "start is 5; text fits."),
    ({"objective": "reward"}, "The objective reward goes on from a student; choose one of toy/teacher as the start."),
    ({"measure_samples": 10**9}, "at most 2048 fits."),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_a_bad_spec_is_one_sentence_at_once(school: Jobs, fields: dict[str, Any], words: str) -> None:
    method_cards.objectives(school.paths)  # a file of an objective may just have been edited
    begun = time.perf_counter()
    with pytest.raises(ValueError) as error:
        school.submit("distill", request(**fields))
    assert time.perf_counter() - begun < 1.0
    sentence = str(error.value)
    assert words in sentence
    assert "\n" not in sentence
    assert len(sentence) < 320
    assert "Value error" not in sentence
    assert school.list() == []
    assert list(school.paths.runs.iterdir()) == []


def test_a_taken_name_and_an_absent_teacher_are_refused(school: Jobs) -> None:
    (school.paths.models / "mine" / "pupil").mkdir(parents=True)
    with pytest.raises(ValueError, match="There is a model mine/pupil already; another name would fit."):
        school.submit("distill", request())
    teacher = json.loads((school.paths.models / "toy.yaml").read_text())
    (school.paths.models / "toy.yaml").write_text(json.dumps({**teacher, "folder": "elsewhere"}))
    with pytest.raises(ValueError, match="its folder elsewhere is missing"):
        school.submit("distill", request(name="other"))


def test_validating_imports_no_torch(school: Jobs) -> None:
    method_cards.objectives(school.paths)
    small = request(teacher="nano/teacher", start="nano/lcm", form="smaller", leave_out="middle", width=0.8)
    code = (
        "import sys; from studio.library.stock import open_jobs\n"
        f"r = open_jobs({str(school.paths.root)!r}).validate('distill', {request(settings={'lr': 1, 'flavour': None})!r})\n"
        "assert r.settings == {'lr': 1, 'flavour': None}, r\n"
        f"assert open_jobs({str(school.paths.root)!r}).validate('distill', {small!r}).start == 'nano/lcm'\n"
        "assert 'torch' not in sys.modules and 'diffusers' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=dict(os.environ))
    assert done.returncode == 0, done.stderr


def test_a_students_form_is_said_in_flat_fields(school: Jobs) -> None:
    def valid(**fields: Any) -> Any:
        made = school.validate("distill", request(teacher="nano/teacher", **fields))
        assert school.validate("distill", made) == made, "a spec is read as it was written"
        return made

    plain = valid(rank=None, start="")
    assert (plain.form, plain.adapter_rank, plain.smaller, plain.start) == ("full", None, None, None)
    assert (valid(rank=4).form, valid(rank=4).adapter_rank) == ("adapters", 4)  # as it was said before there were forms
    assert valid(form="adapters").adapter_rank == 16
    cut = valid(form="smaller", leave_out="middle", width=0.8).smaller
    assert (cut.middle, cut.layers, cut.width) == (True, False, 0.8)
    assert valid(start="nano/lcm", objective="reward").start == "nano/lcm"


def test_a_start_that_cannot_be_gone_on_from_is_refused(school: Jobs) -> None:
    def listed(name: str, folder: str) -> None:
        entry = {"id": f"mine/{name}", "title": name, "role": "student", "teacher": "nano/teacher", "domain": "pocket",
                 "size": 32, "folder": folder}  # fmt: skip
        (school.paths.models / f"mine-{name}.yaml").write_text(json.dumps(entry))

    listed("gone", "mine/gone")
    with pytest.raises(ValueError, match="its folder mine/gone is missing"):
        school.submit("distill", request(teacher="nano/teacher", start="mine/gone"))
    scaled = shutil.copytree(ROOT / "assets" / "nano" / "lcm", school.paths.models / "mine" / "scaled")
    (scaled / "card.json").write_text(json.dumps({"embedded_guidance": 3.0}))
    unet = json.loads((scaled / "unet" / "config.json").read_text())
    (scaled / "unet" / "config.json").write_text(json.dumps({**unet, "mid_block_type": None}))
    listed("scaled", "mine/scaled")
    with pytest.raises(ValueError, match="takes the guidance scale as an input, which only the objective guided goes on with"):
        school.submit("distill", request(teacher="nano/teacher", start="mine/scaled"))
    with pytest.raises(ValueError, match="mine/scaled has no middle block"):  # what is cut is the start, not the teacher
        school.submit("distill", request(teacher="nano/teacher", start="mine/scaled", objective="guided", settings={},
                                         form="smaller"))  # fmt: skip


def test_every_objective_has_a_card_and_a_schema_whose_defaults_fit_it(school: Jobs) -> None:
    found = method_cards.objectives(school.paths)
    assert found is not None
    assert {"toy", "lcm"} <= set(found["distill"]["methods"])
    for name, entry in found["distill"]["methods"].items():
        assert entry["card"]["title"]
        defaults = {k: v["default"] for k, v in entry["schema"]["properties"].items() if "default" in v}
        checked = method_cards.check_method(found, "distill", name, defaults)
        assert set(checked) == set(defaults)
    assert "steps" not in found["trainer"]["properties"]


def test_the_catalogue_is_made_again_when_an_objective_changes(
    school: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "outside_objective.py"
    module.write_text("raise RuntimeError('half written')\n")
    monkeypatch.setenv("STUDIO_OBJECTIVES", "outside_objective")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert method_cards.objectives(school.paths, build=False) is None, "what was kept is about other files"
    before = method_cards.version()
    module.write_text(
        "from pydantic import Field\nfrom studio.core.method import Card, Method, MethodConfig\n"
        "from studio.methods.distill import METHODS\n"
        "class Config(MethodConfig):\n    lr: float = Field(0.1, gt=0)\n"
        "@METHODS.add('outside')\nclass Outside(Method):\n"
        "    card = Card(title='Outside', paper='-', status='baseline', good_for='one file')\n    Config = Config\n"
    )
    assert method_cards.version() != before
    found = method_cards.objectives(school.paths)
    assert found is not None
    assert found["distill"]["methods"]["outside"]["card"]["title"] == "Outside", "adding an objective is adding one file"
    assert school.validate("distill", request(objective="outside", settings={"lr": 2}))


SCHEMA = {
    "properties": {
        "n": {"type": "integer"}, "mode": {"enum": ["a", "b"]}, "flag": {"type": "boolean"}, "ref": {"$ref": "#/$defs/R"},
        "maybe": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}, "odd": {"not": {}},
        "pair": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "integer"}]}, "text": {"type": "string"},
    },
    "$defs": {"R": {"const": 7}},
}  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [{"n": 10**8}, {"n": True, "mode": "c"}, {"flag": "perhaps"}, {"ref": 8}, {"maybe": -1}, {"pair": [1]}, {"text": "x" * 9999}],
)
def test_a_schema_refuses_what_does_not_fit(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as error:
        check(SCHEMA, values, "It")
    assert "\n" not in str(error.value)


def test_a_schema_takes_what_fits_and_fills_nothing_in() -> None:
    values = {"n": 3, "mode": "a", "flag": False, "ref": 7, "maybe": None, "pair": [1.5, 2], "odd": {"any": 1}, "text": "t"}
    assert check(SCHEMA, values, "It") == values
    assert check(SCHEMA, {}, "It") == {}
    with pytest.raises(ValueError, match="It needs a value for n"):
        check({**SCHEMA, "required": ["n"]}, {}, "It")
