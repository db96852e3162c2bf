"""Forks with known shares. A label keeps its state's value with probability √s, otherwise it is drawn anew: share = s."""

import json
from types import SimpleNamespace

import pytest
import torch

from studio.metrics.fork import Fork, ForkStep, fork_series, fork_shares, share_of
from tests.metrics.conftest import FACTORS


def states(G, n):
    return torch.arange(G).repeat_interleave(n)


def gaussian(g, G, n, share, width=1):
    base, own = torch.randn(G, 1, width, generator=g), torch.randn(G, n, width, generator=g)
    return (share**0.5 * base + (1 - share) ** 0.5 * own).reshape(G * n, width)


def labels(g, G, n, share, p=(0.6, 0.3, 0.1)):
    weights = torch.tensor(p)
    base = torch.multinomial(weights, G, True, generator=g)[:, None].expand(G, n)
    own = torch.multinomial(weights, G * n, True, generator=g).reshape(G, n)
    return torch.where(torch.rand(G, n, generator=g) < share**0.5, base, own).reshape(-1)


def fork(seed, G=40, n=6, mood=0.5, tone=0.5, x=0.5, features=0.5, outside=0):
    g = torch.Generator().manual_seed(seed)
    inside = torch.ones(G * n, dtype=torch.bool)
    inside[:outside] = False
    rows = SimpleNamespace(
        labels={
            "kind": torch.zeros(G * n, dtype=torch.int64),
            "mood": labels(g, G, n, mood),
            "tone": labels(g, G, n, tone, (0.4, 0.3, 0.2, 0.1)),
        },
        values={"x": gaussian(g, G, n, x)[:, 0]},
        features=gaussian(g, G, n, features, 5),
        in_distribution=inside,
    )
    return Fork(rows, states(G, n))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("n", [2, 8])
def test_mean_of_many_small_forks_is_the_share(share, n):
    """The estimate has no bias worth speaking of even for two continuations a state."""
    g, G = torch.Generator().manual_seed(3), 25
    found = {"labels": [], "values": []}
    for _ in range(40):
        onehot = torch.nn.functional.one_hot(labels(g, G, n, share), 3)
        found["labels"].append(share_of(onehot, states(G, n), n_boot=2).value)
        found["values"].append(share_of(gaussian(g, G, n, share), states(G, n), n_boot=2).value)
    for rows in found.values():
        mean, error = torch.tensor(rows).mean(), torch.tensor(rows).std() / 40**0.5
        assert float(mean) == pytest.approx(share, abs=float(3 * error) + 0.015)  # and O(1/G) of a ratio


def test_plain_shares_would_be_biased():
    """What the pairs avoid: with two continuations the textbook share of nothing at all looks like a half."""
    g = torch.Generator().manual_seed(0)
    x, s = gaussian(g, 200, 2, 0.0)[:, 0], states(200, 2)
    between = x.reshape(200, 2).mean(1).var() / x.var()
    assert float(between) > 0.4 and abs(share_of(x, s).value) < 0.15


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_interval_covers_the_truth(share):
    g, G, n, hit = torch.Generator().manual_seed(1), 20, 4, 0
    for seed in range(200):
        interval = share_of(gaussian(g, G, n, share), states(G, n), n_boot=150, seed=seed).interval()
        hit += bool(interval.includes(share))
    assert 0.88 <= hit / 200 <= 0.99


def test_extremes():
    g = torch.Generator().manual_seed(0)
    assert share_of(torch.arange(10.0).repeat_interleave(3), states(10, 3)).value == 1.0
    nothing = share_of(gaussian(g, 60, 6, 0.0), states(60, 6)).interval()
    assert nothing.includes(0) and nothing.high < 0.15
    constant = share_of(torch.ones(30), states(10, 3))
    assert constant.value is None and "hardly anything varies" in constant.note
    assert share_of(torch.rand(4, generator=g), torch.tensor([0, 0, 0, 0])).value is None
    assert share_of(torch.rand(4, generator=g), torch.tensor([0, 1, 2, 3])).value is None
    nearly = torch.arange(30.0).repeat_interleave(4) + 0.01 * (torch.arange(120) == 7)
    assert "too narrow" in share_of(nearly, states(30, 4)).interval().note


def test_order_of_rows_and_names_of_states_do_not_matter():
    g = torch.Generator().manual_seed(0)
    x, s = gaussian(g, 10, 4, 0.5), states(10, 4)
    order = torch.randperm(40, generator=g)
    a, b = share_of(x, s), share_of(x[order], 7 * s[order] - 3)
    assert a.value == pytest.approx(b.value) and torch.allclose(a.draws, b.draws)


def test_shares_by_factor_pooled_over_prompts():
    forks = {"a": fork(0, mood=0.7, tone=0.1, x=0.9, features=0.4), "b": fork(1, mood=0.7, tone=0.1, x=0.9, features=0.4)}
    out = fork_shares(forks, stated={p: {"kind": "dog"} for p in forks}, factors=FACTORS, n_boot=200)
    assert set(out) == {("factor", "mood"), ("factor", "tone"), ("factors", ""), ("value", "x"), ("features", "")}
    truth = {("factor", "mood"): 0.7, ("factor", "tone"): 0.1, ("value", "x"): 0.9, ("features", ""): 0.4}
    for key, share in truth.items():
        assert out[key].interval().includes(share), key
    assert out["factor", "tone"].value < out["factors", ""].value < out["factor", "mood"].value


def test_a_stated_factor_counts_where_it_is_free():
    forks = {"a": fork(0), "b": fork(1)}
    out = fork_shares(forks, stated={"a": {"mood": "calm"}, "b": {"kind": "dog"}}, factors=FACTORS, n_boot=50)
    only = fork_shares({"b": forks["b"]}, stated={"b": {"kind": "dog"}}, factors=FACTORS, n_boot=50)
    assert out["factor", "mood"].value == pytest.approx(only["factor", "mood"].value)
    assert out["factor", "kind"].value is None  # free in a, but every sample is a dog


def test_without_an_oracle_features_speak():
    rows = fork(0).readings
    bare = SimpleNamespace(labels={}, values={}, features=rows.features, in_distribution=rows.in_distribution)
    out = fork_series([ForkStep(1, 4.0, {"": Fork(bare, states(40, 6))})], n_boot=50)
    assert out["factors"] == {} and out["all"] is None and out["features"]["share"][0]["value"] > 0.2


def test_samples_out_of_distribution_are_left_out():
    """Three states lose all continuations, a fourth keeps one: they count as not there."""
    f = fork(0, outside=23)
    out = fork_shares({"": f}, n_boot=50)
    kept = SimpleNamespace(
        labels={k: v[24:] for k, v in f.readings.labels.items()},
        values={}, features=f.readings.features[24:], in_distribution=torch.ones(216, dtype=torch.bool),
    )  # fmt: skip
    rest = fork_shares({"": Fork(kept, f.states[24:])}, n_boot=50)
    assert out["features", ""].value == pytest.approx(rest["features", ""].value)
    assert fork_shares({"": f}, gated=False, n_boot=50)["features", ""].value != out["features", ""].value


def series(shares, **changes):
    steps = [ForkStep(i, 10.0 / (i + 1), {"p": fork(i, mood=s, tone=0.9, **changes)}) for i, s in enumerate(shares)]
    return fork_series(steps, n_boot=200)


def test_series_says_when():
    out = series([0.02, 0.3, 0.75, 0.95], G=60)
    json.dumps(out, allow_nan=False)
    assert out["states"] == 60 and out["continuations"] == 6 and [s["after"] for s in out["steps"]] == [0, 1, 2, 3]
    mood = out["factors"]["mood"]
    assert mood["fitted"] == sorted(mood["fitted"]) and mood["fitted"][0] >= 0
    assert sum(mood["added"]) + mood["open"] == pytest.approx(1.0)
    assert mood["half"]["value"] == 2 and mood["half"]["low"] == mood["half"]["high"] == 2
    assert out["factors"]["tone"]["half"]["value"] == 0
    assert out["factors"]["kind"]["fitted"] is None and out["factors"]["kind"]["half"]["value"] is None
    assert out["all"]["fitted"][0] > mood["fitted"][0]


def test_half_that_is_not_reached_or_not_sure():
    assert series([0.0, 0.1])["factors"]["mood"]["half"]["value"] is None
    unsure = series([0.1, 0.53, 0.95], G=25, n=3)["factors"]["mood"]["half"]
    assert unsure["low"] <= unsure["value"] <= unsure["high"] and unsure["low"] < unsure["high"]
    late = series([0.1, 0.55], G=25, n=3)["factors"]["mood"]["half"]
    assert late["value"] == 1 and late["high"] is None and "may come after" in late["note"]


def test_errors():
    with pytest.raises(ValueError, match="no steps"):
        fork_series([])
    with pytest.raises(ValueError, match="each step once"):
        fork_series([ForkStep(1, 1.0, {"p": fork(0)}), ForkStep(1, 2.0, {"p": fork(0)})])
    with pytest.raises(ValueError, match="no prompts"):
        fork_shares({})
    with pytest.raises(ValueError, match="3 states for 4 samples"):
        share_of(torch.rand(4), torch.arange(3))
