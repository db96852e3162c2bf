"""Gallery: everything that was made, of every kind, found by words.

What somebody looks for stands in the address and in the browser (`assets/ui/gallery`); the list is asked for when the tab is
looked at, and comes from the index of runs.
"""

from __future__ import annotations

import time

import gradio as gr

from studio.core.files import Json
from studio.ui.gallery.shelf import Shelf
from studio.ui.kit.address import arrived, chosen
from studio.ui.kit.scripts import mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates
from studio.ui.tabs import TABS, Page, Tab

_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class GalleryTab:
    """Builds the tab inside an open `gr.Blocks`. board triggers "open" with {"run"}, which `links` hears."""

    def __init__(self, page: Page):
        self.shelf = Shelf(page.jobs)
        self.board = gr.HTML(
            {"at": 0},
            html_template=template("gallery/gallery"),
            apply_default_css=False,
            elem_id="gallery-board",
            js_on_load=mounted("gallery/gallery", "open"),
            server_functions=self.shelf.served(),
        )

    def place(self, page: Page, tab: gr.Tab) -> None:
        """When chosen, and on page load with its name in the address: the list as it is now."""
        self.tabs = page.tabs
        tab.select(self.looked_at, None, {self.board}, js=chosen("gallery"), **_QUIET)
        asked = gr.Textbox(visible="hidden")
        page.demo.load(self.arrive, asked, {page.tabs, self.board}, js=arrived("gallery"), **_QUIET)

    def looked_at(self) -> Updates:
        """The script asks for the list when this is another moment."""
        return {self.board: {"at": time.time()}}

    def arrive(self, words: str) -> Updates:
        front = {self.tabs: gr.Tabs(selected="gallery")} if str(words or "").split(" ")[0] == "gallery" else {}
        return self.looked_at() | front


ABOUT = "Everybody: all that was made here, found by words, named, and set side by side."
TABS.add("gallery")(Tab("gallery", "Gallery", 70, GalleryTab, about=ABOUT))
