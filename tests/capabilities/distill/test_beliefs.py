"""The picture of beliefs: what it shows, when it is drawn, and that drawing it changes nothing in the training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from studio.capabilities.distill import beliefs
from studio.capabilities.distill.request import DistillRequest
from studio.capabilities.distill.student_preview import StudentPreview, contrast
from studio.core.domain import told
from studio.core.method import Method, Streams
from studio.core.rng import noise
from studio.core.simulate import guided_x0
from studio.domains.media.image import pixels
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.methods.distill import METHODS
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.support.toy_objective import SHAPE, request, toy_lesson

DMD2: dict[str, Any] = {"objective": "dmd2", "settings": {"batch": 2, "timesteps": [999, 499], "guidance": 2.0}}


def studio_of(school: Jobs, objective: str, **settings: Any) -> StudentPreview:
    """The toy's own world, with a method as a run has it."""
    entry = load_registry(school.paths).get("toy/teacher")
    lesson = toy_lesson(entry, DistillRequest(name="x"), None, lambda done, total: None)  # type: ignore[arg-type]
    cls: Any = METHODS.get(objective)
    method: Method[Any] = cls(cls.Config(**settings), Streams(0), lesson.teacher, lesson.material)
    return StudentPreview(lesson, method, entry, lambda: None, "cpu")


def test_every_belief_is_that_of_its_network_at_the_same_noised_sample(school: Jobs) -> None:
    studio = studio_of(school, "dmd2", batch=2, timesteps=(999, 499), guidance=2.0)
    with torch.no_grad():
        for parameter in studio.method.trained["fake"].module.parameters():
            parameter.add_(0.1)  # otherwise it says what the teacher says
    x = noise([5, 6], 0, SHAPE)
    found = beliefs.believe(studio, "student", x, told(["a", "bb"]))
    process, teacher, fake = studio.student.process, studio.lesson.teacher, studio.method.duel.fake  # type: ignore[attr-defined]
    assert list(found.rows) == ["noised", "teacher", "fake"]
    assert found.guidance == 2.0
    assert found.times == tuple(f * process.t_max for f in beliefs.FRACTIONS)
    assert list(found.levels) == sorted(found.levels)
    i = 0
    for k, prompt in enumerate(("a", "bb")):
        cond = studio.lesson.encode(told([prompt]))
        for level, t in enumerate(found.times):
            alpha, sigma = (float(c) for c in process.alpha_sigma(t))
            xt = alpha * x[k : k + 1] + sigma * noise([0], beliefs.NOISE + level, SHAPE)
            with torch.no_grad():
                wanted = [xt, guided_x0(teacher, xt, t, cond, studio.lesson.null(cond), 2.0), fake.x0(xt, t, cond)]
            for row, value in zip(found.rows.values(), wanted, strict=True):
                torch.testing.assert_close(row[i : i + 1], value, atol=1e-5, rtol=1e-4)
            i += 1
    assert not torch.allclose(found.rows["teacher"], found.rows["fake"])


def test_without_a_fake_score_teacher_and_student_are_asked_on_the_students_own_grid(school: Jobs) -> None:
    studio = studio_of(school, "toy", timesteps=(999, 749, 499, 249))
    assert beliefs.samples_of(studio) == "teacher"
    assert beliefs.times(studio, "teacher") == (249, 499, 999)
    assert beliefs.times(studio_of(school, "toy", timesteps=(999,)), "teacher") == (999,)
    studio.method.emas["student"] = studio.student.network  # type: ignore[assignment]
    found = beliefs.believe(studio, "teacher", noise([5], 0, SHAPE), told(["a"]))
    assert list(found.rows) == ["noised", "teacher", "student"]
    torch.testing.assert_close(found.rows["teacher"], found.rows["student"])  # nothing has been learnt yet
    studio.method.believers = dict  # type: ignore[method-assign]
    assert beliefs.samples_of(studio) is None


def test_asking_leaves_generators_and_modes_alone(school: Jobs) -> None:
    studio = studio_of(school, "dmd2", batch=2, timesteps=(999, 499))
    studio.method.streams["noise"]
    before, modes = studio.method.streams.state_dict(), [t.module.training for t in studio.method.trained.values()]
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    found = beliefs.believe(studio, "student", noise([5], 0, SHAPE), told(["a"]))
    assert torch.equal(torch.rand(1), expected)
    after = studio.method.streams.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)
    assert [t.module.training for t in studio.method.trained.values()] == modes == [True, True]
    assert not any(row.is_inference() for row in found.rows.values()), "what comes out may be used in training"


def test_the_picture_has_x_once_and_its_levels_beside_it() -> None:
    x = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 3, 2, 2)
    rows = [torch.full((4, 3, 2, 2), value) for value in (0.2, 0.4, 0.6)]
    found = beliefs.Beliefs("student", x, (1.0, 2.0), (0.5, 1.0), 1.0, dict(zip("abc", rows, strict=True)))
    assert [one.text for one in found.asked(told(["p", "q"]))] == ["p", "q", *["p", "p", "q", "q"] * 3]
    columns = beliefs.grid(found, pixels(found.samples))
    assert columns.shape == (6, 6, 2, 3)
    assert [int(c[0, 0, 0]) for c in columns] == [0, 51, 51, 255, 51, 51]
    assert [int(c[2, 0, 0]) for c in columns] == [128, 102, 102, 128, 102, 102]
    assert [int(c[5, 0, 0]) for c in columns] == [128, 153, 153, 128, 153, 153]


def test_contrast_is_the_mean_deviation_within_a_sample() -> None:
    flat, strong = torch.full((1, 4, 4), 3.0), torch.tensor([-2.0, 2.0]).repeat(8).reshape(1, 4, 4)
    assert contrast(flat[None]) == 0
    assert contrast(torch.stack([flat, strong])) == pytest.approx(2 * (16 / 15) ** 0.5 / 2)


def test_a_run_shows_beliefs_with_its_strips_and_when_it_is_asked_to(school: Jobs) -> None:
    run_id = school.submit("distill", request(steps=4, sample_every=2, **DMD2))
    (school.paths.run(run_id) / "sample").touch()
    assert here(school, run_id) == ("done", "")
    events = of_kind(school, run_id, "triple")
    assert [e["step"] for e in events] == [0, 1, 2, 4]
    first = events[0]
    assert (first["of"], first["rows"], first["guidance"]) == ("student", ["noised", "teacher", "fake"], 2.0)
    assert (first["prompts"], first["seed"], first["sampling_steps"]) == (["a", "bb"], 0, 2)
    assert [round(c["t"]) for c in first["columns"]] == [250, 500, 749]
    with Image.open(school.artifact(run_id, first["triple"])) as picture:
        assert picture.size == (2 * 4 * 8, 3 * 8)
        shown = np.asarray(picture.convert("L"))[8:, :8]
        assert abs(int(shown.mean()) - 128) <= 2, "below x there is nothing"
    strips = [e for e in of_kind(school, run_id, "strip") if e["arm"] == "student"]
    assert all(0 < e["contrast"] < 5 for e in strips)


def test_showing_changes_nothing_in_what_is_learnt(school: Jobs) -> None:
    silent = school.submit("distill", request(name="silent", steps=6, sample_every=0, **DMD2))
    shown = school.submit("distill", request(name="shown", steps=6, sample_every=1, **DMD2))
    for run_id in (silent, shown):
        assert here(school, run_id) == ("done", "")
    assert not of_kind(school, silent, "triple") and len(of_kind(school, shown, "triple")) == 7
    assert_equal(checkpoint(school, silent), checkpoint(school, shown))
