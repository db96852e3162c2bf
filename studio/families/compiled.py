"""The repeated blocks of networks compiled while they draw; what lies between them stays as it is.

A network's blocks are alike, so a few compilations serve all of them, and the first picture waits for these alone (regional
compilation, as diffusers' `compile_repeated_blocks`, which some classes do not name their blocks for). Adapters are hooks
inside blocks. Compiled code sees hooks of low-rank pairs, whose matrices and strengths are its inputs: another strength compiles
nothing, another set of layers does. A block with other hooks inside, or one that is asked for gradients, is computed as always.
A copy of a network is not compiled, so nothing that is trained is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from studio.core.explain import brief
from studio.families.attached import Adding

MOST = 64  # compilations of one piece of code; what comes after them is computed uncompiled
BLOCK = "TransformerBlock"  # how diffusers calls what its transformers, and the transformers in its UNets, repeat
Say = Callable[[str], None]


def repeated_blocks(network: nn.Module) -> list[nn.Module]:
    """As the network's class names them, else whatever is called a transformer block."""
    named = tuple(getattr(network, "_repeated_blocks", None) or ())
    found = [module for module in network.modules() if type(module).__name__ in named]
    return found or [module for module in network.modules() if type(module).__name__.endswith(BLOCK)]


class Compiled:
    """Used as `with Compiled(say) as compiled:`; afterwards the networks are as they were. say: is told once, in a sentence,
    where something could not be compiled; drawing goes on uncompiled then."""

    def __init__(self, say: Say, backend: str | Callable[..., Any] = "inductor"):
        self.say, self.backend, self.works = say, backend, True
        self._blocks: dict[int, nn.Module] = {}

    def __enter__(self) -> Compiled:
        from torch._dynamo import config

        config.skip_nnmodule_hook_guards = False  # adapters are hooks that come and go
        config.recompile_limit = max(config.recompile_limit, MOST)
        return self

    def __exit__(self, *error: object) -> None:
        for block in self._blocks.values():
            block._compiled_call_impl = None
        self._blocks.clear()

    def add(self, network: nn.Module) -> None:
        """Compile its blocks when they are first asked; blocks that another network shares are compiled once."""
        found = repeated_blocks(network)
        if not found:
            self.say(f"{type(network).__name__} has no blocks that repeat, so it draws uncompiled.")
        for block in found:
            if id(block) not in self._blocks and self.works:
                self._begin(block)

    def _begin(self, block: nn.Module) -> None:
        try:
            block._compiled_call_impl = _Asked(block, self)
        except RuntimeError as error:  # torch says so where there is no compiler for this Python
            self.failed(error)
        else:
            self._blocks[id(block)] = block

    def failed(self, error: Exception) -> None:
        if self.works:
            self.works = False
            said = str(getattr(error, "inner_exception", error)).strip().split("\n")[0]
            self.say(f"Networks could not be compiled ({brief(said)}), so they draw uncompiled.")


class _Asked:
    """What a block does when it is called."""

    def __init__(self, block: nn.Module, of: Compiled):
        self.block, self.of = block, of
        self.inside = list(block.modules())
        self.compiled = torch.compile(block._call_impl, backend=of.backend)

    def __call__(self, *args: object, **kwargs: object) -> object:
        from torch._dynamo.exc import TorchDynamoException

        if self.of.works and not torch.is_grad_enabled() and self._ready():
            try:
                return self.compiled(*args, **kwargs)
            except TorchDynamoException as error:
                self.of.failed(error)
        return self.block._call_impl(*args, **kwargs)

    def _ready(self) -> bool:
        """Whether the hooks inside are low-rank pairs alone, which then are where their layers are."""
        for module in self.inside:
            if module._forward_pre_hooks:
                return False
            for hook in module._forward_hooks.values():
                if not (isinstance(hook, Adding) and hook.placed(module)):
                    return False
        return True
