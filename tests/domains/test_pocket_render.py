"""Pocket World's pictures: deterministic, the same at every size, every factor visible."""

import dataclasses
import itertools

import numpy as np
import pytest
from PIL import Image

from studio.domains.pocket.render import SUBJECT_COLORS, render, render_batch
from studio.domains.pocket.scene import COLORS, FACTORS, PLACES, SUBJECTS, TIMES, Scene, sample_scene
from studio.domains.pocket.shapes import SHAPES


def some(n: int, seed: int = 0, **fixed: str) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, **fixed) for _ in range(n)]


def picture(scene: Scene, size: int = 128) -> np.ndarray:
    return np.asarray(render(scene, size)).astype(float)


@pytest.mark.parametrize("size", [32, 96, 128])
def test_batch_shape_type_and_agreement_with_single(size):
    scenes = some(3)
    batch = render_batch(scenes, size)
    assert batch.shape == (3, size, size, 3) and batch.dtype == np.uint8
    assert all((batch[i] == np.asarray(render(s, size))).all() for i, s in enumerate(scenes))
    assert render_batch([], size).shape == (0, size, size, 3)


def test_same_scene_same_pixels_in_any_order():
    scenes = some(6)
    assert (render_batch(scenes) == render_batch(scenes[::-1])[::-1]).all()


def test_same_picture_at_every_size():
    for s in some(24, seed=1):
        large = render(s, 256)
        for size in (128, 32):
            gap = np.abs(np.asarray(large.reduce(256 // size)).astype(float) - picture(s, size))
            assert gap.mean() < 1.0, (s, size, gap.mean())
        # The bound can fail: half a pixel of shift at 128 px is seen.
        moved = large.transform((256, 256), Image.Transform.AFFINE, (1, 0, 4, 0, 1, 0))
        assert np.abs(np.asarray(moved.reduce(2)).astype(float) - picture(s)).mean() > 1.0


def test_every_combination_of_stated_factors_renders():
    rng = np.random.default_rng(2)
    combos = itertools.product(SUBJECTS, COLORS, PLACES, TIMES)
    scenes = [sample_scene(rng, subject=a, color=b, place=c, time=d) for a, b, c, d in combos]
    assert len({p.tobytes() for p in render_batch(scenes, 16)}) == len(scenes)
    assert set(SHAPES) == set(SUBJECTS) and set(SUBJECT_COLORS) == set(COLORS)


@pytest.mark.parametrize("name", [n for n in FACTORS if n not in ("stars", "time")])
def test_every_factor_is_visible(name):
    """Changing one factor and nothing else changes enough pixels to be seen, for every pair of values."""
    for s in some(6, seed=3):
        for a, b in itertools.combinations(FACTORS[name].values, 2):
            pinned = {k: getattr(s, k) for k in FACTORS if k != "stars"}
            pair = [sample_scene(np.random.default_rng(11), **{**pinned, name: v}) for v in (a, b)]
            changed = np.abs(picture(pair[0]) - picture(pair[1])).max(-1) > 16
            assert changed.sum() >= 60, (a, b, int(changed.sum()), pair)


def test_stars_are_visible_and_countable():
    for s in some(6, seed=4, time="night", stars="few", clouds="none"):
        none_left = dataclasses.replace(s, stars="many")
        assert (np.abs(picture(s) - picture(none_left)).max(-1) > 60).sum() > 60


@pytest.mark.slow
@pytest.mark.parametrize("place,time", list(itertools.product(PLACES, TIMES)))
def test_subject_stands_out_in_all_colours(place, time):
    """White on snow, blue on sea, pink at sunset: the coloured parts differ from what they cover."""
    for color, subject in itertools.product(COLORS, SUBJECTS):
        pinned = {"subject": subject, "color": color, "place": place, "time": time, "companion": "none", "position": "left"}
        (s,) = some(1, 5, **pinned, size="medium", ground="flat")
        here = picture(s)
        repainted = picture(dataclasses.replace(s, color="blue" if color == "red" else "red"))
        behind = picture(dataclasses.replace(s, x=s.x + 0.45))
        coloured = np.abs(here - repainted).max(-1) > 8
        coloured[:, round(128 * (s.x + 0.22)) :] = False
        contrast = np.abs(here - behind).sum(-1)[coloured]
        assert contrast.mean() > 65, (subject, color, contrast.mean())


def test_the_hour_shows_in_sky_and_ground():
    for place in PLACES:
        mean = {}
        for time in TIMES:
            # The same scene thrice; top rows are sky, bottom rows ground: the hour must show in both.
            p = picture(some(1, 6, place=place, time=time, size="small", clouds="none", light="hidden")[0])
            mean[time] = [p[:40].mean((0, 1)), p[-6:].mean((0, 1))]
        for day, sunset, night in zip(mean["day"], mean["sunset"], mean["night"], strict=True):
            assert night.sum() < 0.75 * day.sum()
            assert np.abs(sunset - day).sum() > 60 and sunset[2] < day[2]


@pytest.mark.parametrize("size", [0, 7, 5000])
def test_unreasonable_size_is_one_sentence(size):
    with pytest.raises(ValueError, match="8 to 4096"):
        render(some(1)[0], size)
