"""Which reference pictures an opened model is shown, as tokens in its conditions (`core.references`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.references import Reader, References, references_key


class Referring:
    """Tokens by the name of the adapter that hears them, [1 or N, T, D]. shape: of a latent sample."""

    def __init__(self, shape: Sequence[int]):
        self.shape = tuple(shape)
        self.tokens: dict[str, Tensor] = {}
        self._readers: dict[str, tuple[References, Reader]] = {}

    @torch.no_grad()
    def show(self, name: str, references: References, pictures: Tensor, attributes: Sequence[Sequence[str]]) -> None:
        """pictures: latents [B, R, *shape]. attributes: what is wanted of each, B rows of R; "" for no reference."""
        known = self._readers.get(name)
        if known is None or known[0] is not references:
            known = self._readers[name] = references, references.reader(self.shape)
        index = torch.tensor([[references.index(one) for one in row] for row in attributes])
        self.tokens[name] = known[1](pictures.float().cpu(), index)

    def forget(self, name: str) -> None:
        self.tokens.pop(name, None)
        self._readers.pop(name, None)

    def beside(self, n: int, device: torch.device) -> Cond:
        """What conditions of n rows hold besides. ValueError where references were shown for another number of rows."""
        if wrong := next((name for name, tokens in self.tokens.items() if len(tokens) not in (1, n)), None):
            raise ValueError(f"{wrong} was shown references for {len(self.tokens[wrong])} prompts, and {n} are read")
        return {references_key(name): tokens.expand(n, -1, -1).to(device) for name, tokens in self.tokens.items()}

    def null(self, cond: Cond) -> Cond:
        """The same with nothing shown: guidance pushes along references as it does along words."""
        return {key: torch.zeros_like(tokens) for key, tokens in cond.items() if key.startswith(references_key(""))}

    def key(self) -> tuple[tuple[str, str], ...]:
        """Equal where the same is shown."""
        return tuple(
            (name, hashlib.sha256(tokens.numpy().tobytes()).hexdigest()[:12]) for name, tokens in sorted(self.tokens.items())
        )
