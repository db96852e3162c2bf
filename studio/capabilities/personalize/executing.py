"""Which work executes a personalization: that of a subject, or that of one picture which is edited afterwards. In a worker."""

from __future__ import annotations

from studio.capabilities.personalize.one_picture import EditingOne
from studio.capabilities.personalize.request import ONE_PICTURE, PersonalizeRequest
from studio.capabilities.personalize.work import Personalizing
from studio.jobs.run import Run
from studio.workshop.tools import Tools


def executing(request: PersonalizeRequest, run: Run[Tools]) -> Personalizing:
    return (EditingOne if request.method == ONE_PICTURE else Personalizing)(request, run)
