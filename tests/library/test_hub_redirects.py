"""A Hub that leads a download into this machine or its network, while its own address passes for a public one."""

from __future__ import annotations

import pytest

from studio.core import public_addresses
from studio.jobs.executors.engine import Refused
from studio.jobs.executors.hf_exchange import Post
from studio.library.hub import fetch, look
from studio.library.hub_words import HubError
from studio.library.source import Source, cache_folder, found
from tests.support.model_hub import ModelHub, pipeline

XL = Source(hub="ada/xl")
PUBLIC = "93.184.215.14"


@pytest.fixture
def hub(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> ModelHub:
    """Its endpoint is taken for a public address; where it redirects to is looked at as it is."""
    there = public_addresses.addresses
    monkeypatch.setattr(public_addresses, "addresses", lambda host: [PUBLIC] if host == "127.0.0.1" else there(host))
    monkeypatch.setattr(public_addresses, "peer", lambda response: [])
    model_hub.add("ada/xl", pipeline())
    return model_hub


@pytest.mark.parametrize(
    "place", ["localhost", "[::1]", "10.0.0.7", "192.168.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_a_download_that_is_led_inside_is_refused_in_a_sentence(hub: ModelHub, place: str) -> None:
    hub.storage = f"http://{place}:{hub.port}"
    with pytest.raises(HubError, match=r"The Hub leads to .*, an address of this machine or of its own network, so nothing"):
        fetch(XL)
    assert hub.started == {}, "nothing was asked there"
    assert found(XL) is None and not [path for path in cache_folder().rglob("*.incomplete") if path.stat().st_size]


def test_a_config_that_is_led_inside_is_not_read(hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.faults.status["model_index.json"] = (302, {"location": f"http://localhost:{hub.port}/secret"}, 9)
    with pytest.raises(HubError, match="The Hub leads to localhost, "):
        look(XL)
    assert not [path for _, path, _ in hub.asked if "secret" in path]


def test_a_name_that_leads_elsewhere_a_moment_later_is_not_read(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    model_hub.add("ada/xl", pipeline())
    monkeypatch.setattr(public_addresses, "addresses", lambda host: [PUBLIC])
    monkeypatch.setattr(public_addresses, "getproxies", dict)
    with pytest.raises(HubError, match="The Hub leads to 127.0.0.1, "):
        look(XL)


def test_the_post_of_jobs_is_watched_too(hub: ModelHub) -> None:
    hub.faults.status["datasets"] = (302, {"location": f"http://localhost:{hub.port}/secret"}, 9)
    with pytest.raises(Refused, match="The Hub leads to localhost, "):
        Post("ada/box").revision()
    assert not [path for _, path, _ in hub.asked if "secret" in path]


def test_an_endpoint_that_is_inside_itself_may_lead_inside(model_hub: ModelHub) -> None:
    model_hub.add("ada/xl", pipeline())
    assert model_hub.storage.startswith("http://localhost:")
    fetch(XL)
    assert found(XL) is not None and model_hub.started
