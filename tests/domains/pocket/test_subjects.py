"""The shipped subjects of Pocket World: as their builder writes them, not of the world, and told in the world's words."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.domains.pocket.captions import canonical, parse
from studio.domains.pocket.render import render
from studio.domains.pocket.scene import COLORS, SUBJECTS
from studio.domains.pocket.shapes import ellipse, poly
from studio.domains.pocket.subjects import LEARNED, SHIPPED, SIZE, Shipped, build
from studio.domains.pocket.subjects.things import Thing, stripe
from studio.jobs.paths import ASSETS

HOME = ASSETS / "subjects" / "pocket"
THINGS = [one for one in SHIPPED if one.kind == "thing"]
by_name = pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.name)
CLEAR = 45  # of 255, mean difference over the pixels of a thing; red and orange subjects of the world differ by less


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(float)


def files(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_six_are_there_and_small() -> None:
    assert {folder.name for folder in HOME.iterdir()} == {one.name for one in SHIPPED} and len(SHIPPED) == 6
    assert sum(len(data) for data in files(HOME).values()) < 600_000


@by_name
def test_what_is_committed_is_what_the_builder_draws(one: Shipped) -> None:
    drawn = dict(one.files())
    assert set(files(HOME / one.name)) == {"subject.json", *drawn}
    assert json.loads((HOME / one.name / "subject.json").read_text()) == one.about()
    for name, picture in drawn.items():
        with Image.open(HOME / one.name / name) as kept:
            assert kept.size == (SIZE, SIZE) and (np.asarray(kept) == np.asarray(picture)).all(), name
    assert len([name for name in drawn if name.startswith("pictures/")]) == LEARNED


def test_the_builder_writes_the_same_bytes_and_leaves_nothing_of_before(tmp_path: Path) -> None:
    (tmp_path / "one" / "ink").mkdir(parents=True)
    (tmp_path / "one" / "ink" / "old.png").write_bytes(b"")
    for name in ("one", "two"):
        build(tmp_path / name)
    assert files(tmp_path / "one") == files(tmp_path / "two")


@by_name
def test_captions_are_in_words_of_the_world_and_true(one: Shipped) -> None:
    """They say place and time, of styles subject and colour too, and nothing of what the subject brings."""
    word = f"<{one.name}>"
    for scene in one.scenes():
        line = one.caption(scene).replace("{}", word)
        parsed = parse(line, (word,))
        told = {"place", "time"} if one.kind == "thing" else {"place", "time", "subject", "color"}
        assert canonical(line, (word,)) == line and parsed.notice() is None
        assert parsed.stated == {name: getattr(scene, name) for name in told}
        plain = one.caption(scene).replace("{}", one.noun)  # what prompts without the word say
        assert canonical(plain) == plain and len(plain.split()) <= 14


@by_name
def test_pictures_differ_in_place_time_and_size(one: Shipped) -> None:
    for scenes in (one.scenes()[:LEARNED], one.scenes()[LEARNED:]):
        assert len({s.place for s in scenes}) == 4 and len({s.time for s in scenes}) == 3 and len({s.size for s in scenes}) == 2
        assert len({s.position for s in scenes}) == 3


@pytest.mark.parametrize("size", [128, 32])
@pytest.mark.parametrize("one", THINGS, ids=lambda one: one.name)
def test_a_thing_is_like_nothing_of_the_world_in_its_place(one: Shipped, size: int) -> None:
    """Over its own pixels, against every subject in every colour."""
    assert one.mask is not None
    for scene in one.scenes()[:3]:
        mask = pixels(one.mask(scene, size)) > 0
        drawn = pixels(one.draw(scene, size))[mask]
        worlds = [dataclasses.replace(scene, subject=s, color=c) for s in SUBJECTS for c in COLORS]
        assert min(np.abs(drawn - pixels(render(s, size))[mask]).mean() for s in worlds) > CLEAR
        red, orange = (pixels(render(dataclasses.replace(scene, color=c), size))[mask] for c in ("red", "orange"))
        assert np.abs(red - orange).mean() < CLEAR


@pytest.mark.parametrize("one", THINGS, ids=lambda one: one.name)
def test_a_mask_is_where_a_thing_is(one: Shipped) -> None:
    assert one.mask is not None
    for scene in one.scenes():
        mask = pixels(one.mask(scene, SIZE)) > 0
        changed = np.abs(pixels(one.draw(scene, SIZE)) - pixels(render(scene, SIZE, put=lambda pen, s, base: None))).sum(2) > 60
        assert 0.03 < mask.mean() < 0.25
        assert (mask & changed).sum() > 0.85 * mask.sum()


@pytest.mark.parametrize("one", [one for one in SHIPPED if one.kind == "style"], ids=lambda one: one.name)
@pytest.mark.parametrize("size", [128, 32])
def test_a_style_changes_the_whole_picture_and_keeps_the_colour_that_is_told(one: Shipped, size: int) -> None:
    for scene in one.scenes():
        drawn, world = pixels(one.draw(scene, size)), pixels(render(scene, size))
        assert np.abs(drawn - world).mean() > 25
        recoloured = one.draw(dataclasses.replace(scene, color="purple" if scene.color != "purple" else "green"), size)
        assert np.abs(drawn - pixels(recoloured)).sum(2).max() > 100


def test_a_stripe_is_what_lies_between_two_lines() -> None:
    square = poly(-1, -1, 1, -1, 1, 1, -1, 1)
    assert sorted(map(tuple, stripe(square, (1.0, 0.0), -0.5, 0.25))) == [(-0.5, -1), (-0.5, 1), (0.25, -1), (0.25, 1)]
    assert len(stripe(ellipse(0, 0, 1, 1), (0.0, 1.0), 2.0, 3.0)) == 0


def test_a_thing_keeps_its_colours_where_the_scene_has_another() -> None:
    thing = Thing("car", [("first", poly(-0.5, -0.5, 0.5, -0.5, 0.5, 0.5, -0.5, 0.5))], {"first": "#0a0b0c"})
    scene = dataclasses.replace(SHIPPED[0].scenes()[0], subject="car", time="day", stars="none")
    for color in COLORS:
        box = pixels(thing.draw(dataclasses.replace(scene, color=color)))[pixels(thing.mask(scene)) > 0]
        assert np.median(box, axis=0).tolist() == [10, 11, 12]
