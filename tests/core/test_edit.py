"""Edits: what they change, that they add up in any order, and that they are taken out bit for bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from studio.core.edit import Edit, EditCard, LowRank, Merged, combined


def net() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {"unet": nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(64, 5))}


def edit(seed: int, rank: int = 2, alpha: float = 1.0) -> Edit:
    g = torch.Generator().manual_seed(seed)
    conv = LowRank(torch.randn(rank, 3, 3, 3, generator=g), torch.randn(4, rank, 1, 1, generator=g), alpha)
    linear = LowRank(torch.randn(rank, 64, generator=g), torch.randn(5, rank, generator=g), alpha)
    return Edit({"unet.0": conv, "unet.2": linear}, EditCard(title=f"edit {seed}"))


def test_a_pair_is_the_two_small_layers_after_one_another() -> None:
    pair, x = edit(1, alpha=3.0).pairs["unet.0"], torch.randn(2, 3, 4, 4)
    twice = nn.functional.conv2d(nn.functional.conv2d(x, pair.down, padding=1), pair.up) * 1.5
    assert torch.allclose(nn.functional.conv2d(x, pair.delta(), padding=1), twice, atol=1e-5)


def test_merging_is_undone_bit_for_bit_and_the_order_never_matters() -> None:
    parts, x = net(), torch.randn(2, 3, 4, 4)
    before = parts["unet"](x)
    a, b = edit(1), edit(2, rank=3)
    with Merged(parts, [(a, 1.0), (b, -0.5)]):
        one = parts["unet"](x)
    assert torch.equal(parts["unet"](x), before)
    merged = Merged(parts, [(b, -0.5), (a, 1.0)])
    assert torch.equal(parts["unet"](x), one)
    assert not torch.allclose(one, before)
    merged.undo()
    assert torch.equal(parts["unet"](x), before)


def test_several_edits_are_one_edit_exactly() -> None:
    a, b = edit(1, alpha=0.5), edit(2, rank=3, alpha=2.0)
    both = combined([(a, 2.0), (b, -1.0)], EditCard(title="both"))
    for path in a.pairs:
        assert torch.allclose(both.pairs[path].delta(), 2 * a.pairs[path].delta() - b.pairs[path].delta(), atol=1e-5)
    assert both.ranks == (5,)
    assert torch.allclose(a.scaled(2.0).pairs["unet.2"].delta(), 2 * a.pairs["unet.2"].delta())


def test_half_precision_changes_little_and_halves_the_file() -> None:
    own, half = edit(1), edit(1).half()
    assert half.bytes * 2 == own.bytes
    for path in own.pairs:
        assert torch.allclose(half.pairs[path].delta(), own.pairs[path].delta(), rtol=1e-2, atol=1e-2)


def test_an_edit_is_known_by_what_it_holds() -> None:
    assert edit(1).hash == edit(1).hash != edit(2).hash
    assert edit(1).hash != edit(1, alpha=2.0).hash


def test_what_is_no_edit_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="no low-rank pair"):
        LowRank(torch.zeros(2, 8), torch.zeros(5, 3), 1.0)
    with pytest.raises(ValueError, match="no low-rank pair"):
        LowRank(torch.zeros(0, 8), torch.zeros(5, 0), 1.0)
    with pytest.raises(ValueError, match="changes nothing"):
        Edit({}, EditCard(title="nothing"))
    broken = LowRank(torch.full((1, 3), float("nan")), torch.zeros(2, 1), 1.0)
    with pytest.raises(ValueError, match="1 of 1 layers hold NaN"):
        Edit({"unet.0": broken}, EditCard(title="broken"))
    with pytest.raises(ValueError, match="both edits bring the word"):
        word = Edit({}, EditCard(title="w"), {"<cat>": torch.zeros(1, 4)})
        combined([(word, 1.0), (word, 1.0)], EditCard(title="two"))


def test_the_public_card_says_nothing_private() -> None:
    card = EditCard(title="mine", prompts=("my house",), note="for Ada", settings={"folder": "pictures"}, base="pocket/teacher")
    assert card.public() == EditCard(title="mine", base="pocket/teacher")


def test_an_alpha_that_is_no_strength_is_refused() -> None:
    for alpha in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="a number above 0 would"):
            LowRank(torch.zeros(2, 8), torch.zeros(5, 2), alpha)


def test_half_an_edit_is_taken_out_again() -> None:
    parts = net()
    before = {name: p.clone() for name, p in parts["unet"].named_parameters()}
    pairs = {**edit(1).pairs, "unet.9": edit(1).pairs["unet.2"]}
    with pytest.raises(AttributeError):
        Merged(parts, [(Edit(pairs, EditCard(title="more layers than the network has")), 1.0)])
    assert all(torch.equal(p, before[name]) for name, p in parts["unet"].named_parameters())
    with pytest.raises(ValueError, match="a part the model has not; unet fit"):
        Merged(parts, [(Edit({"text_encoder.0": edit(1).pairs["unet.2"]}, EditCard(title="text")), 1.0)])


@pytest.mark.parametrize("kernel", [(), (3, 3)])
def test_a_smaller_rank_is_the_nearest_there_is(kernel: tuple[int, ...]) -> None:
    g = torch.Generator().manual_seed(0)
    pair = LowRank(torch.randn(4, 6, *kernel, generator=g), torch.randn(5, 4, *(1 for _ in kernel), generator=g), 3.0)
    smaller = pair.resized(2)
    assert smaller.rank == 2 and smaller.multiplier == pytest.approx(pair.multiplier)
    assert smaller.delta().shape == pair.delta().shape
    values = torch.linalg.svdvals(pair.delta().flatten(1).double())
    error = float((smaller.delta() - pair.delta()).double().norm() ** 2)
    assert error == pytest.approx(float((values[2:] ** 2).sum()), rel=1e-4)  # Eckart & Young
    assert pair.resized(4) is pair
    with pytest.raises(ValueError, match="a rank of 0 does not fit; 1 or more would"):
        pair.resized(0)


def test_an_edit_of_a_smaller_rank_says_what_it_was() -> None:
    whole = Edit({"unet.a": LowRank(torch.randn(3, 4), torch.randn(2, 3), 1.0)}, EditCard(title="t", note="mine."))
    assert whole.resized(2).card.note == "mine. Brought to rank 2 from 3 by singular values."
    assert whole.resized(2).ranks == (2,)
    assert whole.resized(3) is whole


def test_an_edit_is_trimmed_where_it_hurts_least() -> None:
    g = torch.Generator().manual_seed(0)
    wide = LowRank(torch.randn(4, 40, 3, 3, generator=g), torch.randn(50, 4, 1, 1, generator=g), 4.0)
    thin = LowRank(torch.randn(4, 6, generator=g) * 3, torch.randn(5, 4, generator=g) * 3, 2.0)
    faint = LowRank(torch.randn(4, 6, generator=g) * 1e-4, torch.randn(5, 4, generator=g), 4.0)
    whole = Edit({"unet.wide": wide, "unet.thin": thin, "unet.faint": faint}, EditCard(title="t"))
    small = whole.trimmed(0.9)
    lost = sum(float((pair.delta() - small.pairs[path].delta() if path in small.pairs else pair.delta()).double().norm() ** 2)
               for path, pair in whole.pairs.items())  # fmt: skip
    total = sum(float(pair.delta().double().norm() ** 2) for pair in whole.pairs.values())
    assert 0 < lost <= 0.1 * total + 1e-6 and small.bytes < whole.bytes
    assert "unet.faint" not in small.pairs
    assert small.card.note == "Cut to 90 % of its squared change by singular values."
    assert whole.trimmed(1.0) is whole
    with pytest.raises(ValueError, match="a share of 0 to keep does not fit"):
        whole.trimmed(0)
    nothing = Edit({"unet.a": LowRank(torch.zeros(2, 4), torch.zeros(3, 2), 1.0)}, EditCard(title="none"))
    assert nothing.trimmed(0.5) is nothing
