"""Pictures that carry their run: there and back, and everything else somebody might drop."""

from __future__ import annotations

import io
import json
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from studio.domains.media.image import MAX_TEXT_BYTES, jpeg_strip, png_bytes, read_run

RUN = {"request": {"prompt": "a tree “at” night ☾"}, "arm": "student", "seed": 7}
PIXELS = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*chunks: bytes, width: int = 8, height: int = 8) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def test_there_and_back(tmp_path: Path) -> None:
    raw = png_bytes(PIXELS, RUN)
    assert raw == png_bytes(PIXELS, RUN), "same picture, same bytes"
    path = tmp_path / "x.png"
    path.write_bytes(raw)
    assert read_run(path) == read_run(str(path)) == read_run(raw) == {"format": 1, **RUN}
    assert np.array_equal(np.asarray(Image.open(path)), PIXELS)


def test_text_survives_being_saved_again_as_international_text() -> None:
    for compressed in (False, True):
        info = PngImagePlugin.PngInfo()
        info.add_itxt("studio", json.dumps({"format": 1, **RUN}), zip=compressed)
        buffer = io.BytesIO()
        Image.fromarray(PIXELS).save(buffer, "PNG", pnginfo=info)
        assert read_run(buffer.getvalue())["seed"] == 7


def test_every_truncation_is_one_sentence() -> None:
    raw = png_bytes(PIXELS, RUN)
    for cut in [*range(0, 60), *range(60, len(raw), 23), len(raw) - 1]:
        with pytest.raises(ValueError, match="PNG") as error:
            read_run(raw[:cut])
        assert "\n" not in str(error.value)
        assert str(error.value).endswith(".")


def _plain_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    return buffer.getvalue()


TEXT = b"studio\0"
GOOD = json.dumps({"format": 1, **RUN}).encode()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"hello world, not an image", "no PNG"),
        (b"\xff\xd8\xff\xe0" + b"x" * 40, "a JPEG"),
        (_plain_png(), "not made by this studio"),
        (png_bytes(PIXELS, RUN)[:-20], "cut off"),
        (png(chunk(b"tEXt", TEXT + b"{not json")), "damaged"),
        (png(chunk(b"tEXt", TEXT + b"[1, 2]")), "does not describe"),
        (png(chunk(b"tEXt", TEXT + b'{"request": 5, "format": 1}')), "does not describe"),
        (png(chunk(b"tEXt", TEXT + b"[" * 100_000)), "damaged"),
        (png(chunk(b"tEXt", TEXT + GOOD.replace(b'"format": 1', b'"format": 99'))), "newer version"),
        (png(chunk(b"tEXt", TEXT + b"x" * (MAX_TEXT_BYTES + 1))), "at most"),
        (png(chunk(b"tEXt", b"studious\0" + GOOD)), "not made by this studio"),
        (png(chunk(b"tEXt", TEXT + GOOD), width=100_000, height=100_000), "pixels"),
        (png(chunk(b"tEXt", TEXT + GOOD), width=0), "pixels"),
        (png(chunk(b"tEXt", TEXT + GOOD)[:-1] + b"\0"), "checksum"),
        (png(chunk(b"iTXt", TEXT + b"\x01\0\0\0" + zlib.compress(b"a" * (64 << 20)))), "at most"),
        (png(chunk(b"iTXt", TEXT + b"\x01\0\0\0not deflate")), "damaged"),
        (png(chunk(b"iTXt", TEXT)), "damaged"),
    ],
)  # fmt: skip
def test_what_is_no_picture_of_ours_is_said_in_one_sentence(raw: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        read_run(raw)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_a_header_that_claims_a_billion_pixels_is_not_decoded() -> None:
    assert read_run(png(chunk(b"tEXt", TEXT + GOOD), width=16384, height=16384))["seed"] == 7


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_run(tmp_path / "none.png")
    with pytest.raises(ValueError, match="cannot be read"):
        read_run("a\0b")
    (tmp_path / "x.png").write_bytes(png_bytes(PIXELS, RUN))
    monkeypatch.setattr("studio.domains.media.image.MAX_FILE_BYTES", 50)
    for source in (tmp_path / "x.png", png_bytes(PIXELS, RUN)):
        with pytest.raises(ValueError, match="MB"):
            read_run(source)


def test_damaged_bytes_never_do_worse_than_a_sentence() -> None:
    raw, rng = png_bytes(PIXELS, RUN), random.Random(0)
    for _ in range(400):
        damaged = bytearray(raw)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        sentence = ""
        try:
            assert isinstance(read_run(bytes(damaged))["request"], dict)
        except ValueError as error:
            sentence = str(error)
        assert "\n" not in sentence


def test_a_run_too_large_for_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        png_bytes(PIXELS, {"request": {"prompt": "x" * (MAX_TEXT_BYTES + 1)}})


def test_a_strip_lies_side_by_side() -> None:
    images = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    images[1] = 255
    strip = np.asarray(Image.open(io.BytesIO(jpeg_strip(images))))
    assert strip.shape == (8, 24, 3)
    assert strip[:, 8:16].min() > 240
    assert strip[:, 16:].max() < 15
