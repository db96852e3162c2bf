"""Models: what there is, here and on the Hub, and what `python -m studio models` does, for people in a browser.

The page asks while it is looked at (`served`); what goes on for long is a run of the kind "fetch_model", which belongs to the
queue. A token is passed on to a run or to one request, and is in nothing that the page keeps.
"""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from gradio.components import Component

from studio.core.explain import brief
from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library import uploads
from studio.library.hub_files import told_bytes
from studio.library.recognising import recognise as recognised
from studio.library.removing import own_files, removable, take_away
from studio.ui.kit import parts
from studio.ui.kit.address import arrived, chosen
from studio.ui.kit.scripts import mounted
from studio.ui.kit.theme import template
from studio.ui.kit.updates import Updates
from studio.ui.models import downloads, form, listing, sayings, sign_in
from studio.ui.tabs import TABS, Page, Tab

_QUIET: Json = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
Served = Callable[..., Json]  # of a wish, and of who has signed in, which Gradio adds


class ModelsTab:
    """Builds the tab inside an open `gr.Blocks`. board triggers "compare" with {"student"}."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        with gr.Row(elem_id="models-page", elem_classes="shell"):
            with gr.Column(scale=0, min_width=280, elem_classes="controls"), gr.Column(elem_classes="card fields"):
                if sign_in.offered():
                    gr.LoginButton("Sign in with Hugging Face, for gated models", elem_id="models-sign-in", size="sm")
                self.form = parts.mounted_html(None, "models/form", "models-form", *for_form(jobs))
            with gr.Column(scale=1, min_width=280, elem_classes="results"):
                self.board = gr.HTML(
                    None,
                    html_template=template("models/board"),
                    apply_default_css=False,
                    elem_id="models-board",
                    js_on_load=mounted("models/board", "compare"),
                    server_functions=for_board(jobs),
                )
        self.listed: set[Component] = {self.form, self.board}

    def place(self, page: Page, tab: gr.Tab) -> None:
        """When chosen, and on page load with the tab in the address: what there is now."""
        self.tabs = page.tabs
        tab.select(self.opened, None, self.listed, js=chosen("models"), **_QUIET)
        asked = gr.Textbox(visible="hidden")
        page.demo.load(self.arrive, asked, {page.tabs, *self.listed}, js=arrived("models"), **_QUIET)

    def opened(self) -> Updates:
        return {self.board: listing.listed(self.jobs), self.form: form.offered(self.jobs.paths)}

    def arrive(self, words: str) -> Updates:
        here = str(words or "").split(" ")[0] == "models"
        return {self.tabs: gr.Tabs(selected="models")} | self.opened() if here else {self.tabs: gr.Tabs()}


def for_board(jobs: Jobs) -> list[Served]:
    """What the list asks for; Gradio's browser side sends anything. Each gives {"problem"} where it was refused."""

    def again(_: Json) -> Json:
        """All there is now, as `listing.listed`."""
        return listing.listed(jobs)

    def progress(_: Json) -> Json:
        """{"downloads"}: how far they are, without reading the models again."""
        return {"downloads": downloads.going(jobs)}

    def look(wish: Json, signed: gr.OAuthToken | None = None) -> Json:
        """As `downloads.look`."""
        return answered(lambda: downloads.look(jobs, *_named(sign_in.with_token(wish, signed), "model", "token")))

    def download(wish: Json, signed: gr.OAuthToken | None = None) -> Json:
        """Begin one, or go on; {"downloads"}."""
        given = _named(sign_in.with_token(wish, signed), "model", "token")
        return answered(lambda: downloads.start(jobs, *given)) | progress({})

    def act(wish: Json) -> Json:
        """{"model", "action"}: pause, resume or cancel; {"downloads"}."""
        return answered(lambda: downloads.act(jobs, *_named(wish, "model", "action"))) | progress({})

    def removal(wish: Json) -> Json:
        """What would go: {"files", "text"}. Nothing goes yet."""
        return answered(lambda: to_remove(jobs, *_named(wish, "model")))

    def remove(wish: Json) -> Json:
        """{"model", "files"}: gone; all there is now."""
        done = answered(lambda: removed(jobs, _named(wish, "model")[0], bool(wish.get("files"))))
        return done if "problem" in done else listing.listed(jobs) | done

    return [again, progress, look, download, act, removal, remove]


def for_form(jobs: Jobs) -> list[Served]:
    def add(wish: Json, signed: gr.OAuthToken | None = None) -> Json:
        """As `form.add`: {"id"}."""
        return answered(lambda: {"id": form.add(jobs.paths, sign_in.with_token(wish, signed))})

    def search(wish: Json) -> Json:
        """As `form.search`: {"hits"}."""
        return answered(lambda: {"hits": form.search(*_named(wish, "text"))})

    def offers(_: Json) -> Json:
        """As `form.offered`."""
        return form.offered(jobs.paths)

    def recognise(wish: Json) -> Json:
        """What is at a place here, as `library.recognising.recognise`."""
        return answered(lambda: recognised(form.here(jobs.paths, *_named(wish, "place"))))

    def bring(wish: Json) -> Json:
        """As `form.bring`."""
        return answered(lambda: form.bring(jobs.paths, *_named(wish, "place", "name", "hint")))

    def forget(wish: Json) -> Json:
        """{"place"} of an upload that nothing was made of; it is gone."""
        return answered(lambda: uploads.forget(jobs.paths, *_named(wish, "place")))

    return [add, search, offers, recognise, bring, forget]


def answered(action: Callable[[], Json | None]) -> Json:
    """What it gives, or {"problem": one sentence in the words of the page}."""
    try:
        return action() or {}
    except ValueError as error:
        return {"problem": sayings.on_page(str(error))}
    except (KeyError, TypeError, AttributeError) as error:
        return {"problem": f"This could not be understood ({brief(str(error))})."}


def to_remove(jobs: Jobs, model_id: str) -> Json:
    """{"files": how many would go, "text": their size}. ValueError where it cannot be removed."""
    known = downloads.going(jobs).get(model_id)
    if known is not None and known["live"]:
        raise ValueError(f"{model_id} is being downloaded; it can be removed once the download is paused or ended.")
    listed = removable(jobs.paths, model_id, files=True)
    own = own_files(jobs.paths, listed)
    return {"files": len(own), "text": told_bytes(sum(path.stat().st_size for path in own))}


def removed(jobs: Jobs, model_id: str, files: bool) -> Json:
    """{"said"}."""
    to_remove(jobs, model_id)
    if (known := downloads.going(jobs).get(model_id)) is not None:
        jobs.cancel(str(known["run"]))
    listed = removable(jobs.paths, model_id, files)
    own = own_files(jobs.paths, listed) if files else []
    freed = take_away(jobs.paths, listed, own, files)
    stays = "stays listed" if listed.shipped else "is no longer listed"
    return {"said": f"{model_id} {stays}; " + (f"{told_bytes(freed)} came free." if files else "its files stay.")}


def _named(wish: Json, *names: str) -> list[str]:
    return [str(wish.get(name) or "")[:400] for name in names]


def _build(page: Page) -> ModelsTab:
    return ModelsTab(page.jobs)


ABOUT = "Everybody: what there is here, and what can be brought from the Hub or a folder."
TABS.add("models")(Tab("models", "Models", 60, _build, about=ABOUT))
