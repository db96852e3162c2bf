"""What scheduler configs of diffusers say of a model: what its network predicts, and its forward process. No torch at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.core.files import Json

if TYPE_CHECKING:
    from studio.core.prediction import Prediction
    from studio.core.process import VP

PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
BETAS = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr")


def process_of(scheduler: Json) -> VP:
    """The forward process of a scheduler config (beta schedules, zero terminal SNR) as diffusers computes it."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    from studio.core.process import VP

    return VP(DDIMScheduler(**{k: v for k, v in scheduler.items() if k in BETAS}).alphas_cumprod)
