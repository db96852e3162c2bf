"""Where the program runs, and what follows from it: one answer for the address, the data folder, the device and the demo mode.

A Space of the Hugging Face Hub says its name in `SPACE_ID` (docs/hub/spaces-overview.md of huggingface/hub-docs); the `spaces`
package takes a Space for ZeroGPU where `SPACES_ZERO_GPU` is 1, t or true (spaces/config.py 0.47). Nothing here imports torch.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PERSISTENT = Path("/data")  # where a Space has its storage, when it has some
YES, NO = ("1", "true", "yes", "t"), ("0", "false", "no", "f")
Env = Mapping[str, str]


@dataclass(frozen=True)
class Environment:
    """What follows from where the program runs; options and STUDIO_ variables of a person win over all of it."""

    name: str  # cpu, cuda or mps; cpu-space, gpu-space or zero-gpu
    space: str  # its name on the Hub, "" elsewhere
    host: str  # address to listen on
    device: str | None  # of the workers; None: the best there is
    demo: bool  # visitors draw, and change nothing

    @property
    def is_space(self) -> bool:
        return bool(self.space)


def accelerator() -> str:
    """cuda, mps or cpu, by what the operating system shows."""
    if shutil.which("nvidia-smi") or Path("/dev/nvidiactl").exists():
        return "cuda"
    return "mps" if sys.platform == "darwin" and platform.machine() == "arm64" else "cpu"


def environment(env: Env | None = None, has: Callable[[], str] = accelerator) -> Environment:
    """env: variables, the process's own by default. has: what computes here.

    A Space starts as a demo, because who may see it cannot be asked from inside; STUDIO_DEMO=0 opens it, =1 makes a demo of any
    other. On ZeroGPU a GPU is there only inside decorated calls, which the workers do not make: they compute on the CPU.
    """
    env = os.environ if env is None else env
    space, computes = env.get("SPACE_ID", ""), has()
    asked = env.get("STUDIO_DEMO", "").strip().lower()
    if asked not in ("", *YES, *NO):
        raise ValueError(f"STUDIO_DEMO is {asked[:20]!r}; 1 or 0 fits.")
    demo = asked in YES if asked else bool(space)
    if not space:
        return Environment(computes, "", "127.0.0.1", None, demo)
    if env.get("SPACES_ZERO_GPU", "").lower() in YES:
        return Environment("zero-gpu", space, "0.0.0.0", "cpu", demo)
    if computes == "cuda":
        return Environment("gpu-space", space, "0.0.0.0", None, demo)
    return Environment("cpu-space", space, "0.0.0.0", "cpu", demo)


def storage(here: Environment, persistent: Path = PERSISTENT) -> Path | None:
    """A Space's folder that outlives a restart, if there is one and a file can be written in it."""
    if not here.is_space or not persistent.is_dir():
        return None
    try:
        with tempfile.TemporaryFile(dir=persistent) as file:
            file.write(b"probe")
    except OSError:
        return None
    return persistent / "distillation-studio"
