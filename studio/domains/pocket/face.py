"""Pocket World as the studio sees it (`studio.core.domain.Domain`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from studio.core.domain import Attribute, Defaults, Factor, Hands, Hint, Input, Said, Stated, WordGroup, World
from studio.core.files import Json
from studio.core.inputs import filled
from studio.domains import DOMAINS
from studio.domains.pocket import captions, scene
from studio.domains.pocket.attributes import ATTRIBUTES

if TYPE_CHECKING:
    from PIL.Image import Image

TITLES = {"subject": "Subject", "color": "Colour", "place": "Place", "time": "Time", "size": "Size", "clouds": "Clouds"}


class PocketWorld:
    """Flat illustrations of ten subjects in four places."""

    name, title, medium, order, has_world = "pocket", "Pocket World", "image", 0, True
    defaults = Defaults(
        teacher="nano/teacher",
        pair="pocket/dmd2",
        examples=tuple(captions.EXAMPLES),
        studies=(
            "a red house by day", "a tree in the snow at night", "a yellow balloon at sunset", "a boat by the sea",
            "a blue star in the desert", "a pink mushroom in a meadow", "a white rocket at night", "a purple car by day",
        ),
        shown=("a red house at night", "a tree by the sea", "a boat by day", "a cat in the snow", "a blue car at sunset",
               "a mushroom in a meadow", "a rocket", "a small balloon"),
        noun="house",
    )  # fmt: skip
    factors: Mapping[str, Factor] = scene.FACTORS
    identity: tuple[str, ...] = scene.IDENTITY
    attributes: Mapping[str, Attribute] = ATTRIBUTES
    hints: Mapping[str, Hint] = {
        "layout": Hint("Layout", "red subject, green ground, blue companion", scene.LAYOUT),
        "edges": Hint("Edges", "bright contours on black", scene.LAYOUT),
    }
    inputs: Mapping[str, Input] = {}
    words: Sequence[WordGroup] = tuple(WordGroup(factor, TITLES[factor], table) for factor, table in captions.TABLES.items())
    vocabulary: Sequence[str] = tuple(captions.vocabulary())
    distance = "FD-oracle"
    always: Sequence[str] = (scene.ONE,)
    pretraining = "studio.domains.pocket.pretrain.curriculum:Curriculum"

    def read(self, prompt: str, brought: Sequence[str] = (), given: Json | None = None) -> Said:
        parsed, beside = captions.parse(prompt, brought), filled(self.inputs, given)
        return Said(captions.canonical(prompt, brought), parsed.stated, parsed.notice() or "", _left(parsed.stated), beside)

    def write(self, stated: Stated) -> str:
        return captions.written(stated)

    def world(self, stated: Stated) -> World:
        return {"stars": scene.frequencies("stars", time=stated.get("time"))}

    def check(self, stated: Stated) -> None:
        import numpy as np

        scene.sample_scene(np.random.default_rng(0), **stated)

    def illustration(self) -> Sequence[Sequence[Image]]:
        from studio.domains.pocket.render import illustration

        return illustration()

    def hands(self) -> Hands:
        from studio.domains.pocket.hands import PocketHands

        return PocketHands()


def _left(stated: Stated) -> tuple[str, ...]:
    """What these captions leave to the model, in words."""
    time = stated.get("time")
    names = {name: factor.title or name for name, factor in scene.FACTORS.items() if name not in stated}
    if time in ("day", "sunset"):
        names.pop("stars", None)  # stars shine at night only: nothing is free about them here
    if "light" in names:
        names["light"] = {None: "sun or moon", "night": "moon"}.get(time, "sun")
    return tuple(names.values())


DOMAINS.add("pocket")(PocketWorld())
