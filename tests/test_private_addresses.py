"""Who can see an address, by its spelling alone."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundverse_nb.urls import host_of, read_address, why_local, why_resolved_local

ONLY_HERE = [
    "localhost",
    "LOCALHOST",
    "localhost.",
    "song.localhost",
    "localhost.localdomain",
    "studio",                       # a name without a dot
    "nas.local",
    "files.lan",
    "files.home.arpa",
    "files.corp",
    "metadata.google.internal",
    "printer.home",
    "song.test",
    "song.invalid",
    "song.example",
    "song.onion",
    "127.0.0.1",
    "127.1",
    "127.255.255.254",
    "2130706433",                   # 127.0.0.1 as one number
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "10.0.0.5",
    "10.5",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.10",
    "192.168.266",                  # 192.168.1.10, the last part filling two bytes
    "169.254.169.254",              # a cloud's metadata service
    "100.64.0.1",                   # a provider's own network
    "192.0.2.1",
    "198.51.100.7",
    "203.0.113.9",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[::ffff:127.0.0.1]",           # IPv4 inside IPv6
    "[::ffff:10.0.0.1]",
    "[::ffff:7f00:1]",
    "[2002:7f00:1::]",              # 6to4 of 127.0.0.1
    "[64:ff9b::7f00:1]",            # NAT64 of 127.0.0.1
    "１２７.0.0.1",                  # full-width digits, which HTTP clients read as digits
    "127。0。0。1",                  # ideographic full stops
    "ｌocalhost",
    "[::127.0.0.1]",                # IPv4-compatible, RFC 4291 2.5.5.1
    "[::ffff:0:127.0.0.1]",         # IPv4-translated, RFC 2765
    "[64:ff9b:1::7f00:1]",          # local NAT64, RFC 8215
    "[5f00::1]",                    # segment routing, RFC 9602
    "[3fff::1]",                    # documentation, RFC 9637
    "192.0.0.8",                    # dummy address, RFC 7600
]  # fmt: skip

EVERYBODY = [
    "storage.soundverse.ai",
    "my-bucket.s3.eu-central-1.amazonaws.com",
    "example.com",
    "example.org.",
    "local.example.com",
    "localhost.example.com",
    "8.8.8.8",
    "172.15.0.1",
    "172.32.0.1",
    "192.169.0.1",
    "100.128.0.1",
    "134744072",                    # 8.8.8.8
    "0x08.0x08.0x08.0x08",
    "[2606:4700:4700::1111]",
    "[::ffff:8.8.8.8]",
    "[64:ff9b::808:808]",           # NAT64 of 8.8.8.8
    "bücher.example.com",
    "1e100.net",
    "256.256.256.256.com",
]  # fmt: skip


@pytest.mark.parametrize("host", ONLY_HERE)
def test_an_address_of_this_machine_or_its_network_is_recognised(host: str) -> None:
    named = host_of(f"http://{host}/song.mp3")
    assert named is not None
    assert why_local(named)


@pytest.mark.parametrize("host", EVERYBODY)
def test_a_public_address_is_let_pass(host: str) -> None:
    named = host_of(f"https://user:secret@{host}:8443/song.mp3?sig=1#x")
    assert named is not None
    assert why_local(named) is None


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "127.0.0.1 is this machine itself"),
        ("10.0.0.5", "10.0.0.5 is in a private network"),
        ("169.254.1.1", "169.254.1.1 works on the local link only"),
        ("224.0.0.1", "224.0.0.1 is not an address of the public internet"),
        ("2130706433", "127.0.0.1 is this machine itself"),
        ("nas.local", "nas.local is a name of the local network"),
        ("studio", "studio is a name of the local network"),
        ("localhost", "localhost is this machine itself"),
    ],
)
def test_the_reason_names_what_was_meant(host: str, reason: str) -> None:
    assert why_local(host) == reason


@pytest.mark.parametrize(
    "url", ["http://", "https:///song.mp3", "song.mp3", "http://[::1/song.mp3", "http://./x"]
)
def test_a_url_without_a_host_has_none(url: str) -> None:
    assert host_of(url) is None


@pytest.mark.parametrize(
    "host", ["1.2.3.4.5", "256.1.1.1", "1.2.3.256", "4294967296", "1..2", "08.8.8.8x", "::g", ""]
)
def test_what_is_no_number_is_not_taken_for_an_address(host: str) -> None:
    assert read_address(host) is None


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "::1", "fe80::1%eth0", "169.254.169.254"])
def test_a_name_that_leads_into_the_local_network_is_recognised(address: str) -> None:
    assert why_resolved_local("songs.example.com", address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "198.18.0.7"])
def test_a_name_that_leads_outside_or_to_a_look_up_proxy_is_let_pass(address: str) -> None:
    assert why_resolved_local("songs.example.com", address) is None


_NETWORKS = "10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"
NETWORKS = [ipaddress.IPv4Network(written) for written in _NETWORKS]
PRIVATE = st.one_of(*(st.integers(int(net[0]), int(net[-1])) for net in NETWORKS))


@settings(deadline=None)
@given(number=PRIVATE, data=st.data())
def test_a_private_address_is_seen_through_every_spelling(number: int, data: st.DataObject) -> None:
    parts = number.to_bytes(4, "big")
    count = data.draw(st.integers(1, 4))
    last = int.from_bytes(parts[count - 1 :], "big")
    write = st.sampled_from([str, hex, lambda value: "0" + format(value, "o")])
    spelt = ".".join(data.draw(write)(value) for value in [*parts[: count - 1], last])
    assert read_address(spelt) == ipaddress.IPv4Address(number)
    assert why_local(spelt)
