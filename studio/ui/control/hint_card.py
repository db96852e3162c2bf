"""A ControlNet and the picture it follows: the layout of a scene of the prompt, or a picture that is brought."""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.brought_pictures import keep
from studio.library.hint_uses import BROUGHT, uploads
from studio.ui.kit import parts
from studio.ui.kit.draw_form import QUIET
from studio.ui.kit.updates import Updates, Values
from studio.ui.kit.uploads import said, taken


class HintCard:
    """Builds the card inside an open `gr.Blocks`. offered: (title, id) of the ControlNets to choose from, "" for none."""

    def __init__(self, jobs: Jobs, offered: list[tuple[str, str]]):
        self.jobs = jobs
        with gr.Accordion("A picture to follow", open=False, elem_id="control-hint", elem_classes="card"):
            self.controlnet = gr.Dropdown(offered, value="", label="ControlNet", elem_id="hint-id", filterable=False)
            self.weight = gr.Slider(-2, 2, 1, step=0.1, label="Weight", buttons=[])
            self.scene = gr.Number(7, precision=0, label="Layout of the prompt's scene with this seed", elem_id="hint-scene")
            self.brought = gr.UploadButton(
                "Or bring a picture", size="sm", type="filepath", file_types=["image"], elem_id="hint-bring"
            )
            self.brought_line = parts.text("hint-line")
            self.picture = gr.Textbox("", visible="hidden", label="brought picture")

    @property
    def fields(self) -> tuple[Component, ...]:
        return self.controlnet, self.weight, self.scene, self.picture

    def wire(self) -> None:
        self.brought.upload(self.bring, {self.brought}, {self.picture, self.brought_line}, **QUIET)
        self.scene.input(lambda: ("", ""), None, [self.picture, self.brought_line], **QUIET)

    def hints(self, values: Values) -> list[Json]:
        """As a request has them."""
        if not values[self.controlnet]:
            return []
        what = {"picture": values[self.picture]} if values[self.picture] else {"scene": values[self.scene]}
        return [{"id": values[self.controlnet], "weight": values[self.weight], **what}]

    def fill(self, offered: list[tuple[str, str]], hint: Json) -> Updates:
        """Updates that put a hint of a request back; {} for none."""
        return {
            self.controlnet: gr.Dropdown(offered, value=hint.get("id", "")),
            self.weight: hint.get("weight", 1),
            self.scene: hint["scene"] if hint.get("scene") is not None else gr.skip(),
            self.picture: hint.get("picture", ""),
        }

    def bring(self, values: Values) -> Updates:
        """Keep a picture that was brought, to be followed instead of a scene."""
        intake = taken(values[self.brought], BROUGHT)
        if not intake.pictures:
            return {self.brought_line: said(intake)}
        name = keep(uploads(self.jobs.paths), intake.pictures[0])
        followed = f"{intake.pictures[0].name} is followed; type a seed to follow a scene again."
        return {self.picture: name, self.brought_line: parts.line(followed, "hint")}
