"""Which plan is chosen is a function of bytes: every boundary, every name, every sentence."""

from __future__ import annotations

import itertools

import pytest

from studio.core.residency import Held
from studio.core.residency_plan import NAMES, SHARE, choose, most, named, plan, smaller

GB = 10**9


def model(network: float, encoders: float, vae: float, own: str = "", lora: float = 0.0) -> list[Held]:
    """own: what begins the key of its network; text encoders and autoencoder are everybody's."""
    parts = [
        ("network", network, own),
        ("encoders", encoders, ""),
        ("vae", vae, ""),
        *([("network", lora, "lora")] if lora else []),
    ]
    return [Held(f"{role}{key}", role, int(n * GB / 2), "float16", (role, key)) for role, n, key in parts]  # type: ignore[arg-type]


PAIR = [model(5.1, 1.6, 0.2, "teacher"), model(5.1, 1.6, 0.2, "student")]
LORA = [model(5.1, 1.6, 0.2), model(5.1, 1.6, 0.2, lora=0.4)]


@pytest.mark.parametrize(
    ("models", "peaks"),
    [
        (PAIR, {"everything": 12.0, "encoders-aside": 10.4, "one-network": 5.3, "sequential": 0.2}),
        (LORA, {"everything": 7.3, "encoders-aside": 5.7, "one-network": 5.7, "sequential": 0.2}),
        ([model(1, 9.5, 0.2)], {"everything": 10.7, "encoders-aside": 9.7, "one-network": 9.7, "sequential": 0.2}),
        ([], dict.fromkeys(NAMES, 0.0)),
    ],
)
def test_bytes_at_once(models: list[list[Held]], peaks: dict[str, float]) -> None:
    assert {name: most(models, name) / GB for name in NAMES} == pytest.approx(peaks)


def test_every_size_of_device_gets_the_first_plan_that_fits() -> None:
    sizes = [0.1, 0.5, 1.0, 1.7, 5.1, 9.5, 12.0]
    for network, encoders, vae, lora in itertools.product(sizes, sizes, (0.1, 0.4), (0.0, 0.3)):
        models = [model(network, encoders, vae, "a"), model(network, encoders, vae, "" if lora else "b", lora)]
        peaks = [most(models, name) for name in NAMES]
        assert peaks == sorted(peaks, reverse=True), "each is smaller than the one before"
        for free in {edge for peak in peaks for edge in (int(peak / SHARE) - 2, int(peak / SHARE) + 2)}:
            chosen = choose(models, free)
            fitting = [name for name, peak in zip(NAMES, peaks, strict=True) if peak <= SHARE * free]
            assert chosen.name == (fitting[0] if fitting else "sequential")
            assert chosen.fits is bool(fitting)


def test_where_nobody_says_what_is_free_everything_stays() -> None:
    assert choose(PAIR, None).name == "everything"


def test_the_sentence_of_a_run() -> None:
    assert plan(LORA, "everything", 11_300_000_000).sentence == "Both models stay on the device: 6.9 + 0.4 GB of 11.3 GB free."
    assert plan(PAIR[:1], "everything").sentence == "The model stays on the device: 6.9 GB."
    assert plan([model(0.02, 0.01, 0.01)], "everything").sentence == "The model stays on the device: 40.0 MB."
    assert plan([[]], "everything").sentence == "What the models hold is not known, so all of it stays on the device."
    assert plan([*PAIR, *LORA], "everything").sentence.startswith("All 4 models stay")
    for name in NAMES[1:]:
        said = plan(PAIR, name, 9 * GB).sentence
        assert f"at most {most(PAIR, name) / GB:.1f} GB" in said and "of 9.0 GB free; 12.0 GB are held in all." in said


def test_names() -> None:
    assert [named(name) for name in (*NAMES, "auto", "")] == [*NAMES, None, None]
    assert [smaller(name) for name in NAMES] == [*NAMES[1:], None]
    with pytest.raises(ValueError, match="is 'lots'; auto, everything, encoders-aside, one-network and sequential fit"):
        named("lots")
