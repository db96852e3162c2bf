"""How much of a picture has a colour: pixels in which one channel is well above both others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from studio.library.rewards import Reward, add

if TYPE_CHECKING:
    from torch import Tensor

ABOVE = 0.15  # of the range from black to white
NAMES = ("red", "green", "blue")


def share(images: Tensor, channel: int) -> Tensor:
    """[N] of pictures [N, 3, H, W]: share of pixels in which this channel is `ABOVE` the others."""
    others = images[:, [c for c in range(3) if c != channel]].amax(1)
    return (images[:, channel] > others + ABOVE).float().flatten(1).mean(1)


for _channel, _name in enumerate(NAMES):
    add(
        Reward(
            name=_name,
            title=f"Share of {_name}",
            about=f"Share of pixels that are clearly {_name}.",
            medium="image",
            read=partial(share, channel=_channel),
            beside=(f"color={_name}",),
            order=20 + _channel,
        )
    )
