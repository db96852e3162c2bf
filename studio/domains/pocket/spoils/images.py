"""Image spoils: finished pictures blurred, noised, cut apart; and what is so faint that nobody minds."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.core.rng import rand, randint, randn


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of [N, 3, H, W], sigma in pixels."""
    radius = max(1, round(2.5 * sigma))
    at = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).repeat(3, 1, 1, 1)
    padded = F.pad(images, (radius, radius, radius, radius), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def blocks(x: Tensor, side: int) -> Tensor:
    small = F.interpolate(x, size=max(1, x.shape[-1] // side), mode="area")
    return F.interpolate(small, size=x.shape[-1], mode="nearest")


def _uniform(g: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * rand(shape or (1,), g)


def _other_pictures(x: Tensor, g: torch.Generator) -> Tensor:
    """For every picture another one: of four at random the least like it, so that what is taken from it shows."""
    rough = F.interpolate(x, size=8, mode="area").flatten(1)
    some = randint(len(x), (len(x), 4), g)
    far = (rough[some] - rough[:, None]).abs().mean(2)
    return x[some.gather(1, far.argmax(1, keepdim=True)).squeeze(1)]


Image = Callable[[Tensor, torch.Generator], Tensor]


def _blurred(x: Tensor, g: torch.Generator) -> Tensor:
    # the world's drawings have edges of one pixel; a pixel of blur at 128 px is what the eye calls soft
    return blur(x, float(_uniform(g, 1.0, 3.5)) * x.shape[-1] / 128 + (0.0 if x.shape[-1] >= 96 else 0.45))


def _noised(x: Tensor, g: torch.Generator) -> Tensor:
    sd = (_uniform(g, 0.0, 1.0, len(x), 1, 1, 1) ** 2) * 0.22 + 0.029  # from 7.4 of 255
    return x + sd * randn(x.shape, g)


def _peppered(x: Tensor, g: torch.Generator) -> Tensor:
    hit, value = rand((len(x), 1, *x.shape[2:]), g), (rand((len(x), 1, *x.shape[2:]), g) < 0.5).float()
    return torch.where(hit < _uniform(g, 0.01, 0.1), value, x)


def _blended(x: Tensor, g: torch.Generator) -> Tensor:
    k = _uniform(g, 0.35, 0.65, len(x), 1, 1, 1)
    return k * x + (1 - k) * _other_pictures(x, g)


def _patched(x: Tensor, g: torch.Generator) -> Tensor:
    n = int(randint(3, (1,), g)) + 3
    grid = (rand((len(x), 1, n, n), g) < 0.5).float()
    grid[:, :, 0, 0], grid[:, :, -1, -1] = 0, 1
    mask = F.interpolate(grid, size=x.shape[-2:], mode="nearest")
    return x * mask + _other_pictures(x, g) * (1 - mask)


def _halved(x: Tensor, g: torch.Generator) -> Tensor:
    cut, other = int(float(_uniform(g, 0.3, 0.7)) * x.shape[-1]), _other_pictures(x, g)
    dim = 2 + int(rand((1,), g) < 0.5)
    return torch.cat([x.narrow(dim, 0, cut), other.narrow(dim, cut, x.shape[dim] - cut)], dim)


def _tiles(x: Tensor, g: torch.Generator) -> Tensor:
    n = (2, 4, 8)[int(randint(3, (1,), g))]
    if x.shape[-1] % n:
        n = 2
    side = x.shape[-1] // n
    cells = x.unfold(2, side, side).unfold(3, side, side).flatten(2, 3)  # [N, 3, n², side, side]
    order = torch.randperm(n * n, generator=g, device=g.device)
    while int((order == torch.arange(n * n, device=order.device)).sum()) > 1:
        order = torch.randperm(n * n, generator=g, device=g.device)
    cells = cells[:, :, order].unflatten(2, (n, n))
    return cells.permute(0, 1, 2, 4, 3, 5).reshape(x.shape)


def _flipped(x: Tensor, g: torch.Generator) -> Tensor:
    return x.flip(2)


def _quarter(x: Tensor, g: torch.Generator) -> Tensor:
    return x.rot90(1 if rand((1,), g) < 0.5 else -1, (2, 3))


def _channels(x: Tensor, g: torch.Generator) -> Tensor:
    orders = ((1, 2, 0), (2, 0, 1), (2, 1, 0), (0, 2, 1), (1, 0, 2))
    return x[:, list(orders[int(randint(5, (1,), g))])]


def _negative(x: Tensor, g: torch.Generator) -> Tensor:
    return 1 - x


def _grey(x: Tensor, g: torch.Generator) -> Tensor:
    k = _uniform(g, 0.75, 1.0)
    return k * x.mean(1, keepdim=True) + (1 - k) * x


def _exposure(x: Tensor, g: torch.Generator) -> Tensor:
    dark = rand((len(x), 1, 1, 1), g) < 0.5
    k = _uniform(g, 0.35, 0.6, len(x), 1, 1, 1)
    return torch.where(dark, x * k, 1 - (1 - x) * k)


def _contrast(x: Tensor, g: torch.Generator) -> Tensor:
    mean, k = x.mean((1, 2, 3), keepdim=True), _uniform(g, 0.25, 0.5, len(x), 1, 1, 1)
    return mean + (x - mean) * torch.where(rand((len(x), 1, 1, 1), g) < 0.5, k, 1 / k.clamp_max(0.4))


def _mosaic(x: Tensor, g: torch.Generator) -> Tensor:
    return blocks(x, max(2, int(float(_uniform(g, 0.03, 0.1)) * x.shape[-1])))


def _posterised(x: Tensor, g: torch.Generator) -> Tensor:
    levels = 1 + int(randint(2, (1,), g))
    return (x * levels).round() / levels


def _covered(x: Tensor, g: torch.Generator) -> Tensor:
    """A block of one colour over the middle of the picture."""
    n, size = len(x), x.shape[-1]
    at, side = rand((n, 2), g) * 0.5 + 0.25, rand((n, 2), g) * 0.2 + 0.1
    where = (torch.arange(size, device=g.device) + 0.5) / size
    rows, columns = ((where[None] - at[:, i, None]).abs() < side[:, i, None] for i in (0, 1))
    mask = (rows[:, None, :, None] & columns[:, None, None, :]).float()
    return x * (1 - mask) + rand((n, 3, 1, 1), g) * mask


def _striped(x: Tensor, g: torch.Generator) -> Tensor:
    size, at = x.shape[-1], torch.arange(x.shape[-1], device=g.device)
    wave = (torch.sin(at * float(_uniform(g, 0.3, 1.6)) * 128 / size) * float(_uniform(g, 0.08, 0.25))).view(1, 1, 1, size)
    return x + (wave if rand((1,), g) < 0.5 else wave.transpose(2, 3))


def _waved(x: Tensor, g: torch.Generator) -> Tensor:
    """The whole picture bent like water."""
    rough = randn((len(x), 2, 7, 7), g)
    field = F.interpolate(rough, size=x.shape[-2:], mode="bicubic", align_corners=True) * float(_uniform(g, 0.05, 0.12))
    theta = torch.eye(2, 3, device=x.device).expand(len(x), 2, 3)
    base = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, base + field.permute(0, 2, 3, 1), padding_mode="reflection", align_corners=False)


def _shifted(x: Tensor, g: torch.Generator) -> Tensor:
    """Rolled round: what leaves at the top comes in below."""
    return x.roll(int(float(_uniform(g, 0.2, 0.8)) * x.shape[-1]), 2)


def _zoomed(x: Tensor, g: torch.Generator) -> Tensor:
    """A part of the picture, enlarged; or all of it, small, on one colour."""
    k = float(_uniform(g, 0.45, 0.7))
    if rand((1,), g) < 0.5:
        side = int(k * x.shape[-1])
        y, left = (int(randint(x.shape[-1] - side + 1, (1,), g)) for _ in range(2))
        part = x[..., y : y + side, left : left + side]
        return F.interpolate(part, size=x.shape[-2:], mode="bilinear", align_corners=False)
    small = F.interpolate(x, size=int(k * x.shape[-1]), mode="area")
    before = (x.shape[-1] - small.shape[-1]) // 2
    after = x.shape[-1] - small.shape[-1] - before
    return F.pad(small, (before, after, before, after), value=float(rand((1,), g)))


def _texture(x: Tensor, g: torch.Generator) -> Tensor:
    """Clouds of colour, or one colour: no picture at all."""
    n = (1, 3, 6, 12, x.shape[-1])[int(randint(5, (1,), g))]
    rough = rand((len(x), 3, n, n), g)
    return F.interpolate(rough, size=x.shape[-2:], mode="bilinear" if n > 1 else "nearest")


IMAGE: dict[str, Image] = {
    "blur": _blurred,
    "noise": _noised,
    "salt and pepper": _peppered,
    "two pictures blended": _blended,
    "two pictures in patches": _patched,
    "two pictures in halves": _halved,
    "tiles shuffled": _tiles,
    "upside down": _flipped,
    "on its side": _quarter,
    "channels exchanged": _channels,
    "negative": _negative,
    "grey": _grey,
    "over- and underexposed": _exposure,
    "contrast": _contrast,
    "mosaic": _mosaic,
    "posterised": _posterised,
    "covered": _covered,
    "stripes": _striped,
    "bent": _waved,
    "rolled": _shifted,
    "zoomed": _zoomed,
    "no picture": _texture,
}


READABLE = ("blur", "noise", "salt and pepper", "stripes")  # all but the stars is as it was
IMAGE_SHOWS: dict[str, bool | None] = {
    **dict.fromkeys(IMAGE, False), **dict.fromkeys(READABLE, True),
    **dict.fromkeys(("grey", "over- and underexposed", "contrast", "mosaic", "posterised", "bent"), None),
}  # fmt: skip


def of_image(kind: str, images: Tensor, g: torch.Generator) -> Tensor:
    """Pictures [N, 3, H, W] in [0, 1] spoilt in one way; N ≥ 2, because some take a second picture."""
    return IMAGE[kind](images, g).clamp(0, 1)


def softened(images: Tensor, g: torch.Generator) -> Tensor:
    """Changes that nobody minds, still clean: faint blur or sharpening, faint noise, tint and exposure, fewer pixels and back."""
    size, u = images.shape[-1], rand((6,), g)
    unit = size / 128
    out = images
    if u[0] < 0.5:
        out = blur(out, float(0.2 + 0.55 * u[1]) * unit + (0.0 if unit >= 0.75 else 0.12))
    elif u[0] < 0.65:
        out = out + float(0.5 * u[1]) * (out - blur(out, 1.0 * unit + 0.2))
    elif u[0] < 0.75 and size >= 64:
        small = F.interpolate(out, size=int(size * float(0.75 + 0.2 * u[1])), mode="area")
        out = F.interpolate(small, size=size, mode="bicubic", align_corners=False)
    tint = 1 + 0.03 * randn((len(images), 3, 1, 1), g)
    noise = 0.016 * float(u[2]) * randn(images.shape, g) if u[3] < 0.7 else 0.0  # up to 4 of 255
    coarse = F.interpolate(randn((len(images), 3, 16, 16), g), size=size, mode="bicubic", align_corners=False)
    return (out * tint + noise + 0.012 * float(u[4]) * coarse).clamp(0, 1)
