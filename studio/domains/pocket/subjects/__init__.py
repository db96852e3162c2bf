"""Subjects to personalize models to: four things and two styles that Pocket World does not contain, five pictures of each to
learn from and five held back. `python -m studio.domains.pocket.subjects` writes them to `assets/subjects/pocket/`.

Captions say what is visible besides, never what the subject brings: where it is and when, and of styles also what is drawn.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from studio.core.files import Json
from studio.domains.pocket.captions import PLACE_PHRASES, TIME_PHRASES
from studio.domains.pocket.scene import Scene, sample_scene
from studio.domains.pocket.subjects.styles import ink, poster
from studio.domains.pocket.subjects.things import LOPSIDED_HOUSE, SPOTTED_MUSHROOM, STRIPED_BALLOON, TWO_TAILED_CAT, Thing

SIZE, LEARNED = 128, 5  # pixels of a side; pictures to learn from, the rest are held back
SEEN = (
    ("meadow", "day", "large", "left"), ("snow", "night", "large", "centre"), ("desert", "sunset", "medium", "right"),
    ("sea", "day", "large", "right"), ("meadow", "night", "medium", "left"), ("sea", "night", "large", "left"),
    ("desert", "day", "large", "centre"), ("snow", "sunset", "medium", "right"), ("meadow", "sunset", "large", "centre"),
    ("snow", "day", "medium", "left"),
)  # fmt: skip
DRAWN = (
    ("house", "red"), ("cat", "orange"), ("rocket", "purple"), ("tree", "green"), ("mushroom", "blue"),
    ("boat", "yellow"), ("car", "pink"), ("heart", "red"), ("balloon", "green"), ("star", "blue"),
)  # fmt: skip


@dataclass(frozen=True)
class Shipped:
    """noun: what it is one of. draw: a scene at a size; mask: where the thing is, of things alone."""

    name: str
    title: str
    kind: str
    noun: str
    seed: int
    draw: Callable[[Scene, int], Image.Image]
    mask: Callable[[Scene, int], Image.Image] | None = None

    def scenes(self) -> list[Scene]:
        rng, out = np.random.default_rng(self.seed), []
        for (place, time, size, position), (subject, color) in zip(SEEN, DRAWN, strict=True):
            fixed = {"place": place, "time": time, "size": size, "position": position}
            fixed |= {"subject": self.noun} if self.kind == "thing" else {"subject": subject, "color": color}
            out.append(sample_scene(rng, **fixed))
        return out

    def caption(self, scene: Scene) -> str:
        """In words of the world's captions, with {} for the new one."""
        where = f"{PLACE_PHRASES[scene.place][0]} {TIME_PHRASES[scene.time][0]}"
        drawn = "" if self.kind == "thing" else f"with {'an' if scene.color == 'orange' else 'a'} {scene.color} {scene.subject} "
        return f"a {{}} {drawn}{where}"

    def about(self) -> Json:
        """What subject.json holds."""
        captions = {f"{i}.png": self.caption(scene) for i, scene in enumerate(self.scenes(), 1)}
        return {"title": self.title, "kind": self.kind, "class": self.noun, "word": f"<{self.name}>", "domain": "pocket",
                "captions": captions, "consent": True, "licence": "Apache-2.0",
                "origin": "Rendered for this program."}  # fmt: skip

    def files(self) -> Iterator[tuple[str, Image.Image]]:
        """Path below the folder, and picture."""
        for i, scene in enumerate(self.scenes(), 1):
            yield f"{'pictures' if i <= LEARNED else 'held'}/{i}.png", self.draw(scene, SIZE)
            if self.mask is not None:
                yield f"masks/{i}.png", self.mask(scene, SIZE)


def _thing(name: str, title: str, seed: int, thing: Thing) -> Shipped:
    return Shipped(name, title, "thing", thing.like, seed, thing.draw, thing.mask)


SHIPPED = (
    _thing("spotted-mushroom", "Spotted mushroom", 1, SPOTTED_MUSHROOM),
    _thing("striped-balloon", "Striped balloon", 2, STRIPED_BALLOON),
    _thing("lopsided-house", "Lopsided house", 3, LOPSIDED_HOUSE),
    _thing("two-tailed-cat", "Two-tailed cat", 4, TWO_TAILED_CAT),
    Shipped("ink", "Ink on paper", "style", "picture", 5, ink),
    Shipped("poster", "Poster", "style", "picture", 6, poster),
)


def build(home: Path) -> None:
    """Write every subject to `home/<name>/`; what was there goes."""
    for one in SHIPPED:
        folder = home / one.name
        shutil.rmtree(folder, ignore_errors=True)
        for name, picture in one.files():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            picture.save(folder / name, optimize=True)
        (folder / "subject.json").write_text(json.dumps(one.about(), indent=1) + "\n", encoding="utf-8")
