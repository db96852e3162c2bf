"""What every domain must keep (`studio.core.domain`), whichever folder it lies in; and how domains are found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studio.core.domain import Domain
from studio.domains import DOMAINS, domain_of, first
from studio.library.models import load_registry
from tests.support.properties import given, st

EVERY = list(DOMAINS.all().values())
KNOWN = [domain for domain in EVERY if domain.has_world]
each = pytest.mark.parametrize("domain", EVERY, ids=lambda domain: domain.name)
known = pytest.mark.parametrize("domain", KNOWN, ids=lambda domain: domain.name)


@each
@given(st.text(max_size=60))
def test_what_encoders_see_reads_as_itself(domain: Domain, prompt: str) -> None:
    said = domain.read(prompt)
    again = domain.read(said.text)
    assert (again.text, again.stated) == (said.text, said.stated)


@known
def test_what_is_written_is_read(domain: Domain) -> None:
    for group in domain.words:
        for value, words in group.words.items():
            stated = {group.factor: value}
            said = domain.read(domain.write(stated))
            assert (said.stated, said.notice) == (stated, "")
            assert all(domain.read(word).stated == stated for word in words)
    unsaid = next((name for name in domain.factors if name not in {group.factor for group in domain.words}), None)
    if unsaid is not None:
        with pytest.raises(ValueError, match="No words say"):
            domain.write({unsaid: domain.factors[unsaid].values[0]})


@each
def test_frequencies_sum_to_one(domain: Domain) -> None:
    for factor in domain.factors.values():
        assert sum(factor.probabilities) == pytest.approx(1)
        assert len(factor.values) == len(factor.probabilities) and len(factor.things) in (0, len(factor.values))
        for value in factor.values:
            for table in domain.world({factor.name: value}).values():
                assert sum(table.values()) == pytest.approx(1)


@each
def test_what_it_names_is_there(domain: Domain) -> None:
    assert set(domain.identity) <= set(domain.factors)
    assert {group.factor for group in domain.words} <= set(domain.factors)
    for name, attribute in domain.attributes.items():
        assert attribute.name == name and set(attribute.factors) <= set(domain.factors)
    for hint in domain.hints.values():
        assert set(hint.fixes) <= set(domain.factors)
    for other in (name for factor in domain.factors.values() for name in factor.goes_with):
        assert other in domain.factors
    registry = load_registry()
    for model in (domain.defaults.teacher, domain.defaults.pair):
        assert not model or registry.get(model).domain == domain.name
    for prompt in (*domain.defaults.examples, *domain.defaults.studies, *domain.defaults.shown):
        assert domain.read(prompt).notice == ""


@known
def test_items_show_what_is_asked_for_and_their_captions_are_true(domain: Domain) -> None:
    hands, rng = domain.hands(), np.random.default_rng(0)
    for item in hands.items(40, 3):
        state = hands.state(item)
        assert all(state[name] in factor.values for name, factor in domain.factors.items())
        assert domain.read(hands.caption(item)).stated == {name: state[name] for name in domain.identity}
        for taught in (False, True):
            said = domain.read(hands.caption(item, rng, taught))
            assert not said.notice and said.stated.items() <= state.items()
    stated = {name: factor.values[-1] for name, factor in domain.factors.items() if name in domain.identity}
    assert all(stated.items() <= hands.state(item).items() for item in hands.items(5, [1, 2], stated))
    assert [hands.state(x) for x in hands.items(4, 9)] == [hands.state(x) for x in hands.items(6, 9)][:4]


@known
def test_the_oracle_reads_its_own_samples(domain: Domain) -> None:
    entry = load_registry().get(domain.defaults.teacher)
    assert entry.oracle_here and entry.oracle is not None
    hands, oracle = domain.hands(), domain.hands().oracle(entry.oracle, "cpu")
    items = hands.items(200, 11)
    samples = hands.samples(items, oracle.shape)
    assert samples.shape == (200, *oracle.shape)
    seen = oracle.read(samples)
    assert seen.in_distribution.float().mean() > 0.97
    for name in domain.identity:
        wanted = torch.tensor([domain.factors[name].index(hands.state(item)[name]) for item in items])
        assert (seen.labels[name] == wanted).float().mean() > 0.97, name
    assert torch.allclose(oracle.features_of(samples).detach(), seen.features, atol=1e-4)
    own = hands.reward(oracle, [domain.read(hands.caption(item)) for item in items])(samples)
    other = hands.reward(oracle, [domain.read(hands.caption(item)) for item in reversed(items)])(samples)
    assert own.mean() > other.mean() + 1
    for attribute in domain.attributes.values():
        low, high = ([attribute.item(np.random.default_rng([5, i]), level) for i in range(60)] for level in (-1.0, 1.0))
        amounts = [attribute.read(oracle.read(hands.samples(some, oracle.shape))).mean() for some in (low, high)]
        assert amounts[1] > amounts[0], attribute.name
    for kind in domain.hints:
        assert hands.hint(kind, items[:2], oracle.shape).shape == (2, *oracle.shape)
    agreement = hands.agreement(items, oracle.shape)
    assert all(hits.float().mean() > 0.9 for hits in agreement.shares(seen).values())


@each
def test_what_stands_beside_the_text_is_whole_and_refused_in_a_sentence(domain: Domain) -> None:
    given = domain.read("").given
    assert given.keys() == domain.inputs.keys() and domain.read("", given=given).given == given
    with pytest.raises(ValueError, match="no setting 'strange'" if domain.inputs else "nothing beside the prompt, so 'strange'"):
        domain.read("", given={"strange": 1})


def test_an_unlisted_domain_is_plain_and_a_broken_one_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert domain_of("photos") is domain_of("") is domain_of("plain")
    monkeypatch.setitem(DOMAINS.unavailable, "torn", "ImportError: no such thing")
    with pytest.raises(ValueError, match="torn.*no such thing"):
        domain_of("torn")
    with pytest.raises(ValueError, match="Nothing is known"):
        domain_of("photos").check({"subject": "cat"})


def test_domains_are_found_without_torch_here_and_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "marbles.py").write_text(
        "from studio.domains import DOMAINS\nfrom studio.domains.plain.face import PlainPictures\n\n\n"
        "class Marbles(PlainPictures):\n    name, title, order = 'marbles', 'Marbles', 2000\n\n\n"
        "DOMAINS.add('marbles')(Marbles())\n"
    )
    program = (
        "import sys\nfrom studio.domains import DOMAINS, domain_of, first\n"
        "print(sorted(DOMAINS.all()), domain_of('marbles').title, first().name, 'torch' in sys.modules, DOMAINS.unavailable)"
    )
    env: dict[str, Any] = {"STUDIO_DOMAINS": "marbles", "PYTHONPATH": f"{tmp_path}:.", "PATH": "/usr/bin:/bin"}
    said = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True).stdout
    assert said.strip() == f"['marbles', 'plain', 'pocket'] Marbles {first().name} False {{}}"
