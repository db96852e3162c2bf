"""What reads reference pictures (`core.references`), inside an adapter's file: tensors whose names begin with `references.`."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from studio.core.edit import EditCard
from studio.core.references import References
from studio.families.adapter_files.container import as_float, shown
from studio.families.adapter_files.targets import Targets

PREFIX = "references."


def written(references: References | None) -> dict[str, Tensor]:
    """By the names that they have in a file."""
    return {} if references is None else {f"{PREFIX}{name}": tensor for name, tensor in references.tensors.items()}


def read(tensors: Mapping[str, Tensor], card: EditCard, modules: Targets, file: str) -> References | None:
    """Of the tensors of a file; None where there are none. ValueError in one sentence where they do not fit the model."""
    own = {name.removeprefix(PREFIX): as_float(t, name) for name, t in tensors.items() if name.startswith(PREFIX)}
    if not own:
        return None
    try:
        found = References(card.attributes, own)
    except ValueError as error:
        raise ValueError(f"{shown(file)}: {error}") from error
    for place in found.places:
        part, _, inside = place.partition(".")
        keys, queries = (modules.get(part, {}).get(f"{inside}.{name}") for name in ("to_k", "to_q"))
        if keys is None or queries is None or (keys[1], queries[0]) != found.widths(place):
            raise ValueError(
                f"{shown(file)} was made for another architecture: this model has no cross-attention {shown(place)} like it; an "
                "adapter for this model's architecture would fit"
            )
    return found
