"""Noise belongs to (seed, step) and to nothing else."""

import torch

from studio.core.rng import INITIAL, generator, noise


def test_batch_and_order_change_nothing():
    together = noise([3, 1, 2], 5, (4, 8, 8))
    assert torch.equal(together[1], noise([1], 5, (4, 8, 8))[0])
    assert torch.equal(together[[1, 2, 0]], noise([1, 2, 3], 5, (4, 8, 8)))


def test_every_seed_and_step_is_its_own_draw():
    draws = torch.stack([noise(range(24), step, (16,)) for step in (INITIAL, 0, 1, 2, 1000)]).reshape(-1, 16)
    assert len(torch.unique(draws, dim=0)) == len(draws)


def test_neighbouring_seeds_and_steps_are_uncorrelated():
    a, b, c = noise([7], 0, (20000,))[0], noise([8], 0, (20000,))[0], noise([7], 1, (20000,))[0]
    for one, other in ((a, b), (a, c), (b, c)):
        assert abs(float((one * other).mean())) < 0.035  # five standard errors
    assert abs(float(a.mean())) < 0.035
    assert abs(float(a.std()) - 1) < 0.03


def test_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    noise([1, 2], 3, (8,))
    generator(0, "data")
    assert torch.equal(torch.get_rng_state(), before)


def test_purposes_have_generators_of_their_own():
    draws = {p: torch.rand(4, generator=generator(0, p)).tolist() for p in ("data", "time", "noise", "critic", "preview")}
    assert len({tuple(d) for d in draws.values()}) == len(draws)
    assert torch.rand(4, generator=generator(0, "time")).tolist() == draws["time"]
