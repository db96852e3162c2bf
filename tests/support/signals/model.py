"""An open signal model, its network, and folders with one (`studio.core.family.OpenModel`)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser, from_x0
from studio.core.domain import Said, beside
from studio.core.material import ConditionalNetwork
from studio.core.method import Method
from studio.core.process import VP
from studio.core.recipe import Recipe, weights_hash
from studio.core.rng import generator, rand, randint, randn
from studio.core.simulate import add_noise
from studio.core.weights import load_weights, save_weights
from studio.families.opened import Opened
from tests.support.signals.face import LONGEST, Signals
from tests.support.signals.hands import SignalHands

VOCABULARY = Signals.vocabulary
PROCESS = VP.scaled_linear(0.00085, 0.012)
WIDTH = 192
SCALE = 1.5  # latents are signals times this


class Network(ConditionalNetwork):
    """(x [B, 1, 32], t [B], {"words": [B, V], "length": [B]}) -> v; what lies past the end stays empty."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(LONGEST + 3 + len(VOCABULARY), WIDTH)
        self.inner = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, LONGEST)

    def hidden(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        clock = torch.stack([t / 1000, (t / 1000) ** 2, cond["length"] / LONGEST], 1).to(x.dtype)
        h = nn.functional.silu(self.into(torch.cat([x.flatten(1), clock, cond["words"].to(x.dtype)], 1)))
        return h + nn.functional.silu(self.inner(h))

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        v = self.out(self.hidden(x, t, cond))[:, None]
        return SignalHands().project(v, cond)

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        return self.hidden(x, t, cond)


class SignalModel(Opened):
    shape = sample_shape = (1, LONGEST)
    embedded_guidance = 1.0

    def __init__(self, folder: Path, id: str, device: str):
        network = Network().to(device).requires_grad_(False).eval()
        network.load_state_dict(load_weights(folder / "weights.safetensors")[0])
        self.id, self.folder = id, folder
        self.denoiser = Denoiser(network, PROCESS, "v")
        self.recipe = Recipe.load(folder) if (folder / "recipe.json").is_file() else None
        self.card: dict[str, Any] = json.loads((folder / "card.json").read_text())
        self.default_guidance = float(self.card.get("default_guidance", 1.0))

    @cached_property
    def hash(self) -> str:
        return weights_hash(self.folder)

    @property
    def text_key(self) -> tuple[object, ...]:
        return ("words", str(self.device))

    def encode(self, said: Sequence[Said]) -> Cond:
        words = [[float(word in one.text.split()) for word in VOCABULARY] for one in said]
        tree = {"words": torch.tensor(words), **beside(said)}
        return {name: part.to(self.device) for name, part in tree.items()}

    def null(self, cond: Cond) -> Cond:
        return {**cond, "words": torch.zeros_like(cond["words"])}

    def decode(self, latents: Tensor, given: Cond) -> Tensor:
        ends = given["length"].to(latents.device).reshape(-1, 1, 1)
        past = torch.arange(LONGEST, device=latents.device) >= ends
        return (latents / SCALE).masked_fill(past, torch.nan)

    def decode_with_gradient(self, latents: Tensor, given: Cond) -> Tensor:
        return SignalHands().project(latents / SCALE, given)

    def to_latents(self, samples: Tensor) -> Tensor:
        return SCALE * samples.nan_to_num().to(self.device)

    def save_student(self, folder: Path, network: nn.Module, method: Method[Any], teacher_id: str, card: dict[str, Any]) -> None:
        write(folder, network, card)
        self.recipe_of(method, teacher_id).save(folder)


def write(folder: Path, network: nn.Module, card: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(folder / "weights.safetensors", {name: part.detach().cpu() for name, part in network.state_dict().items()})
    (folder / "signal.json").write_text(json.dumps({"length": LONGEST}))
    (folder / "card.json").write_text(json.dumps(card))


def taught(steps: int = 800, batch: int = 128) -> Network:
    """A teacher that draws what it is asked for, in a second or two."""
    torch.manual_seed(0)
    hands, network = SignalHands(), Network()
    items = hands.items(2000, 0)
    x0 = SCALE * hands.samples(items, (1, LONGEST)).nan_to_num()
    words = torch.tensor([[float(w in f"a {i.pitch} {i.wave}".split()) for w in VOCABULARY] for i in items])
    length = torch.tensor([float(i.length) for i in items])
    optimizer, g = torch.optim.Adam(network.parameters(), 3e-3), generator(0, "signals")
    for _ in range(steps):
        index = randint(len(items), (batch,), g)
        kept = (rand((batch, len(VOCABULARY)), g) > 0.2).float()  # prompts say a part
        cond = {"words": words[index] * kept, "length": length[index]}
        t = rand((batch,), g).double() * PROCESS.t_max
        xt = add_noise(PROCESS, x0[index], t, hands.project(randn((batch, 1, LONGEST), g), cond))
        target = from_x0("v", x0[index], xt, *PROCESS.alpha_sigma(t))
        loss = ((network(xt, t.float(), cond) - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network
