"""Methods that work with a student's teacher, as jobs: what is kept of it and measured, and stages that later runs find."""

# ruff: noqa: F811 - fixtures are those of other files
from __future__ import annotations

import json

import pytest

from studio.jobs.jobs import Jobs
from studio.library.adapters import load_adapters
from studio.library.models import load_registry
from studio.worker import run_job
from tests.capabilities.distill.test_distill import here
from tests.capabilities.personalize.test_personalize import hall, pair, request, studio  # noqa: F401 - fixtures
from tests.support.fixtures import PAIR


def test_the_echoed_teacher_is_kept_and_stands_beside_the_one_without_echoes(studio: Jobs) -> None:
    settings = {"batch": 2, "replayed": 2, "estimate_steps": 1, "echo_from": 0.5}
    run_id = studio.submit("personalize", request(method="echo-distill", settings=settings, sample_every=0))
    assert here(studio, run_id) == ("done", "")
    result = studio.result(run_id)
    assert result is not None and result["notices"] == []
    rows = {row["arm"]: row for row in result["rows"]}
    assert set(rows) == {PAIR, "teacher", "hybrid-1", "teacher, teacher", "teacher, alone"}
    echoed, alone = rows["teacher, teacher"], rows["teacher, alone"]
    assert echoed["title"] == "Tiny teacher, taught along, echoed" and alone["title"].endswith("the same without echoes")
    assert echoed["before"] == alone["before"] == rows["teacher"]["before"]  # the same untouched teacher
    assert len({row["moved"]["value"] for row in rows.values() if row["model"] == "tiny/teacher"}) == 3  # and three adapters
    assert (result["adapter"], result["teacher_adapter"]) == ("mine/mine", "mine/mine-teacher")
    known = load_adapters(studio.paths)
    own, above = known.get("mine/mine"), known.get("mine/mine-teacher")
    assert (own.card["base"], above.card["base"]) == (PAIR, "tiny/teacher")
    assert above.card["base_hash"] != own.card["base_hash"] and own.words == above.words == ("<two-tailed-cat>",)
    assert [row["arm"] for row in above.card["measured"]["rows"]] == ["teacher, teacher"]
    compared = studio.submit(
        "compare",
        {"prompt": "a <two-tailed-cat> at night", "pair": PAIR, "adapters": ["mine/mine-teacher@teacher"], "arms": ["teacher"],
         "seeds": [0], "teacher_steps": 2},
    )  # fmt: skip
    assert run_job(studio.paths.run(compared), registry=load_registry(studio.paths)) == ("done", "")


def test_a_second_subject_finds_the_student_de_distilled(studio: Jobs) -> None:
    settings = {"batch": 2, "undo_steps": 2, "undo_batch": 2}
    fields = {"method": "de-distill", "settings": settings, "sample_every": 0, "measure_every": 0}
    kept = []
    for name, subject in (("first", "two-tailed-cat"), ("second", "ink")):
        run_id = studio.submit("personalize", request(name=name, subject=f"pocket/{subject}", **fields))
        assert here(studio, run_id) == ("done", "")
        kept.append({path: path.stat().st_mtime_ns for path in studio.paths.cache.rglob("undo-*.safetensors")})
    assert len(kept[0]) == 1 and kept[0] == kept[1]


@pytest.mark.parametrize("method", ["echo-distill", "de-distill"])
def test_a_student_whose_teacher_is_not_here_is_taught_otherwise(studio: Jobs, method: str) -> None:
    file = studio.paths.models / "teacher.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), "folder": "/nowhere"}))
    assert not load_registry(studio.paths).get("tiny/teacher").available
    with pytest.raises(ValueError) as error:
        studio.submit("personalize", request(method=method))
    assert f"{method} needs the teacher of {PAIR}, and it cannot be opened; own-timesteps would fit." in str(error.value)
