"""The wall of an unlearning: which pictures of what was measured are kept, and in which order."""

from __future__ import annotations

from typing import Any

import torch

from studio.capabilities.unlearn.walls import MOST, Drawn, blocks, ordered
from studio.core.domain import Said


def flags(*on: int, n: int = 6) -> torch.Tensor:
    found = torch.zeros(n, dtype=torch.bool)
    found[list(on)] = True
    return found


def test_what_broke_comes_before_what_was_wrong_already_and_right_ones_follow() -> None:
    every = torch.ones(6, dtype=torch.bool)
    assert ordered(flags(1, 3, 5), flags(1, 2), every) == [3, 5, 1, 0, 2, 4]
    assert ordered(flags(1, 3, 5), flags(1, 2), ~flags(3)) == [5, 1, 0, 2, 4], "what states nothing of it does not count"
    assert ordered(flags(1), flags(), every, {0, 1, 2}) == [1, 3, 4, 5], "what is right stands in one block alone"
    assert len(ordered(flags(n=40), flags(n=40), torch.ones(40, dtype=torch.bool))) == MOST


def test_no_block_is_empty_and_each_says_how_many_of_how_many() -> None:
    said = [Said(f"prompt {i}") for i in range(6)]
    drawn = Drawn(said, list(range(6)), torch.zeros(6, 3, 4, 4), torch.ones(6, 3, 4, 4))
    every = torch.ones(6, dtype=torch.bool)
    reads: Any = object()  # only whether there is an oracle is asked
    found = blocks(
        drawn, drawn, reads, lambda images: flags(2) if images is drawn.after else every, lambda images, own: (every, every)
    )
    assert [one.name for one in found] == ["forgotten", "in its domain", "across domains"]
    assert all(len(one.chosen) == 6 for one in found), "what is right is shown again rather than nothing"
    event = found[0].said("artifacts/walls/a.jpg")
    assert (event["prompts"][0], event["failed"], event["of"], event["also_before"]) == ("prompt 2", 1, 6, 0)
    unread = blocks(drawn, drawn, None, lambda images: every, lambda images, own: (every, every))
    assert [(one.name, one.said("a")["failed"]) for one in unread] == [("forgotten", None), ("across domains", None)]
