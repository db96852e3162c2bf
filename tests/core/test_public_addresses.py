"""Addresses that are the internet's own, and those that a redirect may not lead to."""

from __future__ import annotations

import pytest

from studio.core.public_addresses import addresses, is_public

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
    "::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_machines_and_networks_of_ones_own_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_others_are(address: str) -> None:
    assert is_public(address)


def test_a_number_is_an_address_however_it_is_written() -> None:
    assert addresses("2130706433") in ([], ["127.0.0.1"]) and addresses("0x7f.1") in ([], ["127.0.0.1"])
    assert addresses("127.0.0.1") == ["127.0.0.1"] and addresses("") == []
