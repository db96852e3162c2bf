"""Pictures that carry the run that made them, in the PNG's own text.

Written with Pillow; read by walking the chunks, so that a file somebody drops on the page is never decoded: its pixels
may be as many as they like, only the header and the text under our key are looked at, both with limits.
"""

from __future__ import annotations

import io
import json
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.explain import brief
from studio.core.files import Json
from studio.domains.media import MEDIA

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL import Image
    from torch import Tensor

KEY = "studio"  # keyword of the text chunk
FORMAT = 1
MAX_FILE_BYTES = 64 << 20
MAX_TEXT_BYTES = 1 << 20
MAX_SIDE = 16384  # pixels
STRIP_SIDE = 256  # pixels; larger pictures are shown smaller
SIZE = re.compile(r"([0-9]{1,5})(?:\s*[x×]\s*([0-9]{1,5}))?")
LATENT_STEP = 2  # sides are multiples of so many latent positions, where a model does not say of how many
MOST_SIDES = 4  # times a model's own side
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OTHER_KINDS = {b"\xff\xd8\xff": "a JPEG", b"GIF8": "a GIF", b"RIFF": "a WebP or other RIFF file", b"%PDF": "a PDF",
                b"BM": "a BMP", b"<svg": "an SVG"}  # fmt: skip


def png_bytes(pixels: np.ndarray, run: Mapping[str, object]) -> bytes:
    """A PNG of `pixels` [H, W, 3] uint8 with `run` as JSON text under the key `studio`; same input, same bytes."""
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    text = json.dumps({"format": FORMAT, **run}, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    if len(text) > MAX_TEXT_BYTES:
        raise ValueError(f"The run has {len(text):,} characters of text; a picture carries at most {MAX_TEXT_BYTES:,}.")
    info.add_text("Software", "Distillation Studio")
    info.add_text(KEY, text)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info, compress_level=6)
    return buffer.getvalue()


def jpeg_strip(images: np.ndarray, quality: int = 85) -> bytes:
    """Pictures [N, H, W, 3] uint8 side by side as one JPEG, for previews."""
    from PIL import Image

    n, height, width, _ = images.shape
    strip = images.transpose(1, 0, 2, 3).reshape(height, n * width, 3)
    buffer = io.BytesIO()
    Image.fromarray(strip).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def read_run(source: str | os.PathLike[str] | bytes) -> Json:
    """The run inside a PNG made here: its path, or its bytes. ValueError in one sentence when there is none.

    The keys are those of `kinds.compare` pictures: request, arm, plan, seed, models, versions. The values come from a
    file and are not to be trusted: validate `request` as any other request.
    """
    raw = _load(source)
    if not raw.startswith(_SIGNATURE):
        kind = next((name for start, name in _OTHER_KINDS.items() if raw.lstrip()[:8].startswith(start)), None)
        given = f"This is {kind}, not a PNG" if kind else "This file is empty" if not raw else "This file is no PNG"
        raise ValueError(f"{given}; drop a PNG that was saved by this studio.")
    text: bytes | None = None
    whole = False
    for name, body in _chunks(raw):
        if name == b"IHDR":
            _check_header(body)
        elif name in (b"tEXt", b"iTXt") and text is None:
            text = _text(name, body)
        elif name == b"IEND":
            whole = True
    if not whole:
        raise ValueError("This PNG is cut off before its end; save or download it again.")
    if text is None:
        raise ValueError("This PNG was not made by this studio, or its text was removed when it was saved again.")
    return _parse(text)


def _load(source: str | os.PathLike[str] | bytes) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        raw = bytes(source)
        size = len(raw)
    else:
        try:
            size = Path(source).stat().st_size
            raw = Path(source).read_bytes() if size <= MAX_FILE_BYTES else b""
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a file name"
            raise ValueError(f"{Path(str(source)).name[:60]} cannot be read ({reason}).") from error
    if size > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES >> 20
        raise ValueError(f"This file has {size / 2**20:,.0f} MB; a picture of this studio has less than {limit} MB.")
    return raw


def _chunks(raw: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """(name, body) of every whole chunk up to IEND. Text whose checksum is wrong is an error; pixels are skipped."""
    position, view = len(_SIGNATURE), memoryview(raw)
    while position + 12 <= len(raw):
        length, name = struct.unpack_from(">I4s", raw, position)
        end = position + 12 + length
        if length > 0x7FFFFFFF or end > len(raw):
            return
        if position == len(_SIGNATURE) and name != b"IHDR":
            raise ValueError("This PNG does not begin with a header; it is damaged.")
        body = view[position + 8 : end - 4]
        read = name in (b"IHDR", b"tEXt", b"iTXt")
        if read and zlib.crc32(body, zlib.crc32(name)) != struct.unpack_from(">I", raw, end - 4)[0]:
            raise ValueError("This PNG is damaged: a checksum in it is wrong; save or download it again.")
        yield name, body
        if name == b"IEND":
            return
        position = end


def _check_header(body: memoryview) -> None:
    width, height = struct.unpack_from(">II", body) if len(body) == 13 else (0, 0)
    if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE:
        raise ValueError(f"This PNG says it has {width:,} × {height:,} pixels; at most {MAX_SIDE:,} a side fit.")


def _text(name: bytes, body: memoryview) -> bytes | None:
    """The text under our key, or None for any other; iTXt is what some programs make of tEXt when they save again."""
    key, _, rest = bytes(body[: len(KEY) + 1]).partition(b"\0")
    if key != KEY.encode() or bytes(body[len(KEY) : len(KEY) + 1]) != b"\0":
        return None
    value = bytes(body[len(KEY) + 1 :])
    if name == b"iTXt":
        compressed = value[:1] == b"\x01"
        parts = value[2:].split(b"\0", 2)  # language, translated keyword, text
        value = parts[2] if len(parts) == 3 else b""
        value = _inflate(value) if compressed else value
    if len(value) > MAX_TEXT_BYTES:
        raise ValueError(f"The text in this PNG has {len(value):,} bytes; at most {MAX_TEXT_BYTES:,} are read.")
    return value


def _inflate(value: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(value, MAX_TEXT_BYTES + 1)
    except zlib.error as error:
        raise ValueError("The text in this PNG is damaged; save or download it again.") from error


def _parse(text: bytes) -> Json:
    try:
        run = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("The text this studio writes into a PNG is damaged in this one.") from error
    if not isinstance(run, dict) or not isinstance(run.get("request"), dict):
        raise ValueError("The text in this PNG does not describe a run of this studio.")
    if not isinstance(run.get("format"), int) or run["format"] > FORMAT:
        raise ValueError("This PNG was made by a newer version of the studio; update to open it.")
    return run


class Pictures:
    """[N, 3, H, W] in [0, 1]. A still is all there is of one, as high and wide as it is; small ones are square, on grey."""

    name, pictures = "image", True
    types: Mapping[str, str] = {}
    viewer: Path | None = None
    written = "like 512x768, width × height in pixels, or one number for both"

    def still(self, samples: Tensor, side: int | None = None) -> np.ndarray:
        return pixels(samples if side is None else squared(small(samples, side)))

    def files(self, samples: Tensor, i: int) -> Mapping[str, bytes]:
        return {}

    def inside(self, masks: Tensor, shape: Sequence[int]) -> Tensor:
        """[N, 1, h, w] of masks [N, 3, H, W], by area."""
        from torch.nn import functional as F

        return F.interpolate(masks.mean(1, keepdim=True), size=tuple(shape[-2:]), mode="area")

    def extent(self, sample: Tensor) -> tuple[float, ...]:
        return tuple(side / min(sample.shape[1:]) for side in sample.shape[1:])

    def boxes(self, sample: Tensor, n: int, least: float, g: torch.Generator) -> Tensor:
        """Squares whose side is `least` to 1 of the picture's shorter side."""
        import torch

        side = least + (1 - least) * torch.rand(n, generator=g)
        begin = torch.stack([torch.rand(n, generator=g) * (end - side) for end in self.extent(sample)], 1)
        return torch.stack([begin, begin + side[:, None]], 2)

    def part(self, sample: Tensor, box: Tensor, shape: Sequence[int]) -> Tensor:
        from torch.nn import functional as F

        shorter = min(sample.shape[1:])
        (top, bottom), (left, right) = (
            (max(0, round(float(low) * shorter)), min(most, max(round(float(high) * shorter), round(float(low) * shorter) + 1)))
            for (low, high), most in zip(box.tolist(), sample.shape[1:], strict=True)
        )
        cut = sample[None, :, top:bottom, left:right]
        return F.interpolate(cut, size=tuple(shape[1:]), mode="bicubic", antialias=True, align_corners=False)[0].clamp(0, 1)

    def sized(
        self, asked: str, sample_shape: Sequence[int], shape: Sequence[int], step: int = LATENT_STEP, most: int = 0
    ) -> tuple[int, ...]:
        """asked: pixels, width × height, like 64x32, or one number for both."""
        found, own = SIZE.fullmatch(asked.strip()), sample_shape[-1]
        dense = own // shape[-1]  # pixels of a side of one latent position
        unit = step * dense
        limit = min(MOST_SIDES * own, most * dense or MAX_SIDE) // unit * unit
        width, height = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if all(side == own or (0 < side <= limit and side % unit == 0) for side in (width, height)):
            return (shape[0], height // dense, width // dense)
        if width and height:
            lower, upper = ([max(unit, min(limit, way(side, unit))) for side in (width, height)] for way in (_down, _up))
        else:
            lower = upper = [min(limit, 2 * own)] * 2
        near = " or ".join(dict.fromkeys(f"{wide}x{high}" for wide, high in (lower, upper)))
        raise ValueError(
            f"The size {brief(asked)} does not fit; width × height in multiples of {unit} pixels, up to {limit} a side, would, "
            f"like {near}."
        )


def _down(side: int, unit: int) -> int:
    return side // unit * unit


def _up(side: int, unit: int) -> int:
    return -(-side // unit) * unit


def small(images: Tensor, side: int = STRIP_SIDE) -> Tensor:
    """Images [N, 3, H, W] no larger than a strip shows them, by area; the longer side becomes this."""
    longer = max(images.shape[-2:])
    if longer <= side:
        return images
    from torch.nn import functional as F

    return F.interpolate(images, size=[max(1, round(one * side / longer)) for one in images.shape[-2:]], mode="area")


def squared(images: Tensor) -> Tensor:
    """Images [N, 3, H, W] in the middle of grey squares; square ones as they are."""
    high, wide = images.shape[-2:]
    if high == wide:
        return images
    from torch.nn import functional as F

    across, down = max(0, high - wide), max(0, wide - high)
    around = (across // 2, across - across // 2, down // 2, down - down // 2)
    return F.pad(images, around, value=0.5)


def pixels(images: Tensor) -> np.ndarray:
    """[N, 3, H, W] in [0, 1] -> uint8 [N, H, W, 3]."""
    rounded = (images.detach().clamp(0, 1) * 255).round().byte()
    found: np.ndarray = rounded.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return found


def filling(picture: Image.Image, high: int, wide: int) -> Tensor:
    """A Pillow picture of any size and mode as [1, 3, high, wide] in [0, 1]; cut to its middle where it is of another shape."""
    import numpy as np
    import torch
    from PIL import Image as Pillow

    scale = min(picture.width / wide, picture.height / high)
    across, down = round(wide * scale), round(high * scale)
    left, top = (picture.width - across) // 2, (picture.height - down) // 2
    cut = picture.convert("RGB").crop((left, top, left + across, top + down)).resize((wide, high), Pillow.Resampling.BOX)
    return torch.from_numpy(np.array(cut)[None]).permute(0, 3, 1, 2).float().div_(255).contiguous()


def square(picture: Image.Image, size: int) -> Tensor:
    """The same as [1, 3, size, size]."""
    return filling(picture, size, size)


MEDIA.add("image")(Pictures())
