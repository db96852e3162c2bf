"""Methods of unlearning: closed forms against what they minimise, masks, and the fusion of several changes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser
from studio.core.dense import DenseChange
from studio.core.edit import EditCard, Merged
from studio.core.lowrank import applied
from studio.core.material import ConditionalNetwork
from studio.core.method import Streams
from studio.core.process import VP
from studio.core.rng import randint, randn
from studio.methods.unlearn.closed_form import Readers, solved
from studio.methods.unlearn.forgetting import Passed
from studio.methods.unlearn.mace import Fused, Mace, MaceConfig
from studio.methods.unlearn.salun import SalUn, SalUnConfig
from studio.methods.unlearn.uce import Uce, UceConfig

WORDS, PLACES = 6, 4


class Reading(ConditionalNetwork):
    """Reads cond["states"] [B, L, 6] by two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(3)
        self.one, self.two = nn.Linear(WORDS, 5, bias=False), nn.Linear(WORDS, 5, bias=False)
        for layer in (self.one, self.two):
            layer.weight.data = torch.randn(5, WORDS, generator=g)

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        read = (self.one(cond["states"]) * self.two(cond["states"])).mean(1)
        return x + read.repeat(1, 2)[:, : x.shape[1]]


class Words:
    """Two concepts: prompts whose second place says 0 or 1 become those that say 2; 3 and 4 stay."""

    concepts = 2

    def __init__(self) -> None:
        g = torch.Generator().manual_seed(0)
        self.table = torch.randn(5, WORDS, generator=g)
        self.rest = torch.randn(8, PLACES, WORDS, generator=g)

    def cond(self, which: Tensor, rest: Tensor) -> Cond:
        states = self.rest[rest].clone()
        states[:, 1] = self.table[which]
        return {"states": states}

    def pairs(self, concept: int | None = None) -> tuple[Cond, Cond]:
        rest = torch.arange(8)
        which = rest % 2 if concept is None else torch.full((8,), concept)
        return self.cond(which, rest), self.cond(torch.full((8,), 2), rest)

    def staying(self) -> Cond:
        return self.cond(3 + torch.arange(8) % 2, torch.arange(8))

    def null(self, cond: Cond) -> Cond:
        return {"states": torch.zeros_like(cond["states"])}

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        return randn((len(cond["states"]), 6), g)

    def _passed(self, n: int, g: torch.Generator, concept: int | None = None) -> Passed:
        forget, becomes = self.pairs(concept)
        index = randint(8, (n,), g)
        x, t = randn((n, 6), g), torch.full((n,), 500.0, dtype=torch.float64)
        return Passed(
            x,
            t,
            {"states": forget["states"][index]},
            {"states": becomes["states"][index]},
            {"states": self.staying()["states"][index]},
        )

    anchored = concerned = elsewhere = _passed

    def kept(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        passed = self._passed(n, g)
        return passed.x, passed.t, {"states": self.staying()["states"][randint(8, (n,), g)]}

    def teacher(self) -> Denoiser:
        raise ValueError("there is none")


def a_network() -> tuple[Reading, Denoiser]:
    network = Reading()
    return network, Denoiser(network, VP.scaled_linear(0.00085, 0.012), "v")


def spent(method: Uce | SalUn | Mace, steps: int = 1) -> None:
    for step in range(steps):
        for _, loss in method.iteration(method.batch(), step):
            loss.backward()


def test_the_closed_form_is_where_what_it_minimises_is_least() -> None:
    network, denoiser = a_network()
    config = UceConfig(layers="everything", ridge=0.3, erase=2.0, preserve=0.7)
    method = Uce(config, Streams(0), denoiser, Words())
    spent(method)
    assert isinstance(method.change, DenseChange)
    words = Words()
    forget, becomes, stays = (cond["states"].double() for cond in (*words.pairs(), words.staying()))

    def cost(delta: Tensor, weight: Tensor) -> Tensor:
        moved = (forget @ (weight + delta).T - becomes @ weight.T).square().sum() / 8
        kept = (stays @ delta.T).square().sum() / 8
        return config.erase * moved + config.preserve * kept + config.ridge * delta.square().sum()

    for place, layer in (("one", network.one), ("two", network.two)):
        weight = layer.weight.detach().double()
        delta = method.change.of(place).detach().double().requires_grad_()
        value = cost(delta, weight)
        (slope,) = torch.autograd.grad(value, delta)
        assert slope.abs().max() < 1e-4
        assert float(value.detach()) < float(cost(torch.zeros_like(delta), weight))


def test_places_before_the_concept_and_the_concept_itself_are_left_out_of_the_first_step() -> None:
    network, denoiser = a_network()
    readers = Readers(network, network.adaptable("everything"), Words(), torch.Generator().manual_seed(1))
    states = torch.randn(1, PLACES, WORDS, generator=torch.Generator().manual_seed(2))
    other = states.clone()
    other[:, 1:] += 1.0  # differs from the second place on, which is where the concept stands
    gram, _ = readers.pairs({"states": states}, {"states": other}, after=True)
    behind = states[0, 2:].double()
    torch.testing.assert_close(gram["one"], behind.T @ behind)


def test_masked_weights_stay_exactly_where_they_were() -> None:
    network, denoiser = a_network()
    method = SalUn(SalUnConfig(share=0.4, looked_at=3, layers="everything", batch=4, retained=4), Streams(0), denoiser, Words())
    change = method.change
    assert isinstance(change, DenseChange)
    optimiser = torch.optim.Adam(change.parameters(), lr=0.01)
    for step in range(5):
        for _, loss in method.iteration(None, step):
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    moving = sum(int(change.mask(place).sum()) for place in change.places)
    assert moving == round(0.4 * 60)
    for place in change.places:
        delta = change.of(place)
        assert bool((delta[~change.mask(place)] == 0).all())
    assert any(bool(change.of(place).any()) for place in change.places)


def test_a_dense_change_is_kept_exactly_by_its_edit() -> None:
    conv = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, stride=2), nn.Conv2d(4, 2, 1))
    change = DenseChange({"0": conv[0], "1": conv[1]})
    g = torch.Generator().manual_seed(0)
    for place in change.places:
        change.set(place, torch.randn(change.of(place).shape, generator=g))
    x = torch.randn(2, 3, 8, 8, generator=g)
    with torch.no_grad(), applied(conv, change, 0.5):
        worn = conv(x)
    with torch.no_grad(), Merged({"unet": conv}, [(change.edit(EditCard(title="x")), 0.5)]):
        torch.testing.assert_close(conv(x), worn)


def test_fused_changes_do_on_each_concept_what_its_own_does() -> None:
    network, denoiser = a_network()
    method = Mace(MaceConfig(layers="everything", ridge=1e-9, preserve=0.0, refine=False), Streams(0), denoiser, Words())
    change = method.change
    assert isinstance(change, Fused)
    spent(method, 2)
    # one concept's prompts alone, so that the least squares have a solution without remainder
    for place in change.places:
        change.get_buffer(f"grams/{place}")[1].zero_()
    g = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in change.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=g))
    forget = Words().pairs(0)[0]["states"]
    for place in change.places:
        own = change.each[0].pairs("")[f".{place}"].delta()  # type: ignore[operator]
        torch.testing.assert_close(forget @ change.fused()[place].float().T, forget @ own.T, atol=1e-3, rtol=1e-3)


def test_what_must_stay_weighs_against_the_fused_change() -> None:
    def made(preserve: float) -> Fused:
        _, denoiser = a_network()
        method = Mace(MaceConfig(layers="everything", preserve=preserve), Streams(0), denoiser, Words())
        spent(method)
        assert isinstance(method.change, Fused)
        g = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for parameter in method.change.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=g))
        return method.change

    stays = Words().staying()["states"]
    moved = {
        preserve: sum(float((stays @ d.float().T).norm()) for d in made(preserve).fused().values()) for preserve in (0.0, 50.0)
    }
    assert moved[50.0] < 0.5 * moved[0.0]


def test_a_layer_that_is_not_linear_has_no_closed_form() -> None:
    with pytest.raises(ValueError, match="keys and values of the attention would fit"):
        Readers(Reading(), {"conv": nn.Conv2d(1, 1, 1)}, Words(), torch.Generator())


def test_a_solution_of_the_closed_form_is_that_of_least_squares() -> None:
    g = torch.Generator().manual_seed(0)
    weight, moved, c = (torch.randn(*shape, generator=g).double() for shape in ((3, 4), (4, 4), (9, 4)))
    delta = solved(weight, moved, c.T @ c, 0.2)
    torch.testing.assert_close(delta @ (c.T @ c + 0.2 * torch.eye(4)), weight @ moved)
