"""Models from elsewhere: found, listed, downloaded, taken off the list."""

from __future__ import annotations

from collections.abc import Iterator

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.ui.api.checks import fields
from studio.ui.api.endpoint import Endpoint
from studio.ui.kit.refusals import said
from studio.ui.models import downloads, form
from studio.ui.models.tab import removed


class Models:
    """What the Models tab does. A token is handed to the download or the request it is given with, and kept nowhere."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs

    def endpoints(self) -> Iterator[Endpoint]:
        for call in (self.search_models, self.add_model, self.look_at_model, self.download_model, self.remove_model):
            yield Endpoint(call.__name__, call)

    def search_models(self, text: str) -> list[Json]:
        """Models on the Hugging Face Hub whose name holds a text: [{"id", "about"}], most downloaded first."""
        return said(lambda: form.search(text))

    def add_model(self, request: dict) -> Json:
        """List a model from elsewhere; nothing of its weights is downloaded. `request`: {"place": owner/name or a path of the
        server's, "holds", "file", "base", "like", "role", "teacher", "variant", "revision", "size", "id", "token", "recipe":
        {"timesteps", "rule", "guidance", "eta", "prediction"} of a student}. Returns {"id"}."""
        return {"id": said(lambda: form.add(self.jobs.paths, fields(request, "place")))}

    def look_at_model(self, wish: dict) -> Json:
        """What a download would take. `wish`: {"model": id, "token"}. Returns {"text", "licence", "gated", "page"}."""
        return said(lambda: downloads.look(self.jobs, *texts(wish, "model", "token")))

    def download_model(self, wish: dict) -> Json:
        """Begin a download, or go on with it. `wish`: {"model": id, "token"}. Returns {"downloads": by model, those that go on};
        /ask_job pauses and resumes them by their "run"."""
        said(lambda: downloads.start(self.jobs, *texts(wish, "model", "token")))
        return {"downloads": downloads.going(self.jobs)}

    def remove_model(self, wish: dict) -> Json:
        """Take a model off the list. `wish`: {"model": id, "files": whether what was downloaded goes too}. Returns {"said"}."""
        return said(lambda: removed(self.jobs, texts(wish, "model")[0], bool(fields(wish, "model").get("files"))))


def texts(wish: dict, *names: str) -> list[str]:
    return [str(fields(wish, names[0]).get(name) or "") for name in names]
