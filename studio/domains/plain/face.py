"""Pictures of which no world is known (`studio.core.domain.Domain`): prompts are taken as they are, nothing is stated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from studio.core.domain import Attribute, Defaults, Factor, Hands, Hint, Input, Said, Stated, WordGroup, World
from studio.core.files import Json
from studio.core.inputs import filled
from studio.domains import DOMAINS, PLAIN

if TYPE_CHECKING:
    from PIL.Image import Image


class PlainPictures:
    name, title, medium, order, has_world = PLAIN, "Pictures", "image", 1000, False
    defaults = Defaults()
    factors: Mapping[str, Factor] = {}
    identity: tuple[str, ...] = ()
    attributes: Mapping[str, Attribute] = {}
    hints: Mapping[str, Hint] = {}
    inputs: Mapping[str, Input] = {}
    words: Sequence[WordGroup] = ()
    vocabulary: Sequence[str] = ()
    distance = "FD"
    always: Sequence[str] = ()
    pretraining = ""

    def read(self, prompt: str, brought: Sequence[str] = (), given: Json | None = None) -> Said:
        return Said(prompt, given=filled(self.inputs, given))

    def write(self, stated: Stated) -> str:
        self.check(stated)
        return ""

    def world(self, stated: Stated) -> World:
        return {}

    def check(self, stated: Stated) -> None:
        if stated:
            raise ValueError(f"Nothing is known of what these pictures can show, so {next(iter(stated))} cannot be asked for.")

    def illustration(self) -> Sequence[Sequence[Image]]:
        return ()

    def hands(self) -> Hands:
        raise ValueError("No world of these pictures is known, so none can be made or read by what they show.")


DOMAINS.add(PLAIN)(PlainPictures())
