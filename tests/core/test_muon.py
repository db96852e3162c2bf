"""Muon: matrices move orthogonally, the ends of a network and its tables do not, and a checkpoint goes on bit for bit."""

import copy

import pytest
import torch
from torch import nn

from studio.core.optimizers import Muon, make_optimizer, orthogonal, set_rate
from studio.domains.pocket.pretrain.denoising import inside


@pytest.mark.parametrize("shape", [(3, 16, 64), (2, 64, 16), (1, 32, 32)])
def test_moves_are_nearly_orthogonal(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrices).float())
    assert values.min() > 0.5 and values.max() < 1.3


def network():
    torch.manual_seed(0)
    net = nn.Module()
    net.conv_in, net.words = nn.Conv2d(3, 8, 3), nn.Embedding(5, 8)
    net.inner, net.norm, net.conv_out = nn.Conv2d(8, 8, 3), nn.LayerNorm(8), nn.Conv2d(8, 3, 3)
    return net


def test_only_matrices_inside_are_its_own():
    net = network()
    optimizer = make_optimizer("muon", net, lr=8e-4, betas=(0.9, 0.99), weight_decay=0.0)
    hidden, rest = optimizer.param_groups
    assert [id(p) for p in hidden["params"]] == [id(net.inner.weight)]
    assert len(rest["params"]) == len(list(net.parameters())) - 1


def test_a_step_is_as_long_as_the_rate_says_and_a_checkpoint_goes_on():
    def stepped(net, optimizer, steps, seed):
        g = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            for p in net.parameters():
                p.grad = torch.randn(p.shape, generator=g)
            optimizer.step()

    net = network()
    optimizer = Muon(net, lr=8e-4, betas=(0.9, 0.99), weight_decay=0.0)
    before = net.inner.weight.detach().clone()
    set_rate(optimizer, 4e-4)
    stepped(net, optimizer, 1, 1)
    moved = (net.inner.weight.detach() - before).flatten(1)
    assert torch.linalg.svdvals(moved).mean() == pytest.approx(Muon.PACE * 4e-4, rel=0.15)
    again = copy.deepcopy(net)
    other = Muon(again, lr=8e-4, betas=(0.9, 0.99), weight_decay=0.0)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    stepped(net, optimizer, 3, 2)
    stepped(again, other, 3, 2)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_a_box_covers_its_share_of_every_cell():
    covered = inside(torch.tensor([[0.5, 0.25, 0.5], [0.125, 0.5, 0.25]]), 4)
    assert covered.shape == (2, 1, 4, 4)
    assert covered[0, 0].tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert covered.mean((1, 2, 3)).tolist() == pytest.approx([0.25, 0.0625])  # the area of the box
