"""docs/extending.md does what it says: every block of it is written to a file, and the thing is looked for where a user would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from studio.jobs.paths import ROOT, open_paths
from tests.support.folders import pretended

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = {name: (variable, code) for name, variable, code in re.findall(r"```python\n# (\w+)\.py · (\w+)\n(.*?)```", PAGE, re.S)}
MODELS = """
id: test/{role}
title: Test {role}
role: {role}
domain: {domain}
folder: {role}
size: 64
"""


def run(tmp_path: Path, blocks: str, *arguments: str, program: str = "") -> str:
    """What `python -m studio` with these arguments, or a program, prints while some blocks are there."""
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "STUDIO_DEVICE": "cpu"}
    for block in blocks.split():
        variable, code = BLOCKS[block]
        (tmp_path / f"{block}.py").write_text(code, encoding="utf-8")
        env[variable] = block
    command = [sys.executable, "-c", program] if program else [sys.executable, "-m", "studio", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def spec(tmp_path: Path, **fields: object) -> str:
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(fields))
    return str(tmp_path / "spec.yaml")


def result(tmp_path: Path) -> dict[str, object]:
    """Of the only run of the data folder."""
    (file,) = (tmp_path / "data" / "runs").glob("*/result.json")
    found: dict[str, object] = json.loads(file.read_text())
    return found


def pair(tmp_path: Path, domain: str) -> None:
    models = open_paths(tmp_path / "data").models
    for role in ("teacher", "student"):
        folder, more = pretended(models / role), ""
        if role == "student":
            recipe = {"teacher": "test/teacher", "teacher_hash": "0" * 12, "timesteps": [999, 499], "rule": "lcm",
                      "prediction": "v", "valid_steps": [2]}  # fmt: skip
            (folder / "recipe.json").write_text(json.dumps(recipe))
            more = "teacher: test/teacher\n"
        (models / f"{role}.yaml").write_text(MODELS.format(role=role, domain=domain) + more)


def test_every_section_has_a_test() -> None:
    assert set(BLOCKS) == {"my_objective", "my_study", "my_kind", "my_training", "my_training_work", "my_tab", "my_domain",
                           "my_personalization", "my_reward",
                           "my_family", "my_remedy", "my_figure", "my_metric",
                           "my_medium", "my_process", "my_addition", "my_addition_work"}  # fmt: skip


@pytest.mark.slow
def test_an_objective_trains_a_student(tmp_path: Path) -> None:
    asked = spec(tmp_path, kind="distill", name="floored", teacher="nano/teacher", objective="floor", steps=2,
                 settings={"batch": 2}, n_scenes=16, sample_every=0, measure_every=0)  # fmt: skip
    run(tmp_path, "my_objective", "jobs", "run", asked, "--data-dir", "data")
    assert result(tmp_path)["student"] == "mine/floored"
    listed = run(tmp_path, "my_objective", "models", "--data-dir", "data")
    assert "mine/floored" in listed
    program = (
        "from studio.jobs.paths import open_paths\nfrom studio.library.method_cards import objectives\n"
        "from studio.ui.kit import schema_form\nknown = objectives(open_paths('data'))['distill']['methods']\n"
        "print([field.label for field in schema_form.fields(known['floor']['schema'])])"
    )
    assert run(tmp_path, "my_objective", program=program).splitlines()[-1] == "['Batch', 'Pace of the floor']"


@pytest.mark.slow
def test_a_method_of_personalization_teaches_a_subject(tmp_path: Path) -> None:
    wanted = {"name": "first", "base": "nano/dmd2", "subject": "pocket/striped-balloon", "method": "first-step", "steps": 2,
              "settings": {"batch": 2, "hold": 0.5}, "n_kept": 12, "sample_every": 0, "measure_every": 0}  # fmt: skip
    asked = spec(tmp_path, kind="personalize", **wanted)
    run(tmp_path, "my_personalization", "jobs", "run", asked, "--data-dir", "data")
    found = result(tmp_path)
    assert (found["adapter"], found["method"], found["word"]) == ("mine/first", "first-step", "<striped-balloon>")
    listed = json.loads(run(tmp_path, "my_personalization", "methods", "personalize", "--json", "--data-dir", "data"))
    (mine,) = [one for one in listed if one["name"] == "first-step"]
    assert (mine["card"]["title"], mine["models"]) == ("First step", ["student"])
    program = (
        "import json, sys\nfrom studio.library.stock import open_jobs\n"
        f"asked = json.loads({json.dumps({**wanted, 'name': 'other', 'base': 'nano/teacher'})!r})\n"
        "try:\n    open_jobs('data').validate('personalize', asked)\nexcept ValueError as error:\n    print(error)\n"
        "print('torch' in sys.modules)"
    )
    said = run(tmp_path, "my_personalization", program=program).splitlines()
    assert said[-2].endswith("first-step is for distilled students, and nano/teacher is a teacher; dreambooth-replay would fit.")
    assert said[-1] == "False"


@pytest.mark.slow
def test_a_study_concludes(tmp_path: Path) -> None:
    asked = spec(tmp_path, kind="study", study="few-steps", pair="nano/dmd2", prompts=["a red house"], seeds=2, control=0,
                 settings={"steps": 2})  # fmt: skip
    run(tmp_path, "my_study", "jobs", "run", asked, "--data-dir", "data")
    rows = result(tmp_path)["rows"]
    assert isinstance(rows, list) and [row["arm"] for row in rows] == ["many", "few"]
    shown = run(
        tmp_path, "my_study", program="from studio.ui.lab.form import fields; print([f.name for f in fields('few-steps')])"
    )
    assert shown.strip() == "['steps']"
    program = (
        "import json, pathlib, sys\nfrom studio.ui.lab.result import body\n"
        "(file,) = pathlib.Path('data/runs').glob('*/result.json'); found = json.loads(file.read_text())\n"
        "shown = body(found['request'], found); drawn = json.loads(shown['figure']['narrow'])\n"
        "print(shown['problem'], shown['caption'], drawn['data'][0]['x'], drawn['layout']['height'], 'torch' in sys.modules)\n"
        "print(shown['tables'][0]['heads'])"
    )
    said = run(tmp_path, "my_study my_figure", program=program).splitlines()
    assert said[-2] == " Accuracy of both arms, with 95 % intervals. ['many', 'few'] 320 False"
    assert said[-1] == "['arm', 'accuracy']"


@pytest.mark.slow
def test_a_metric_is_in_results_and_has_a_column_everywhere(tmp_path: Path) -> None:
    drawn = ("compare", "a red house", "--pair", "nano/dmd2", "--arms", "teacher,student", "--teacher-steps", "3", "--seeds", "4")
    shown = run(tmp_path, "my_metric", *drawn, "--data-dir", "data")
    assert "twins" in shown
    arms = result(tmp_path)["arms"]
    assert isinstance(arms, list) and len(arms) == 2
    twins = [arm["measures"]["twins"] for arm in arms]
    assert all(0 <= one["low"] <= one["value"] <= one["high"] <= 1 and one["n"] == 4 for one in twins)
    assert all(one["title"] == "twins" and one["percent"] for one in twins)
    program = (
        "import json, pathlib, sys\nfrom studio.ui.compare.components import figures_table\n"
        "from studio.ui.compare.view import RunView\n(file,) = pathlib.Path('data/runs').glob('*/result.json')\n"
        "found = json.loads(file.read_text()); view = RunView('x', found['request'], 4); view.finish(found)\n"
        "table = figures_table(view.rows.values())\n"
        "print('equals in every factor; lower is better\">twins</th>' in table, table.count('data-label=\"twins\"'), "
        "'torch' in sys.modules)"
    )
    assert run(tmp_path, "my_metric", program=program).splitlines()[-1] == "True 2 False"


@pytest.mark.slow
def test_a_metric_stands_in_the_table_of_a_study(tmp_path: Path) -> None:
    asked = spec(tmp_path, kind="study", study="few-steps", pair="nano/dmd2", prompts=["a red house", "a boat"], seeds=4,
                 control=0, settings={"steps": 2})  # fmt: skip
    run(tmp_path, "my_study my_metric", "jobs", "run", asked, "--data-dir", "data")
    program = (
        "import json, pathlib\nfrom studio.ui.lab.result import body\n(file,) = pathlib.Path('data/runs').glob('*/result.json')\n"
        "found = json.loads(file.read_text()); table = body(found['request'], found)['tables'][0]\n"
        "print(table['heads'], [row['cells'][-1][0].endswith('%') for row in table['rows']])"
    )
    assert run(tmp_path, "my_study", program=program).splitlines()[-1] == "['arm', 'accuracy', 'twins'] [True, True]"


def test_a_kind_of_job_runs_and_is_in_the_catalogue(tmp_path: Path) -> None:
    program = (
        "from studio.jobs.paths import open_paths\nfrom studio.library.catalogue import catalogue\n"
        "print('echo' in catalogue(open_paths('data'))['kinds'])"
    )
    assert run(tmp_path, "", program=program).strip() == "False"
    assert run(tmp_path, "my_kind", program=program).strip() == "True"  # kept from before, and made anew
    run(tmp_path, "my_kind", "jobs", "run", spec(tmp_path, kind="echo", text="hello"), "--data-dir", "data")
    assert result(tmp_path)["said"] == "hello"
    known = run(tmp_path, "my_kind", program="from studio.jobs.kinds import KINDS; print([kind.title for kind in KINDS.all()])")
    assert "'Echo'" in known


def test_a_job_that_trains_is_in_the_catalogue_and_trains_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "my_training_work.py").write_text(BLOCKS["my_training_work"][1], encoding="utf-8")
    program = (
        "import sys\nfrom studio.jobs.paths import open_paths\nfrom studio.library.catalogue import catalogue\n"
        "print(list(catalogue(open_paths('data'))['kinds']['look']['schema']['properties']), 'torch' in sys.modules)"
    )
    known = "['name', 'title', 'base', 'steps', 'seed', 'trainer', 'n_scenes', 'sample_every', 'measure_every', 'sinks'] False"
    assert run(tmp_path, "my_training", program=program).splitlines()[-1] == known
    asked = {"kind": "look", "name": "mine", "base": "nano/teacher", "steps": 2, "n_scenes": 4}
    run(tmp_path, "my_training", "jobs", "run", spec(tmp_path, **asked), "--data-dir", "data")
    found = result(tmp_path)
    assert (found["adapter"], found["step"], found["base"]) == ("mine/mine", 2, "nano/teacher")
    assert len(list((tmp_path / "data" / "runs").glob("*/artifacts/strips/*/look.jpg"))) == 3
    assert "mine/mine" in run(tmp_path, "my_training", "adapters", "list", "--data-dir", "data")
    with pytest.raises(AssertionError, match="There is an adapter mine/mine already"):
        run(tmp_path, "my_training", "jobs", "submit", spec(tmp_path, **asked), "--data-dir", "data")


def test_a_reward_is_read_of_models_that_draw_its_medium(tmp_path: Path) -> None:
    program = (
        "import torch\nfrom studio.domains import domain_of\nfrom studio.library import rewards\n"
        "from studio.library.models import load_registry\nfrom studio.workshop.rewarded import worth\n"
        "entry = load_registry().get('nano/dmd2')\nprint(rewards.check('warm', entry).title, rewards.beside('warm', entry))\n"
        "picture = torch.tensor([1.0, 0.5, 0.25]).view(1, 3, 1, 1).expand(1, 3, 4, 4)\n"
        "print(float(worth('warm', domain_of('pocket'), None)(picture, [])))"
    )
    assert run(tmp_path, "my_reward", program=program).splitlines() == ["Warmth red", "0.75"]


def test_a_remedy_is_an_arm_with_its_look_and_enters_the_arena(tmp_path: Path) -> None:
    program = (
        "from studio.library.draw_request import CompareRequest, label, plans_for\n"
        "from studio.library.models import load_registry\nfrom studio.ui.app import css\n"
        "from studio.ui.lab.form import fields\nfrom studio.ui.kit import arms\n"
        "asked = CompareRequest(prompt='a cat', pair='nano/lcm', arms=['student', 'less-re-noise'], seeds=[0, 1])\n"
        "print([plan.name for plan in plans_for(asked, load_registry())], arms.look('less-re-noise').marker)\n"
        "print('--arm-less-re-noise' in css(), 'less' in [field.name for field in fields('arena')])"
    )
    said = run(tmp_path, "my_remedy", program=program).splitlines()
    assert said == ["['student', 'less-re-noise'] bowtie", "True True"]


def test_a_tab_stands_behind_the_others(tmp_path: Path) -> None:
    program = (
        "from studio.library.stock import open_jobs\nfrom studio.ui.app import build\n"
        "parts = build(open_jobs('data')).config['components']\n"
        "print([part['props']['label'] for part in parts if part['type'] == 'tabitem'][-1])"
    )
    assert run(tmp_path, "my_tab", program=program).splitlines()[-1] == "Notes"


def test_a_domain_brings_its_words(tmp_path: Path) -> None:
    pair(tmp_path, "marbles")
    program = (
        "from studio.jobs.paths import open_paths\nfrom studio.library.catalogue import catalogue\n"
        "from studio.library.models import load_registry\nfrom studio.ui.kit import prompt\n"
        "paths = open_paths('data'); domain = prompt.domain_for(load_registry(paths).pair('test/student'))\n"
        "print(domain.title, prompt.beginning(domain), prompt.words(domain, 'a red marble')['stated'], sep='|')\n"
        "print(prompt.read(domain, 'a red pebble')[1], list(catalogue(paths)['domains']), sep='|')\n"
        "print(*(prompt.toggle(domain, 'a red marble', 'color', value) for value in ('blue', 'red')), sep='|')"
    )
    said = run(tmp_path, "my_domain", program=program).splitlines()
    assert said == ["Marbles|two marbles|{'color': 'red'}", "“pebble” is no word for marbles.|['marbles', 'plain', 'pocket']",
                    "a blue marble|a marble"]  # fmt: skip


def test_a_family_lists_what_it_knows_and_says_what_it_cannot_open(tmp_path: Path) -> None:
    pair(tmp_path, "tones")
    for role, about in (("teacher", {"length": 8}), ("student", {})):
        (tmp_path / "data" / "models" / role / "model_index.json").unlink()
        (tmp_path / "data" / "models" / role / "waves.json").write_text(json.dumps(about))
    listed = {model["id"]: model for model in json.loads(run(tmp_path, "my_family", "models", "--json", "--data-dir", "data"))}
    assert listed["test/teacher"]["available"]
    assert listed["test/student"]["reason"] == "test/student cannot be opened: it has no length."


ASKED = "'prompt': 'a red house', 'pair': 'nano/dmd2', 'arms': ['student'], 'seeds': [0, 1]"


def test_an_addition_is_a_field_of_every_request_that_draws(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom studio.jobs.paths import open_paths\nfrom studio.library.catalogue import catalogue\n"
        "from studio.library.stock import open_jobs\njobs = open_jobs('data')\n"
        "for kind in ('compare', 'study'):\n"
        "    field = catalogue(jobs.paths)['kinds'][kind]['schema']['properties']['additions']['properties']['ending']\n"
        "    print(field['title'], field['maxLength'], field['default'] == '', field['description'])\n"
        "from studio.ui.api import endpoints\n"
        "api = {one.name: one.call for one in endpoints(jobs)}\n"
        f"for more in ({{'ending': 'at night'}}, {{'ending': ''}}):\n"
        f"    run = api['compare']({{{ASKED}, 'additions': more}})['run']; print(jobs.spec(run).config.get('additions'))\n"
        "for given in ('x' * 41, 5):\n"
        "    try: jobs.submit('scrub', {'draw': {'prompt': 'a boat', 'additions': {'ending': given}}})\n"
        "    except ValueError as error: print(error)\n"
        "try: jobs.submit('study', {'study': 'k-sweep', 'additions': 'endings=x'})\n"
        "except ValueError as error: print(error)\n"
        "print('torch' in sys.modules)"
    )
    said = run(tmp_path, "my_addition", program=program).splitlines()[-8:]
    assert said[:4] == ["Ending 40 True Said after every prompt."] * 2 + ["{'ending': 'at night'}", "None"]
    assert "40 characters" in said[4] and said[5] == "ending is 5; text fits."
    assert said[6:] == ["There is no addition called 'endings'. Did you mean 'ending'?", "False"]


def test_an_addition_has_a_field_in_every_form_that_draws(tmp_path: Path) -> None:
    program = (
        "import gradio as gr\nfrom studio.library.stock import open_jobs\nfrom studio.ui.kit.draw_form import DrawForm\n"
        "with gr.Blocks():\n"
        "    form = DrawForm(open_jobs('data'), 'scrub-', {'seeds': '2', 'teacher_steps': 5, 'arms': ['student']})\n"
        "    form.build_prompt(); form.build_pair('Rows'); form.build_seeds(); form.build_asked()\n"
        "field = form.added.components[0]\nprint(field.label, field.elem_id, field in form.inputs())\n"
        "values = {part: part.value for part in form.inputs()}\nprint(form.request(values).get('additions'))\n"
        "print(form.request(values | {field: 'at night'})['additions'])\n"
        "print(form.added.fill({'ending': 'by day'})[field], repr(form.added.fill({})[field]))"
    )
    said = run(tmp_path, "my_addition", program=program).splitlines()[-4:]
    assert said == ["Ending scrub-with-ending True", "None", "{'ending': 'at night'}", "by day ''"]


@pytest.mark.slow
def test_an_addition_is_drawn_by_commands_spec_files_and_branches(tmp_path: Path) -> None:
    (tmp_path / "my_addition_work.py").write_text(BLOCKS["my_addition_work"][1], encoding="utf-8")
    drawn = ("a red house", "--pair", "nano/dmd2", "--arms", "student", "--seeds", "2", "--with", "ending=at night")
    run(tmp_path, "my_addition", "compare", *drawn, "--data-dir", "data")
    found = result(tmp_path)
    assert found["additions"] == {"ending": "at night"}
    arms = found["arms"]
    assert isinstance(arms, list) and "time" in arms[0]["measures"]["accuracy_by_factor"]
    asked = spec(tmp_path, kind="scrub", branches=[{"arm": "student", "step": 2, "noise": 1}],
                 draw={"prompt": "a boat", "pair": "nano/dmd2", "arms": ["student"], "seeds": [0],
                       "additions": {"ending": "at night"}})  # fmt: skip
    run(tmp_path, "my_addition", "jobs", "run", asked, "--data-dir", "scrubbed")
    (file,) = (tmp_path / "scrubbed" / "runs").glob("*/result.json")
    assert json.loads(file.read_text())["additions"] == {"ending": "at night"}


@pytest.mark.slow
def test_a_study_keeps_what_it_reads_with_an_addition_apart(tmp_path: Path) -> None:
    (tmp_path / "my_addition_work.py").write_text(BLOCKS["my_addition_work"][1], encoding="utf-8")
    (tmp_path / "both.py").write_text("import my_addition, my_study\n")
    computed = []
    for more in ({}, {"additions": {"ending": "at night"}}, {"additions": {"ending": "at night"}}):
        asked = spec(tmp_path, kind="study", study="few-steps", pair="nano/dmd2", prompts=["a red house"], seeds=2, control=0,
                     settings={"steps": 2}, **more)  # fmt: skip
        run(tmp_path, "my_study my_addition", "jobs", "run", asked, "--data-dir", "data")
        newest = max((tmp_path / "data" / "runs").glob("*/result.json"), key=lambda file: file.stat().st_mtime)
        computed.append(json.loads(newest.read_text())["evaluations"]["computed"])
    assert computed[0] == computed[1] > 0 == computed[2]


def test_a_medium_shows_samples_and_serves_its_files(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom studio.domains import domain_of\nfrom studio.domains.media import medium_of, types\n"
        "from studio.jobs.paths import open_paths\nfrom studio.library.catalogue import catalogue\n"
        "print(catalogue(open_paths('data'))['domains']['spectra']['medium'], types()['.csv'], 'torch' in sys.modules)\n"
        "import torch\nbars = medium_of(domain_of('spectra')); samples = torch.tensor([[[0.0, 1.0]], [[0.5, 0.25]]])\n"
        "still = bars.still(samples); print(still.shape, still.dtype, *(float((one < 100).mean()) for one in still))\n"
        "print(bars.files(samples, 1), bars.still(samples, 8).shape)"
    )
    said = run(tmp_path, "my_medium", program=program).splitlines()
    assert said == ["bars text/csv False", "(2, 64, 64, 3) uint8 0.5 0.375", "{'.csv': b'0.5000,0.2500'} (2, 8, 8, 3)"]


def test_a_process_samples_and_hands_over(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom studio.families import FAMILIES\nFAMILIES.all()\n"
        "from studio.core.recipe import Recipe\nfrom studio.sampling.plan import hybrid_plan, teacher_plan\n"
        "recipe = Recipe(teacher='t', teacher_hash='0' * 12, timesteps=(1.0, 0.5), rule='reveal', prediction='logits', "
        "valid_steps=(2,))\n"
        "plans = [teacher_plan('t', [1.0, 0.75, 0.5, 0.25], 'reveal'), hybrid_plan('t', 's', recipe, 1)]\n"
        "print(FAMILIES.unavailable, 'torch' in sys.modules)\n"
        "import torch\nfrom my_process import HIDDEN, Bits\nfrom studio.core.denoiser import Predictor\n"
        "from studio.sampling.loop import finished, sample\n"
        "ones, zeros = (Predictor(lambda x, t, cond, to=to: torch.full(x.shape, to), Bits(), 'logits') for to in (9.0, -9.0))\n"
        "none = {'bias': torch.zeros(1, 1)}; cond = {'t': (none, none), 's': (none, none)}\n"
        "for plan in plans:\n"
        "    x = finished(sample(plan, {'t': ones, 's': zeros}, cond, list(range(64)), (16,)))\n"
        "    print(tuple(x.shape), int(x.max()), round(float(x.double().mean()), 1))"
    )
    said = run(tmp_path, "my_process", program=program).splitlines()
    assert said == ["{} False", "(64, 16) 1 1.0", "(64, 16) 1 0.5"]
