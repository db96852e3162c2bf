"""Subjects: shipped ones and a person's own, what is broken, what comes in, and the commands of a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from studio.capabilities.personalize import commands
from studio.cli.app import app
from studio.domains import domain_of
from studio.domains.media import MEDIA
from studio.jobs.jobs import Jobs
from studio.jobs.paths import ASSETS, Paths, open_paths
from studio.library.models import ModelEntry, load_registry
from studio.library.subjects import (
    Subject,
    fits,
    home,
    keep,
    misfit,
    problems,
    remove,
    replaced,
    subject,
    subjects,
    with_trigger,
)

SHIPPED = {"ink", "lopsided-house", "poster", "spotted-mushroom", "striped-balloon", "two-tailed-cat"}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return open_paths(tmp_path / "data")


def coloured(color: str = "red", size: tuple[int, int] = (40, 20)) -> Image.Image:
    return Image.new("RGB", size, color)


def shot(color: str) -> bytes:
    buffer = io.BytesIO()
    coloured(color).save(buffer, "PNG")
    return buffer.getvalue()


def kept(paths: Paths, name: str = "my-cat", n: int = 2, **given: Any) -> Subject:
    usual = {"accepted": [(f"IMG_{i}.jpg", coloured()) for i in range(n)], "title": "My cat", "kind": "thing", "noun": "cat",
             "word": "<my-cat>", "domain": "pocket", "captions": {}, "consent": True}  # fmt: skip
    return keep(paths, name, **{**usual, **given})


def test_the_shipped_ones_are_read(paths: Paths) -> None:
    found = subjects(paths)
    assert set(found) == {f"pocket/{name}" for name in SHIPPED} and problems(paths) == {}
    for one in found.values():
        assert one.shipped and one.consent and not one.missing and (len(one.pictures), len(one.held)) == (5, 5)
        assert one.word == f"<{one.id.split('/')[1]}>" and len(one.digest) == 12
        assert set(one.masks) == ({f"{i}.png" for i in range(1, 11)} if one.kind == "thing" else set())
    assert [file.name for file in found["pocket/ink"].held] == ["6.png", "7.png", "8.png", "9.png", "10.png"]
    assert found["pocket/ink"].lines("<ink>")[0] == "a <ink> with a red house in a meadow by day"
    assert found["pocket/spotted-mushroom"].lines(held=True)[0] == "a {} by the sea at night"


def test_pictures_come_as_middle_squares(paths: Paths) -> None:
    wide = Image.new("RGB", (60, 30), "blue")
    wide.paste("red", (15, 0, 45, 30))
    turned = Image.new("RGB", (30, 60), "blue")
    turned.paste("lime", (0, 0, 30, 15))
    exif = Image.Exif()
    exif[274] = 8  # to be turned by 270 degrees
    file = io.BytesIO()
    turned.save(file, "PNG", exif=exif)
    one = kept(paths, accepted=[("a.png", wide)], held=[("b.png", file.getvalue())])
    (red,) = one.batches(16)
    assert red.shape == (1, 3, 16, 16) and red.min() >= 0
    assert torch.allclose(red[0, :, 3:-3, 3:-3].mean((1, 2)), torch.tensor([1.0, 0.0, 0.0]), atol=0.01)
    (held,) = one.batches(16, held=True)
    with Image.open(one.held[0]) as upright:
        assert upright.size == (60, 30) and not upright.getexif() and upright.getpixel((1, 15)) == (0, 255, 0)
    assert torch.allclose(held[0, :, 3:-3, 3:-3].mean((1, 2)), torch.tensor([0.0, 0.0, 1.0]), atol=0.01)


def test_a_subject_is_kept_and_removed(paths: Paths) -> None:
    one = kept(paths, captions={"IMG_1.jpg": "a {} at night"}, held=[("last.png", coloured("blue"))])
    assert subject(paths, "mine/my-cat") == one and "mine/my-cat" in subjects(paths)
    assert [file.name for file in (*one.pictures, *one.held)] == ["1.png", "2.png", "3.png"]
    assert one.lines() == ["a {}", "a {} at night"] and one.lines("cat", held=True) == ["a cat"]
    assert one.missing == ("1.png", "3.png") and (one.noun, one.kind, one.consent, one.shipped) == ("cat", "thing", True, False)
    assert [path.name for path in home(paths).iterdir()] == ["my-cat"]
    remove(paths, "mine/my-cat")
    assert list(home(paths).iterdir()) == [] and "mine/my-cat" not in subjects(paths)


def test_styles_have_a_wording_of_their_own(paths: Paths) -> None:
    assert kept(paths, kind="style", noun="picture", n=1).lines("<my-cat>") == ["a picture in <my-cat>"]


def test_the_digest_is_of_contents(paths: Paths) -> None:
    one, same = kept(paths), kept(paths, "other")
    other = kept(paths, "third", captions={"IMG_0.jpg": "a {} by day"})
    blue = kept(paths, "fourth", accepted=[("IMG_0.jpg", coloured("blue")), ("IMG_1.jpg", coloured())])
    assert one.digest == same.digest and len({one.digest, other.digest, blue.digest}) == 3


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "My cat"}, "The name 'My cat' does not fit"),
        ({"name": ".."}, "The name '..' does not fit"),
        ({"accepted": []}, "0 pictures were given; from 1 to 100 fit"),
        ({"n": 101}, "101 pictures were given"),
        ({"held": [(f"{i}.png", coloured()) for i in range(101)]}, "101 held-back pictures were given; from 0 to 100 fit"),
        ({"held": [("IMG_0.jpg", coloured())]}, "Two pictures have the same file name"),
        ({"accepted": [("a.png", b"no picture")]}, "'a.png' is not a picture that can be read"),
        ({"accepted": [("a.png", coloured(size=(4, 90)))]}, "'a.png' is 4 × 90 pixels"),
        ({"masks": {"IMG_9.jpg": coloured("white")}}, "There is a mask for 'IMG_9.jpg', and no such picture"),
        ({"masks": {"IMG_0.jpg": b"no picture"}}, "'the mask of IMG_0.jpg' is not a picture that can be read"),
        ({"masks": {"IMG_0.jpg": coloured(size=(40, 40))}}, "The mask of 'IMG_0.jpg' is 40 × 40 pixels, and the picture 40 × 20"),
        ({"masks": {"IMG_0.jpg": coloured("black")}}, "The mask of 'IMG_0.jpg' is black all over; one that is white where"),
        ({"word": "my-cat"}, "The word 'my-cat' does not fit"),
        ({"noun": "<cat>"}, "The class '<cat>' does not fit"),
        ({"title": ""}, "title"),
        ({"captions": {"IMG_0.jpg": "a cat at night"}}, "The caption 'a cat at night' does not fit"),
        ({"captions": {"IMG_0.jpg": "a {} and a {}"}}, "does not fit"),
        ({"captions": {"IMG_9.jpg": "a {}"}}, "There is a caption for 'IMG_9.jpg', and no such picture. Did you mean 'IMG_"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_kept(paths: Paths, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as error:
        kept(paths, **given)
    assert sentence in str(error.value) and "\n" not in str(error.value)
    assert not home(paths).exists() or list(home(paths).iterdir()) == []


def test_a_name_is_taken_once(paths: Paths) -> None:
    kept(paths)
    with pytest.raises(ValueError, match="There is a subject mine/my-cat already"):
        kept(paths, n=1)
    assert len(subject(paths, "mine/my-cat").pictures) == 2


def test_only_ones_own_are_removed(paths: Paths) -> None:
    with pytest.raises(ValueError, match="pocket/ink is shipped with the studio"):
        remove(paths, "pocket/ink")
    for id in ("mine/..", "mine/", "mine/../subjects", "mine/none"):
        with pytest.raises(ValueError, match="There is no subject"):
            remove(paths, id)
    assert (ASSETS / "subjects/pocket/ink/subject.json").is_file() and paths.root.is_dir()


def broken(folder: Path, how: str) -> None:
    about = json.loads((folder / "subject.json").read_text())
    if how == "json":
        (folder / "subject.json").write_text("{")
    elif how == "pictures":
        shutil.rmtree(folder / "pictures")
    elif how == "damaged":
        (folder / "pictures" / "1.png").write_bytes(b"PNG")
    elif how == "twice":
        (folder / "held").mkdir()
        shutil.copy(folder / "pictures" / "1.png", folder / "held")
    elif how == "name":
        folder.rename(folder.with_name("My cat"))
    else:
        (folder / "subject.json").write_text(json.dumps(about | json.loads(how)))


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("json", "mine/my-cat has no readable subject.json."),
        ("pictures", "mine/my-cat has no pictures; PNG files in its folder pictures would fit."),
        ("damaged", "'1.png' in pictures is no picture that can be read; a PNG would fit."),
        ("twice", "mine/my-cat has '1.png' among its pictures and among those held back; one place fits."),
        ("name", "The folder 'My cat' has no name of a subject; one like my-cat would fit."),
        ('{"word": "cat"}', "The subject.json of mine/my-cat does not fit: The word 'cat' does not fit"),
        ('{"captions": {"1.png": "a cat"}}', "The subject.json of mine/my-cat does not fit: The caption 'a cat' does not fit"),
        ('{"kind": "mood"}', "The subject.json of mine/my-cat does not fit: kind"),
        ('{"klass": "cat"}', "The subject.json of mine/my-cat does not fit: SubjectFile has no field 'klass'"),
    ],
)
def test_a_broken_folder_is_passed_over_and_named(paths: Paths, how: str, sentence: str) -> None:
    kept(paths)
    kept(paths, "whole")
    broken(home(paths) / "my-cat", how)
    assert set(subjects(paths)) == {"mine/whole", *(f"pocket/{name}" for name in SHIPPED)}
    ((id, said),) = problems(paths).items()
    assert said.startswith(sentence)
    with pytest.raises(ValueError) as error:
        subject(paths, id)
    assert str(error.value) == said


def test_an_unknown_one_is_said(paths: Paths) -> None:
    with pytest.raises(ValueError, match=r"There is no subject 'pocket/inc'\. Did you mean 'pocket/ink'\?"):
        subject(paths, "pocket/inc")


def test_a_subject_fits_models_of_its_domain(paths: Paths) -> None:
    model, ink = load_registry().get("nano/teacher"), subject(paths, "pocket/ink")
    photos, paintings = (ModelEntry(f"mine/{d}", d, Path(), "teacher", None, d, 512) for d in ("photos", "paintings"))
    assert fits(ink, model) and not fits(ink, photos)
    assert misfit(ink, photos) == "pocket/ink is for models of the domain pocket, and mine/photos is of photos."
    mine = kept(paths, domain="photos")
    assert fits(mine, photos) and fits(mine, paintings) and not fits(mine, model)  # no world is known of either


def test_captions_get_a_place_for_the_word() -> None:
    given = {"1.png": "at night", "2.png": "the {} by day", "3.png": ""}
    assert with_trigger(given) == {"1.png": "a {} at night", "2.png": "the {} by day", "3.png": "a {}"}
    assert with_trigger(given, "photo of {},")["1.png"] == "photo of {}, at night"
    with pytest.raises(ValueError, match="The caption 'a cat' does not fit"):
        with_trigger(given, "a cat")


def test_words_of_captions_are_replaced() -> None:
    given = {"1.png": "A Cat in a cathedral", "2.png": "my cat's bed", "3.png": "nothing"}
    assert replaced(given, "cat", r"{}\1") == {"1.png": "A {}\\1 in a cathedral", "2.png": "my {}\\1's bed", "3.png": "nothing"}
    assert given["1.png"] == "A Cat in a cathedral"
    with pytest.raises(ValueError, match="Nothing was given to find"):
        replaced(given, " ", "{}")


def test_pictures_are_kept_smaller_with_their_masks(paths: Paths) -> None:
    mask = Image.new("RGB", (60, 30), (90, 90, 90))
    mask.paste("white", (0, 0, 30, 30))
    one = kept(paths, accepted=[("a.png", coloured(size=(6000, 3000)))], held=[("b.png", coloured())], masks={"a.png": mask})
    with Image.open(one.pictures[0]) as picture, Image.open(one.masks["1.png"]) as covered:
        assert picture.size == covered.size == (4096, 2048) and covered.mode == "L"
        assert (covered.getpixel((10, 10)), covered.getpixel((4090, 10))) == (255, 0)
    assert set(one.masks) == {"1.png"}


def test_masks_are_cut_as_their_pictures_are_and_a_picture_without_one_counts_whole(paths: Paths) -> None:
    mask = Image.new("RGB", (60, 30))
    mask.paste("white", (0, 0, 30, 30))
    one = kept(paths, accepted=[(name, coloured(size=(60, 30))) for name in ("a.png", "b.png")], masks={"a.png": mask})
    covers = one.covers(16)
    assert covers is not None and covers.shape == (2, 3, 16, 16) and bool((covers[1] == 1).all())
    assert bool((covers[0, :, :, :7] > 0.9).all()) and bool((covers[0, :, :, 9:] < 0.1).all())  # the middle square's left half
    found = MEDIA.get("image").inside(covers, (4, 4, 4))  # type: ignore[attr-defined]
    assert found.shape == (2, 1, 4, 4) and bool((found[0, :, :, 0] > 0.9).all()) and bool((found[0, :, :, 3] < 0.1).all())
    assert kept(paths, "bare").covers(16) is None


@pytest.fixture
def run(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`python -m studio subjects …`: what it prints, in one line, refusals among it."""

    def run(*words: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            monkeypatch.setattr(commands, "out", commands.Console(width=200, file=printed))
            monkeypatch.setattr(commands, "err", commands.Console(width=200, file=printed))
            app(["subjects", *words, "--data-dir", str(jobs.paths.root)], standalone_mode=False)
        return " ".join(printed.getvalue().split())

    return run


def test_commands(run: Callable[..., str], jobs: Jobs, tmp_path: Path) -> None:
    for i in range(1, 4):
        coloured(("red", "lime", "blue")[i - 1]).save(tmp_path / f"{i}.png")
    said = run(
        "add", "spot", "--pictures", str(tmp_path), "--noun", "mushroom", "--caption", "1.png=a {} at night = dark", "--held", "1"
    )
    assert said == "Listed as mine/spot. Without a caption, and said to show 'a {}': 2.png, 3.png."
    assert "mine/spot" in run("list") and "2 + 1 held" in run("list") and "mine/spot" in run("list", "--model", "nano/teacher")
    found = json.loads(run("show", "mine/spot", "--json"))
    assert (found["class"], found["word"], found["held"], found["title"]) == ("mushroom", "<spot>", ["3.png"], "spot")
    assert found["captions"]["1.png"] == "a {} at night = dark" and str(tmp_path) not in json.dumps(found)
    assert "consent: nobody said so" in run("show", "mine/spot") and "class: picture" in run("show", "pocket/ink")
    with pytest.raises(ValueError, match="'1.png' is no caption of a picture"):
        run("add", "spot", "--pictures", str(tmp_path), "--noun", "mushroom", "--caption", "1.png")
    assert run("remove", "mine/spot") == "Removed mine/spot."
    assert [one["id"] for one in json.loads(run("list", "--json"))] == [f"pocket/{name}" for name in sorted(SHIPPED)]


def test_a_zip_comes_in_and_what_is_refused_is_named_one_by_one(run: Callable[..., str], paths: Paths, tmp_path: Path) -> None:
    brought = tmp_path / "brought.zip"
    with zipfile.ZipFile(brought, "w") as archive:
        for name, data in {"in/10.png": shot("red"), "in/2.jpg": shot("blue"), "../out.png": shot("lime"), "more.zip": b"PK",
                           "in/10.mask.png": shot("white"),
                           "in/twin.png": shot("red"), "note.txt": b"hello"}.items():  # fmt: skip
            archive.writestr(name, data)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "2.png").write_bytes(shot("white"))
    said = run("add", "spot", "--pictures", str(brought), "--noun", "cat", "--held", "1", "--masks", str(tmp_path / "masks"))
    for sentence in ("'../out.png' points out of the archive", "'more.zip' is an archive inside of another",
                     "'in/twin.png' is the same picture as '10.png'", "'note.txt' is not a picture"):  # fmt: skip
        assert said.count(sentence) == 1
    assert "Listed as mine/spot." in said
    found = json.loads(run("show", "mine/spot", "--json"))
    assert (found["pictures"], found["held"], found["masks"]) == (["1.png"], ["2.png"], ["1.png", "2.png"])


@pytest.mark.parametrize("name", ["none", "note.txt", "texts", "nowhere.png", "many"])
def test_where_no_picture_is_there_is_no_subject(run: Callable[..., str], jobs: Jobs, tmp_path: Path, name: str) -> None:
    for folder in ("none", "texts", "many"):
        (tmp_path / folder).mkdir()
    for file in ("note.txt", "texts/1.txt", "texts/2.txt", *(f"many/{i}.txt" for i in range(501))):
        (tmp_path / file).write_text("hello")
    with pytest.raises(ValueError) as error:
        run("add", "spot", "--pictures", str(tmp_path / name), "--noun", "cat")
    assert str(error.value).startswith(f"'{name}' ") and str(error.value).count(". ") == 0
    assert "mine/spot" not in subjects(jobs.paths)


def test_a_world_draws_a_subject_that_known_words_say_as_well(run: Callable[..., str], paths: Paths) -> None:
    asked = ("draw", "blue-house", "--shows", "subject=house", "--shows", "color=blue", "--pictures", "3", "--held", "2")
    assert "Listed as mine/blue-house." in run(*asked)
    one = subject(paths, "mine/blue-house")
    assert (one.noun, one.word, one.kind, one.consent) == ("house", "<blue-house>", "thing", True)
    assert (dict(one.shows), len(one.pictures), len(one.held), one.missing) == ({"subject": "house", "color": "blue"}, 3, 2, ())
    read = domain_of("pocket").read
    for line in (*one.lines(one.word), *one.lines(one.word, held=True)):
        assert not set(read(line, (one.word,)).stated) & set(one.shows)  # it is left to the word
    for wrong, said in (
        (("--shows", "subject=castle"), "subject cannot be 'castle'; it is one of house"),
        (("--shows", "colour=blue"), "There is no factor 'colour'"),
        (("--shows", "house"), "'house' says nothing that pictures show"),
        (("--shows", "subject=house", "--domain", "image"), "The domain image draws no pictures of its own, so bring some."),
    ):
        with pytest.raises(ValueError) as error:
            run("draw", "other", *wrong)
        assert said in str(error.value)
