"""Parts of pictures: boxes, what lies in them, and sizes that a person asks for. Media without parts say so."""

from __future__ import annotations

import re

import pytest
import torch

from studio.core.medium import with_parts
from studio.domains.media import image
from tests.support.signals.medium import SignalPlots

PICTURES = image.Pictures()
RAMP = torch.linspace(0, 1, 60).view(1, 1, 60).expand(3, 40, 60)


def test_boxes_lie_inside_and_are_squares_of_the_sides_that_were_asked_for() -> None:
    boxes = PICTURES.boxes(RAMP, 200, 0.1, torch.Generator().manual_seed(0))
    sides = boxes[:, :, 1] - boxes[:, :, 0]
    assert torch.allclose(sides[:, 0], sides[:, 1]) and 0.1 <= float(sides.min()) < 0.15 and 0.9 < float(sides.max()) <= 1
    assert float(boxes.min()) >= 0 and PICTURES.extent(RAMP) == (1.0, 1.5) and float(boxes[:, 1].max()) > 1.3
    assert float(boxes[:, 0].max()) <= 1 + 1e-6 and float(boxes[:, 1].max()) <= 1.5 + 1e-6


def test_a_part_is_what_lies_in_its_box() -> None:
    part = PICTURES.part(RAMP, torch.tensor([[0.0, 0.5], [0.75, 1.25]]), (3, 8, 8))
    assert part.shape == (3, 8, 8) and torch.allclose(part[:, 0], part[:, 7], atol=1e-5)
    assert abs(float(part.mean()) - float(RAMP[0, 0, 30:50].mean())) < 0.01
    assert PICTURES.part(RAMP, torch.tensor([[0.0, 1e-4], [0.0, 1e-4]]), (3, 4, 4)).isfinite().all()


@pytest.mark.parametrize(
    ("asked", "shape"), [("64x32", (4, 8, 16)), ("32 × 48", (4, 12, 8)), ("128x128", (4, 32, 32)), ("64", (4, 16, 16))]
)
def test_a_size_is_width_by_height(asked: str, shape: tuple[int, ...]) -> None:
    assert PICTURES.sized(asked, (3, 32, 32), (4, 8, 8)) == shape


@pytest.mark.parametrize("asked", ["", "64x", "0x32", "33x32", "160x32", "64x32x3", "-8x32", "9" * 30])
def test_a_size_that_does_not_fit_is_one_sentence(asked: str) -> None:
    with pytest.raises(ValueError, match="does not fit; width × height in multiples of 8 pixels, up to 128 a side, would, like"):
        PICTURES.sized(asked, (3, 32, 32), (4, 8, 8))


@pytest.mark.parametrize(
    ("asked", "step", "most", "near"),
    [
        ("500x700", 8, 0, "in multiples of 64 pixels, up to 2048 a side, would, like 448x640 or 512x704."),
        ("512x700", 8, 0, "like 512x640 or 512x704."),
        ("16", 8, 0, "like 64x64."),
        ("9000x512", 4, 0, "in multiples of 32 pixels, up to 2048 a side, would, like 2048x512."),
        ("2048", 2, 192, "up to 1536 a side, would, like 1536x1536."),
    ],
)
def test_a_size_that_a_model_does_not_take_names_the_nearest_that_it_takes(asked: str, step: int, most: int, near: str) -> None:
    with pytest.raises(ValueError, match=re.escape(near)):
        PICTURES.sized(asked, (3, 512, 512), (4, 64, 64), step, most)


def test_small_stills_are_square_whatever_is_drawn_and_others_are_as_they_are() -> None:
    wide = torch.ones(2, 3, 16, 48)
    assert PICTURES.still(wide).shape == (2, 16, 48, 3)
    small = PICTURES.still(wide, 24)
    assert small.shape == (2, 24, 24, 3) and small[0, 12, 12, 0] == 255 and small[0, 0, 0, 0] == 128
    square = torch.rand(1, 3, 16, 16)
    assert torch.equal(image.squared(square), square)


def test_a_medium_without_parts_says_so() -> None:
    assert with_parts(PICTURES) is PICTURES
    with pytest.raises(ValueError, match="are not cut into parts; the whole of one would fit"):
        with_parts(SignalPlots())
