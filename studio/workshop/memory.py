"""How much memory a device has left for models, and which precision it computes in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.precisions import chosen

if TYPE_CHECKING:
    from studio.core.residency import Precision

CGROUP = Path("/sys/fs/cgroup")  # limits of a container, version 2


def pick_precision(device: str, of_model: str = "") -> Precision:
    """Of networks that are opened to draw: what the model's file or `$STUDIO_DTYPE` says, else float32 on a CPU, bfloat16 on
    accelerators that have it and float16 on others."""
    if (wanted := chosen(of_model)) is not None:
        return wanted
    if device == "cpu":
        return "float32"
    return "bfloat16" if _has_bfloat16(device) else "float16"


def _has_bfloat16(device: str) -> bool:
    import torch

    kind, _, index = device.partition(":")
    if kind == "cuda":  # in hardware: NVIDIA from Ampere on, and what ROCm runs on
        return torch.version.hip is not None or torch.cuda.get_device_capability(int(index or 0))[0] >= 8
    return kind == "mps" and bool(torch.backends.mps.is_macos_or_newer(14, 0))


def free_bytes(device: str) -> int | None:
    """Bytes that are free on a device now, with what torch keeps ready for itself there; None where nobody says."""
    kind, _, index = device.partition(":")
    if kind == "cuda":
        import torch

        free, _total = torch.cuda.mem_get_info(int(index or 0))
        return int(free) + torch.cuda.memory_reserved(int(index or 0)) - torch.cuda.memory_allocated(int(index or 0))
    try:  # on Apple silicon the CPU's memory is the device's too
        import psutil
    except ImportError:
        return None
    available = int(psutil.virtual_memory().available)
    return min([available, *_left_in_container()])


def _left_in_container(cgroup: Path = CGROUP) -> list[int]:
    """Bytes below a container's limit, with what files in memory would give back; nothing where there is no limit."""
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return [max(0, limit - used + int(stat.get("inactive_file", 0)))]
    except (OSError, ValueError):  # "max" is no number: no limit
        return []
