"""A scrub run to take away: moving pictures of a seed or of the wall, and a contact sheet. Made from the strips; no torch.

What is made is kept below `artifacts/export/` of the run, so that asking again costs nothing. WebP and GIF need Pillow
alone; MP4 is offered where imageio with its ffmpeg is installed.
"""

from __future__ import annotations

import importlib.util
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.explain import brief
from studio.core.files import Json, atomic_write
from studio.library.trace_header import Header, read_header, traced

if TYPE_CHECKING:
    from PIL import Image

SAME = 1e-4  # levels nearer than this, as a ratio, are one
MOVES_MS, RESTS_MS = 110, 1400  # a frame; the last one
COLUMNS = 12  # of a contact sheet
SHEET_SIDE, GAP, MARGIN, WORDS = 128, 8, 16, 22  # px
SYNCS = ("noise", "step")
MAX_PIXELS = 64_000_000  # of one frame of a moving picture


def formats() -> tuple[str, ...]:
    """Kinds of moving picture that can be made here."""
    video = importlib.util.find_spec("imageio") is not None and importlib.util.find_spec("imageio_ffmpeg") is not None
    return ("webp", "gif", "mp4") if video else ("webp", "gif")


@dataclass(frozen=True)
class Reel:
    """The pictures of a run on one axis. sync: rows stand beside each other by noise level or by step number."""

    folder: Path
    headers: tuple[Header, ...]
    sync: str = "noise"

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.headers[0].seeds

    @cached_property
    def levels(self) -> list[float]:
        """Noise levels at which some row was evaluated, falling."""
        found = sorted((_level(m.level) for h in self.headers for m in h.moments), reverse=True)
        out: list[float] = []
        for level in found:
            if not out or not (level == out[-1] or level > out[-1] * (1 - SAME)):
                out.append(level)
        return out

    @property
    def ticks(self) -> int:
        return len(self.levels) if self.sync == "noise" else max(len(h.moments) for h in self.headers)

    def step(self, header: Header, tick: int) -> int:
        """The step of a row that is shown at a tick; -1 before it begins."""
        if self.sync == "step":
            return min(tick, len(header.moments) - 1)
        at = self.levels[tick] * (1 - SAME)
        return sum(_level(moment.level) >= at for moment in header.moments) - 1

    def strip(self, header: Header, step: int) -> Image.Image:
        """All seeds of a row at a step, side by side."""
        from PIL import Image

        with Image.open(self.folder / header.moments[step].strip) as picture:
            return picture.convert("RGB")

    def header(self, arm: str) -> Header:
        found = next((header for header in self.headers if header.arm == arm), None)
        if found is None:
            raise ValueError(f"This run has no row {brief(arm, 40)}; it has {', '.join(h.arm for h in self.headers)}.")
        return found

    def column(self, seed: int) -> int:
        if seed not in self.seeds:
            raise ValueError(f"This run has no seed {brief(seed)}; it has {', '.join(map(str, self.seeds[:8]))}.")
        return self.seeds.index(seed)


def open_reel(folder: Path, sync: str = "noise") -> Reel:
    """ValueError in one sentence when there is nothing to show, or not all of it yet."""
    if sync not in SYNCS:
        raise ValueError(f"Rows cannot be put in step by {brief(sync, 20)}; noise and step fit.")
    headers = tuple(read_header(folder, arm) for arm in traced(folder))
    missing = [m for h in headers for m in h.moments if not (folder / m.strip).is_file()]
    if not headers or missing:
        raise ValueError("Not all pictures of this run are there yet; wait until it is done.")
    return Reel(folder, headers, sync)


def animation(folder: Path, kind: str, sync: str = "noise", arm: str = "", seed: int | None = None) -> Path:
    """A moving picture as `kind` ("webp", "gif", "mp4"): of one seed of one row, of one seed of all, or of the whole wall.

    arm: "" is every row; seed: None is every seed. Returns the file, below `artifacts/export/`.
    """
    if kind not in formats():
        raise ValueError(f"{brief(kind, 12)} cannot be made here; {' and '.join(formats())} can.")
    reel = open_reel(folder, sync)
    rows = [reel.header(arm)] if arm else list(reel.headers)
    columns = list(range(len(reel.seeds))) if seed is None else [reel.column(seed)]
    name = "-".join([_word(arm) if arm else "wall", *([] if seed is None else [f"seed-{seed}"]), sync])
    return _kept(folder, f"{name}.{kind}", lambda: _encoded(list(_frames(reel, rows, columns, alone=bool(arm))), kind))


def _frames(reel: Reel, rows: Sequence[Header], columns: Sequence[int], *, alone: bool) -> Iterator[Image.Image]:
    """A frame a tick; of one row alone, a frame a step."""
    from PIL import Image

    ticks = len(rows[0].moments) if alone else reel.ticks
    side = reel.strip(rows[0], 0).height
    if len(rows) * len(columns) * side * side > MAX_PIXELS:
        raise ValueError(f"{len(rows)} rows of {len(columns)} seeds are too many for one moving picture; take a single seed.")
    for tick in range(ticks):
        size = (len(columns) * (side + GAP) - GAP, len(rows) * (side + GAP) - GAP)
        frame = Image.new("RGB", size, (245, 243, 238))
        for line, header in enumerate(rows):
            step = tick if alone else reel.step(header, tick)
            if step < 0:
                continue
            strip = reel.strip(header, step)
            for place, column in enumerate(columns):
                cell = strip.crop((column * strip.height, 0, (column + 1) * strip.height, strip.height))
                frame.paste(
                    cell if cell.height == side else cell.resize((side, side)), (place * (side + GAP), line * (side + GAP))
                )
        yield frame


def _encoded(frames: Sequence[Image.Image], kind: str) -> bytes:
    if kind == "mp4":
        return _mp4(frames)
    buffer = io.BytesIO()
    rests = [MOVES_MS] * (len(frames) - 1) + [RESTS_MS]
    options: Json = {"quality": 82, "method": 3} if kind == "webp" else {"optimize": False, "disposal": 2}
    frames[0].save(buffer, kind.upper(), save_all=True, append_images=list(frames[1:]), duration=rests, loop=0, **options)
    return buffer.getvalue()


def _mp4(frames: Sequence[Image.Image]) -> bytes:
    import imageio.v3 as iio
    import numpy as np

    even = [frame.crop((0, 0, frame.width // 2 * 2, frame.height // 2 * 2)) for frame in frames]
    moving = [np.asarray(frame) for frame in [*even, *[even[-1]] * (RESTS_MS // MOVES_MS)]]
    written: bytes = iio.imwrite("<bytes>", np.stack(moving), extension=".mp4", fps=round(1000 / MOVES_MS), codec="libx264")
    return written


def contact_sheet(folder: Path, seed: int, sync: str = "noise") -> Path:
    """One seed through its steps: a line a row, at most a dozen moments from noise to the end, labelled. PNG."""
    reel = open_reel(folder, sync)
    column = reel.column(seed)
    return _kept(folder, f"sheet-seed-{seed}-{sync}.png", lambda: _sheet(reel, column, seed))


def _sheet(reel: Reel, column: int, seed: int) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    n = min(COLUMNS, reel.ticks)
    ticks = [round(k * (reel.ticks - 1) / max(1, n - 1)) for k in range(n)]
    label = ImageFont.load_default(13)
    left = MARGIN + 110
    width = left + n * (SHEET_SIDE + GAP) - GAP + MARGIN
    top = MARGIN + 2 * WORDS
    sheet = Image.new("RGB", (width, top + len(reel.headers) * (SHEET_SIDE + GAP) - GAP + MARGIN), (245, 243, 238))
    draw = ImageDraw.Draw(sheet)
    ink, pale = (38, 36, 31), (93, 89, 79)
    draw.text((MARGIN, MARGIN), f"{reel.headers[0].prompt}, seed {seed}: what the model believes (x0) at each step", ink, label)
    for place, tick in enumerate(ticks):
        words = f"noise {_written(reel.levels[tick])}" if reel.sync == "noise" else f"step {tick + 1}"
        draw.text((left + place * (SHEET_SIDE + GAP), MARGIN + WORDS + 4), words, pale, label)
    for line, header in enumerate(reel.headers):
        y = top + line * (SHEET_SIDE + GAP)
        draw.multiline_text((MARGIN, y + 4), _lines(header), ink, label, spacing=5)
        for place, tick in enumerate(ticks):
            step = reel.step(header, tick)
            if step < 0:
                continue
            strip = reel.strip(header, step)
            cell = strip.crop((column * strip.height, 0, (column + 1) * strip.height, strip.height))
            sheet.paste(cell.resize((SHEET_SIDE, SHEET_SIDE)), (left + place * (SHEET_SIDE + GAP), y))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _lines(header: Header) -> str:
    name = header.arm if header.parent is None else f"branch of\n{header.parent[0]}\nfrom step {header.parent[1] + 1}"
    return f"{name}\n{len(header.moments)} steps"


def _kept(folder: Path, name: str, make: Callable[[], bytes]) -> Path:
    path = folder / "artifacts" / "export" / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, make(), durable=False)
    return path


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.")[:60] or "row"


def _level(level: float | None) -> float:
    return math.inf if level is None else level


def _written(level: float) -> str:
    return "inf" if math.isinf(level) else f"{level:.1f}" if level >= 10 else f"{level:.2g}"
