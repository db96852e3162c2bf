"""The repeated blocks of a network compiled, not the whole network, so that the first picture is not long in coming: blocks that
are alike are compiled once (PyTorch's recipe "Reducing torch.compile cold start compilation time with regional compilation").

A block runs as it is while anything is worn in it or looks into it (hooks), while its layers come to the device one by one, and
under gradients: what is compiled never has to follow what changes between two steps. Copies of a network, as for training, are
not compiled. Outputs differ from the plain ones in the last bits.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import nn

from studio.core.explain import brief

SETTING = "STUDIO_COMPILE"
SUFFIX = (
    "TransformerBlock"  # of the class of what repeats: BasicTransformerBlock, JointTransformerBlock, FluxSingleTransformerBlock
)
Backend = str | Callable[..., object]  # as torch.compile takes it
SAID = f"Blocks of the networks are compiled (${SETTING}); samples may differ from plain ones in their last digits."
YES, NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def wanted() -> bool:
    """What `$STUDIO_COMPILE` says; ValueError in one sentence where that is neither yes nor no."""
    said = os.environ.get(SETTING, "").strip().lower()
    if said not in (*YES, *NO):
        raise ValueError(f"${SETTING} is {brief(said)}; 1 or 0 fits.")
    return said in YES


class Compiled:
    """The compiled blocks of one network. failed: why they run plain all the same, "" as long as they can be compiled. notice:
    is told that once, in a sentence."""

    def __init__(self) -> None:
        self.blocks: list[_Block] = []
        self.failed = ""
        self.notice: Callable[[str], object] | None = None

    def fail(self, error: Exception) -> None:
        if self.failed:
            return
        why = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        self.failed = f"The networks could not be compiled and run as they are: {type(error).__name__}, {brief(why)}."
        if self.notice is not None:
            self.notice(self.failed)


class _Block:
    """Stands where `nn.Module.__call__` looks for a compiled call."""

    def __init__(self, block: nn.Module, whole: Compiled, backend: Backend):
        self.block, self.whole = block, whole
        self.calls = 0  # of what is compiled
        self._modules = list(block.modules())
        self._fast: Callable[..., object] = torch.compile(block._call_impl, backend=backend)

    def __call__(self, *args: object, **kwargs: object) -> object:
        plain = self.block._call_impl
        if self.whole.failed or torch.is_grad_enabled() or any(map(_watched, self._modules)):
            return plain(*args, **kwargs)
        try:
            out = self._fast(*args, **kwargs)
        except Exception as error:  # what a compiler raises is of many kinds; the network's own error comes again below
            out = plain(*args, **kwargs)
            self.whole.fail(error)
            return out
        self.calls += 1
        return out


def _watched(module: nn.Module) -> bool:
    """Whether something hangs on a module that comes and goes: an edit, a reader of features, accelerate's mover of weights."""
    return bool(module._forward_hooks or module._forward_pre_hooks or hasattr(module, "_hf_hook"))


def compile_blocks(network: nn.Module, backend: Backend = "inductor") -> Compiled:
    """Compile every repeated block when it is first called. A network that is compiled already keeps what it has."""
    blocks = [module for module in network.modules() if type(module).__name__.endswith(SUFFIX)]
    known = next((call.whole for block in blocks if isinstance(call := block._compiled_call_impl, _Block)), None)
    if known is not None:
        return known
    whole = Compiled()
    for block in blocks:
        call = _Block(block, whole, backend)
        block._compiled_call_impl = call
        whole.blocks.append(call)
    return whole
