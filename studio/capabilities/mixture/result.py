"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Page(BaseModel):
    """Curves and figures of the exact laboratory, by name."""

    model_config = ConfigDict(extra="allow")
