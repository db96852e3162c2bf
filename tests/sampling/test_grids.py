"""Grids are diffusers' own."""

import pytest
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    TCDScheduler,
)

from studio.sampling import grids

COUNTS = (1, 2, 3, 4, 7, 20, 25, 50)


def timesteps(scheduler, n):
    scheduler.set_timesteps(n)
    return tuple(float(t) for t in scheduler.timesteps)


@pytest.mark.parametrize("n", COUNTS)
def test_ddim(n):
    assert grids.leading(n, offset=1) == timesteps(DDIMScheduler(timestep_spacing="leading", steps_offset=1), n)
    assert grids.trailing(n) == timesteps(DDIMScheduler(timestep_spacing="trailing"), n)
    assert grids.linspace(n) == timesteps(DDIMScheduler(timestep_spacing="linspace"), n)


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("kind", [EulerDiscreteScheduler, EulerAncestralDiscreteScheduler])
def test_euler(n, kind):
    assert grids.leading(n, offset=1) == timesteps(kind(timestep_spacing="leading", steps_offset=1), n)
    assert grids.trailing(n) == timesteps(kind(timestep_spacing="trailing"), n)
    assert grids.linspace(n, whole=False) == pytest.approx(timesteps(kind(timestep_spacing="linspace"), n), abs=1e-3)


@pytest.mark.parametrize("n", COUNTS)
def test_dpm_solver(n):
    assert grids.leading(n, offset=1, solver=True) == timesteps(
        DPMSolverMultistepScheduler(timestep_spacing="leading", steps_offset=1), n
    )
    assert grids.trailing(n) == timesteps(DPMSolverMultistepScheduler(timestep_spacing="trailing"), n)
    assert grids.linspace(n, solver=True) == timesteps(DPMSolverMultistepScheduler(timestep_spacing="linspace"), n)


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("kind", [LCMScheduler, TCDScheduler])
def test_consistency(n, kind):
    assert grids.lcm(n) == timesteps(kind(original_inference_steps=50), n)


def test_the_grids_of_released_students():
    assert grids.lcm(4) == (999, 759, 499, 259)
    assert grids.lcm(8) == (999, 879, 759, 639, 499, 379, 259, 139)
    assert grids.trailing(4) == (999, 749, 499, 249)


def test_by_name_and_its_errors():
    assert grids.spaced("trailing", 4) == grids.trailing(4)
    with pytest.raises(ValueError, match="Did you mean 'trailing'"):
        grids.spaced("trialing", 4)
    with pytest.raises(ValueError, match="1 to 50 would"):
        grids.lcm(51)
    with pytest.raises(ValueError, match="0 steps"):
        grids.leading(0)
