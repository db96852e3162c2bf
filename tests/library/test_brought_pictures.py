"""One way in for pictures: limits, zip archives with bad intentions, EXIF, doubles; whatever is refused is named."""

from __future__ import annotations

import io
import os
import pickle
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from studio.library import brought_pictures
from studio.library.brought_pictures import Intake, Limits, keep, take


def png(colour: str = "red", size: tuple[int, int] = (32, 24), format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format, **options)
    return buffer.getvalue()


def packed(path: Path, entries: dict[str, bytes], compress: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


@pytest.fixture(autouse=True)
def nothing_else_is_written(tmp_path: Path) -> Iterator[None]:
    """Reading leaves the folder as it was, but for what the test itself put there."""
    beside = tmp_path.parent / "beside"
    yield
    assert not beside.exists()


def only(intake: Intake) -> str:
    (sentence,) = intake.refused
    assert sentence.endswith(".") and sentence.count(". ") == 0
    return sentence


def test_files_folders_and_archives_come_in_by_one_way(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "b.webp").write_bytes(png("blue", format="WEBP"))
    (tmp_path / "a.png").write_bytes(png())
    archive = packed(
        tmp_path / "c.zip", {"in/c.jpg": png("lime", format="JPEG"), "__MACOSX/in/._c.jpg": b"x", "in/.DS_Store": b"x"}
    )
    intake = take([tmp_path / "a.png", folder, archive])
    assert [(one.name, one.size) for one in intake.pictures] == [("a.png", (32, 24)), ("b.webp", (32, 24)), ("c.jpg", (32, 24))]
    assert intake.refused == []
    assert intake.pictures[0].image().getpixel((0, 0)) == (255, 0, 0)


def test_pictures_are_upright_and_carry_nothing_but_pixels(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "where I live"
    (tmp_path / "turned.jpg").write_bytes(png(format="JPEG", exif=exif))
    (tmp_path / "clear.png").write_bytes(png()[:0] + _clear())
    turned, clear = take([tmp_path / "turned.jpg", tmp_path / "clear.png"]).pictures
    assert turned.size == (24, 32)
    assert b"where I live" not in turned.data and not turned.image().getexif()
    assert clear.image().getpixel((0, 0)) == (255, 255, 255)  # transparent stands on white


def _clear() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (32, 24), (0, 0, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_double_is_named_with_its_twin_whatever_its_format(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.webp").write_bytes(png(format="WEBP", lossless=True))
    intake = take([tmp_path / "a.png", tmp_path / "b.webp"])
    assert only(intake) == "'b.webp' is the same picture as 'a.png'."


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("note.png", b"hello", "not a picture that can be read"),
        ("cut.png", png()[:-30], "not a picture that can be read"),
        ("empty.png", b"", "not a picture that can be read"),
        ("tiny.png", png(size=(8, 40)), "a side of 16 is the least"),
        ("moving.gif", png(format="GIF"), "a PNG, JPEG or WebP would fit"),
        ("model.png", pickle.dumps([1]), "not a picture that can be read"),
        ("model.pkl", pickle.dumps([1]), "not a picture that can be read"),
        ("program.png", b"\x7fELF\x02\x01\x01" + bytes(200), "not a picture that can be read"),
        ("program.jpg", b"MZ\x90\x00" + bytes(200), "not a picture that can be read"),
        ("clip.mp4", b"\x00\x00\x00\x18ftypmp42" + bytes(200), "a PNG, JPEG or WebP would fit"),
        ("page.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture that can be read"),
        ("long.png", png(size=(9000, 20)), "is 9,000 × 20 pixels; a side of 8,192 is the most"),
    ],
)
def test_what_is_no_picture_is_said_so(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert words in only(take([tmp_path / name]))


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    assert "is not there" in only(take([tmp_path / "no.png"]))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_000, 10_000, 50_000])
def test_pixels_are_counted_before_they_are_unpacked(tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb(side, side))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was unpacked"))
    assert "pixels; at most 40,000,000 are read" in only(take([tmp_path / "bomb.png"]))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../../beside", "points out of the archive"),
        ("/etc/beside.png", "points out of the archive"),
        ("..\\beside.png", "points out of the archive"),
        ("C:beside.png", "points out of the archive"),
        ("more.zip", "archive inside of another"),
        ("more.tar.gz", "archive inside of another"),
        ("model.pkl", "may hold a program"),
        ("model.ckpt", "may hold a program"),
    ],
)
def test_an_archive_with_bad_entries_gives_the_good_ones(tmp_path: Path, name: str, words: str) -> None:
    intake = take([packed(tmp_path / "a.zip", {name: png("blue"), "good.png": png()})])
    assert [one.name for one in intake.pictures] == ["good.png"]
    assert words in only(intake)


def test_a_text_that_swells_inside_of_a_picture_is_not_unpacked(tmp_path: Path) -> None:
    swelling = b"note\0\0" + zlib.compress(bytes(200_000_000), 9)
    chunk = struct.pack(">I", len(swelling)) + b"zTXt" + swelling + struct.pack(">I", zlib.crc32(b"zTXt" + swelling))
    whole = png()
    (tmp_path / "a.png").write_bytes(whole[:33] + chunk + whole[33:])
    assert "not a picture that can be read" in only(take([tmp_path / "a.png"]))


def test_five_hundred_files_are_looked_at_and_nothing_is_nothing(tmp_path: Path) -> None:
    for name in ("many", "none"):
        (tmp_path / name).mkdir()
    for i in range(500):
        (tmp_path / "many" / f"{i}.png").write_bytes(png(f"rgb({i % 250}, {i // 250}, 9)"))
    intake = take([tmp_path / "many"], Limits(count=490))
    assert [one.name for one in intake.pictures] == [f"{i}.png" for i in range(490)]  # numbers by their value
    assert len(intake.refused) == 10 and "at most 490 pictures are taken" in intake.refused[0]
    (tmp_path / "many" / "one more.png").write_bytes(png())
    assert only(take([tmp_path / "many"])) == "'many' holds 501 files; at most 500 are looked at."
    empty = packed(tmp_path / "none.zip", {})
    nothing = take([tmp_path / "none", empty])
    assert (nothing.pictures, nothing.refused) == ([], [])


def test_large_pictures_are_made_smaller_where_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(size=(300, 150)))
    (small,) = take([tmp_path / "a.png"], Limits(kept_side=50)).pictures
    assert small.size == (100, 50) and small.image().getpixel((3, 3)) == (255, 0, 0)
    assert take([tmp_path / "a.png"], Limits(kept_side=200)).pictures[0].size == (300, 150)
    assert "is 300 × 150 pixels" in only(take([tmp_path / "a.png"], Limits(kept_side=50, most_side=99)))


def test_equal_pictures_come_where_they_may(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", {"1.png": png(), "2.png": png()})
    assert len(take([archive], Limits(doubles=True)).pictures) == 2 and len(take([archive]).pictures) == 1


def test_masks_come_beside_their_pictures_where_they_may(tmp_path: Path) -> None:
    entries = {"cat.jpg": png(format="JPEG"), "cat.mask.png": png("white"), "2.png": png("lime"), "masks/2.png": png("white"),
               "masks/cat.png": png("black"), "dog.mask.png": b"no picture"}  # fmt: skip
    archive = packed(tmp_path / "a.zip", entries)
    found = take([archive], Limits(masks=True))
    assert [one.name for one in found.pictures] == ["2.png", "cat.jpg"]
    assert {of: one.name for of, one in found.masks.items()} == {"2": "2.png", "cat": "cat.mask.png"}
    assert [sentence.split(" ")[0] for sentence in found.refused] == ["'dog.mask.png'", "'masks/cat.png'"]
    assert take([archive]).masks == {}
    many = packed(tmp_path / "b.zip", {f"{i}.mask.png": png("white") for i in range(3)})
    assert "at most 2 masks are taken" in "".join(take([many], Limits(count=2, masks=True)).refused)


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, str(secret))
    folder = tmp_path / "folder"
    folder.mkdir()
    os.symlink(secret, folder / "link.png")
    intake = take([tmp_path / "a.zip", folder])
    assert intake.pictures == []
    assert len(intake.refused) == 2 and all("'link.png' is a link" in sentence for sentence in intake.refused)


def test_unpacked_bytes_are_limited_one_by_one_and_together(tmp_path: Path) -> None:
    limits = Limits(file_bytes=2_000, total_bytes=6_000)
    zeros = packed(tmp_path / "a.zip", {"zeros.png": bytes(1_000_000), "good.png": png()})
    intake = take([zeros], limits)
    assert [one.name for one in intake.pictures] == ["good.png"]
    assert "more than 2,000 bytes" in only(intake)
    many = packed(tmp_path / "b.zip", {f"{i}.png": bytes(1_900) for i in range(5)})
    assert sum("together they have more than 6,000 bytes" in sentence for sentence in take([many], limits).refused) == 2


def test_an_archive_that_lies_about_sizes_is_not_read_on(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a.png": bytes(3_000_000)})
    raw = path.read_bytes()
    assert raw.count(struct.pack("<I", 3_000_000)) == 2
    path.write_bytes(raw.replace(struct.pack("<I", 3_000_000), struct.pack("<I", 100)))
    intake = take([path], Limits(file_bytes=1_000))
    assert intake.pictures == [] and intake.read_bytes <= 1_000
    assert only(intake)


def test_a_long_list_of_entries_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = packed(tmp_path / "a.zip", {f"{i}.png": b"" for i in range(6)})
    assert "holds 6 files; at most 5" in only(take([few], Limits(entries=5)))
    monkeypatch.setattr(brought_pictures, "DIRECTORY_BYTES", 100)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was opened"))
    assert "far more files" in only(take([few]))


def test_damaged_and_encrypted_archives_are_said_so(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", {"a.png": png()}, zipfile.ZIP_STORED)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"IDAT", b"IDAX"))
    assert "cannot be unpacked" in only(take([path]))
    locked = bytearray(whole)
    for start in (b"PK\x03\x04", b"PK\x01\x02"):
        locked[whole.index(start) + (6 if start[2] == 3 else 8)] |= 1
    path.write_bytes(bytes(locked))
    assert "is encrypted" in only(take([path]))
    path.write_bytes(whole[:-10])
    assert "no zip archive that can be read" in only(take([path]))


def test_there_are_no_more_pictures_than_asked_for(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", {f"{c}.png": png(c) for c in ("red", "blue", "lime")})
    intake = take([archive], Limits(count=2))
    assert len(intake.pictures) == 2
    assert only(intake) == "'red.png' was left out: at most 2 pictures are taken."


def test_a_flood_of_refusals_ends(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", {f"{i}.txt": b"x" for i in range(90)})
    assert len(take([archive]).refused) == brought_pictures.MOST_SENTENCES + 1


def test_what_is_kept_is_named_by_its_pixels(tmp_path: Path) -> None:
    (tmp_path / "a ; rm -rf.png").write_bytes(png())
    (picture,) = take([tmp_path / "a ; rm -rf.png"]).pictures
    name = keep(tmp_path / "uploads", picture)
    assert name == f"{picture.digest[:16]}.png"
    assert Image.open(tmp_path / "uploads" / name).size == (32, 24)


def test_a_data_folder_takes_no_uploads_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.png").write_bytes(png("blue"))
    first, second = take([tmp_path / "a.png", tmp_path / "b.png"], Limits()).pictures
    monkeypatch.setattr(brought_pictures, "MOST_KEPT", len(first.data) + 1)
    name = keep(tmp_path / "uploads", first)
    with pytest.raises(ValueError, match="uploads of the data folder hold .* already; delete some of them"):
        keep(tmp_path / "uploads", second)
    assert keep(tmp_path / "uploads", first) == name  # it is there already
