"""How light a picture is, and how far its lights and darks are apart."""

from __future__ import annotations

from studio.library.rewards import Reward, add

add(
    Reward(
        name="brightness",
        title="Brightness",
        about="Mean of all pixels; 0 is black, 100 % white.",
        medium="image",
        read=lambda images: images.flatten(1).mean(1),
        beside=("time=day",),
        order=10,
    )
)
add(
    Reward(
        name="darkness",
        title="Darkness",
        about="What brightness leaves to 100 %.",
        medium="image",
        read=lambda images: 1 - images.flatten(1).mean(1),
        beside=("time=night",),
        order=11,
    )
)
add(
    Reward(
        name="contrast",
        title="Contrast",
        about="Standard deviation of the pixels' lightness, doubled; 100 % is half black, half white.",
        medium="image",
        read=lambda images: 2 * images.mean(1).flatten(1).std(1, correction=0),
        order=12,
    )
)
