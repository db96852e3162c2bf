"""What is said of prompts that are longer than text encoders read. Worker side."""

from __future__ import annotations

from collections.abc import Mapping

from studio.core.explain import brief
from studio.core.family import OpenModel, ReadsText

SHOWN = 200  # characters


def cut_words(what: str, text: str, models: Mapping[str, OpenModel]) -> list[str]:
    """A sentence for each end of a text that is not read, of the models that leave out the same together. what: it is called."""
    silent: dict[tuple[str, str], list[str]] = {}
    for name, model in models.items():
        ends = model.cut_off(text) if text and isinstance(model, ReadsText) else {}
        for end in dict.fromkeys(end for end in ends.values() if end):
            deaf = [encoder for encoder, left in ends.items() if left == end]
            by = "" if len(deaf) == len(ends) else f" the {' and '.join(deaf)} of"
            silent.setdefault((end, by), []).append(name)
    return [
        f"The {what} is longer than{by} {' and '.join(names)} reads, and this is cut off: {brief(end, SHOWN)}."
        for (end, by), names in silent.items()
    ]
