"""Pictures that somebody brings: files, folders and zip archives, each looked at before anything of it is kept.

Nothing is unpacked to the disk and no name of an archive becomes a path. What is accepted is decoded, turned as its EXIF says
and written anew, so that nothing but pixels is left of it. Whatever is refused is named with the reason, one sentence each.
Importing this needs no torch.
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from PIL import Image, ImageOps

from studio.core import demo
from studio.core.explain import brief
from studio.core.files import atomic_write

FORMATS = ("PNG", "JPEG", "WEBP")
FIT = "a PNG, JPEG or WebP would fit"
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
PICKLED = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".npy", ".npz", ".joblib")
DIRECTORY_BYTES = 1 << 20  # of an archive's list of entries, which is read as a whole
LEFT_BY_SYSTEMS = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")  # passed over without a word
MOST_SENTENCES = 40
MOST_KEPT = 4_000_000_000  # bytes of a data folder's uploads


class Refused(ValueError):
    """What was brought is not taken, and why, in one sentence."""


@dataclass(frozen=True)
class Limits:
    """file_bytes: of one picture, unpacked. total_bytes: of all, unpacked, and of an archive itself. pixels: of one picture.
    least_side, most_side: pixels, as they are kept. count: pictures. entries: of an archive or a folder. kept_side: pixels of
    the shorter side; larger pictures are made smaller, 0 leaves them. doubles: whether equal pictures may come. masks: whether
    masks come beside them (`mask_of`), as many as pictures."""

    file_bytes: int = 20_000_000
    total_bytes: int = 200_000_000
    pixels: int = 40_000_000
    least_side: int = 16
    most_side: int = 8192
    count: int = 64
    entries: int = 500
    kept_side: int = 0
    doubles: bool = False
    masks: bool = False


@dataclass(frozen=True)
class Picture:
    """name: as it was brought, without a path. data: a PNG of its pixels, RGB, upright. size: width, height.
    digest: of the pixels, so that copies in another format are told."""

    name: str
    data: bytes
    size: tuple[int, int]
    digest: str

    def image(self) -> Image.Image:
        return Image.open(io.BytesIO(self.data), formats=("PNG",))


@dataclass
class Intake:
    """pictures: those that were accepted, in order. masks: by the name, without its ending, of the picture they are of. refused:
    a sentence for each of the others."""

    limits: Limits
    pictures: list[Picture] = field(default_factory=list)
    masks: dict[str, Picture] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    read_bytes: int = 0

    def refuse(self, sentence: str) -> None:
        if len(self.refused) < MOST_SENTENCES:
            self.refused.append(sentence)
        elif len(self.refused) == MOST_SENTENCES:
            self.refused.append("More was refused than is listed here.")

    def add(self, name: str, data: bytes) -> None:
        """Accept a picture or a mask, or say why not."""
        try:
            if self.limits.masks and (of := mask_of(name)):
                self._mask(name, of, data)
                return
            if len(self.pictures) >= self.limits.count:
                raise Refused(f"{brief(name)} was left out: at most {self.limits.count} pictures are taken.")
            picture = decoded(name, data, self.limits)
            twin = next((one.name for one in self.pictures if one.digest == picture.digest), None)
            if twin is not None and not self.limits.doubles:
                raise Refused(f"{brief(name)} is the same picture as {brief(twin)}.")
            self.pictures.append(picture)
        except Refused as error:
            self.refuse(str(error))

    def _mask(self, name: str, of: str, data: bytes) -> None:
        if of in self.masks:
            raise Refused(f"{brief(name)} was left out: {brief(self.masks[of].name)} is a mask of the same picture.")
        if len(self.masks) >= self.limits.count:
            raise Refused(f"{brief(name)} was left out: at most {self.limits.count} masks are taken.")
        self.masks[of] = decoded(name, data, self.limits)

    def has_room(self, name: str, n_bytes: int) -> bool:
        """Whether a file of this size may still be read; says so where it may not."""
        if n_bytes > self.limits.file_bytes:
            self.refuse(f"{brief(name)} has more than {self.limits.file_bytes:,} bytes; a smaller picture would fit.")
        elif self.read_bytes + n_bytes > self.limits.total_bytes:
            self.refuse(f"{brief(name)} was not read: together they have more than {self.limits.total_bytes:,} bytes.")
        else:
            self.read_bytes += n_bytes
            return True
        return False


def take(given: Sequence[Path], limits: Limits = Limits()) -> Intake:
    """The pictures of files, folders and zip archives. In a public demo none are taken, which is said."""
    intake = Intake(limits)
    if sentence := demo.refusal("import"):
        intake.refuse(sentence)
        return intake
    for path in given:
        if path.is_dir():
            _folder(intake, path)
        elif not path.is_file():
            intake.refuse(f"{brief(path.name)} is not there; {FIT}.")
        elif _is_zip(path):
            _archive(intake, path)
        else:
            _file(intake, path, path.name)
    return intake


def mask_of(name: str) -> str:
    """The name, without its ending, of the picture that a mask is of: "cat" for cat.mask.png, and for cat.png in a folder called
    masks; "" for a picture."""
    path = PurePosixPath(name)
    if path.stem.lower().endswith(".mask"):
        return path.stem[: -len(".mask")]
    return path.stem if path.parent.name.lower() == "masks" else ""


def by_number(name: str) -> list[str]:
    """What names are sorted by, so that numbers in them count by their value: 2.png before 10.png."""
    return [part.zfill(12) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def keep(folder: Path, picture: Picture) -> str:
    """Write an accepted picture into a folder; the name of the file, which follows from its pixels.

    Refused where the folder would then hold more than `MOST_KEPT`."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{picture.digest[:16]}.png"
    if not (folder / name).exists() and held(folder) + len(picture.data) > MOST_KEPT:
        raise Refused(f"{folder.name} of the data folder hold {MOST_KEPT / 1e9:g} GB already; delete some of them.")
    atomic_write(folder / name, picture.data)
    return name


def held(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())


def decoded(name: str, data: bytes, limits: Limits) -> Picture:
    """Refused where these bytes are no picture within the limits."""
    said = brief(name)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > limits.pixels:
                raise Refused(f"{said} has {width:,} × {height:,} pixels; at most {limits.pixels:,} are read.")
            if min(width, height) < limits.least_side:
                raise Refused(f"{said} is {width} × {height} pixels; a side of {limits.least_side} is the least.")
            if max(width, height) * _share((width, height), limits.kept_side) > limits.most_side:
                raise Refused(f"{said} is {width:,} × {height:,} pixels; a side of {limits.most_side:,} is the most.")
            if opened.mode[0] in "IF":
                raise Refused(f"{said} has more than 8 bits a channel; one with 8 would fit.")
            opened.load()
            picture = _shrunk(_flat(ImageOps.exif_transpose(opened)), limits.kept_side)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused(f"{said} has far too many pixels; at most {limits.pixels:,} are read.") from None
    except Refused:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error) as error:
        raise Refused(f"{said} is not a picture that can be read; {FIT}.") from error
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=2)
    digest = hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()
    return Picture(PurePosixPath(name).name, buffer.getvalue(), picture.size, digest)


def _share(size: tuple[int, int], kept_side: int) -> float:
    """Of its sides that a picture keeps."""
    return min(1.0, kept_side / min(size)) if kept_side else 1.0


def _shrunk(image: Image.Image, kept_side: int) -> Image.Image:
    share = _share(image.size, kept_side)
    if share == 1:
        return image
    return image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.LANCZOS)


def _flat(image: Image.Image) -> Image.Image:
    """RGB without anything besides; what is transparent stands on white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    flat = image.convert("RGB")
    flat.info = {}
    return flat


def _file(intake: Intake, path: Path, name: str) -> None:
    if intake.has_room(name, path.stat().st_size):
        intake.add(name, path.read_bytes())


def _folder(intake: Intake, folder: Path) -> None:
    found = [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    if len(found) > intake.limits.entries:
        intake.refuse(f"{brief(folder.name)} holds {len(found):,} files; at most {intake.limits.entries:,} are looked at.")
        return
    for path in sorted(found, key=lambda path: by_number(path.relative_to(folder).as_posix())):
        name = path.relative_to(folder).as_posix()
        if any(part in LEFT_BY_SYSTEMS for part in path.parts):
            continue
        if path.is_symlink() or folder.resolve() not in path.resolve().parents:
            intake.refuse(f"{brief(name)} is a link; only files are read.")
        elif why := unwanted(name):
            intake.refuse(why)
        else:
            _file(intake, path, name)


# -- archives ------------------------------------------------------------------------------------------------------------


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix.lower() == ".zip" or file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _archive(intake: Intake, path: Path) -> None:
    said = brief(path.name)
    try:
        if path.stat().st_size > intake.limits.total_bytes:
            raise Refused(f"{said} has more than {intake.limits.total_bytes:,} bytes; a smaller archive would fit.")
        _check_directory(path, said)
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > intake.limits.entries:
                raise Refused(f"{said} holds {len(entries):,} files; at most {intake.limits.entries:,} are looked at.")
            for entry in sorted(entries, key=lambda entry: by_number(entry.filename)):
                _entry(intake, archive, entry)
    except Refused as error:
        intake.refuse(str(error))
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError):
        intake.refuse(f"{said} is no zip archive that can be read; pack it again.")


def _check_directory(path: Path, said: str) -> None:
    """Looks at the size of the list of entries before it is read: zipfile makes an object of each."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (1 << 16) - 22 - 20))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise Refused(f"{said} is no zip archive that can be read; pack it again.")
    if (
        tail[max(0, at - 20) : at].startswith(b"PK\x06\x07")
        or int.from_bytes(tail[at + 12 : at + 16], "little") > DIRECTORY_BYTES
    ):
        raise Refused(f"{said} lists far more files than are looked at; pack the pictures alone.")


def _entry(intake: Intake, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    said = brief(entry.filename)
    if any(part in LEFT_BY_SYSTEMS for part in PurePosixPath(entry.filename).parts):
        return
    if why := unwanted(entry.filename, entry.external_attr >> 16):
        intake.refuse(why)
    elif entry.flag_bits & 1:
        intake.refuse(f"{said} is encrypted; pack it without a password.")
    elif intake.has_room(entry.filename, entry.file_size):
        try:
            with archive.open(entry) as file:
                data = file.read(entry.file_size + 1)  # no more than it says of itself
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError):
            intake.refuse(f"{said} cannot be unpacked; pack it again.")
            return
        intake.add(entry.filename, data)


def unwanted(name: str, mode: int = 0) -> str:
    """Why an entry of this name is not even read, or "". mode: its Unix file mode, where the archive has one."""
    said, path = brief(name), PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        return f"{said} points out of the archive; pack the pictures without paths."
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return f"{said} is a link, or no file at all; only files are read."
    ending = path.suffix.lower()
    if ending in ARCHIVES:
        return f"{said} is an archive inside of another; pack the pictures themselves."
    if ending in PICKLED:
        return f"{said} may hold a program and is not opened; {FIT}."
    return ""


def names(pictures: Sequence[Picture]) -> Iterator[str]:
    """ "cat.png (512 × 384)" """
    return (f"{brief(picture.name)} ({picture.size[0]} × {picture.size[1]})" for picture in pictures)
