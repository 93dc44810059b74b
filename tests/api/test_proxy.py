"""One proxy and one TLS setting for every request: which proxy is used for what, and what is told of it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from soundverse_nb.api.proxy import NetworkSettings, current_network, is_this_machine, using_network
from soundverse_nb.api.transport import ProxyRefusedError
from soundverse_nb.errors import ConfigurationError, DownloadError, Spent, TransportError
from tests.api.conftest import Connect
from tests.api.servers import count_sent, tls_server, unserved_port
from tests.proxy import ForwardProxy
from tests.strict_service import MP3, StrictService

HERE = [
    "127.0.0.1", "127.1", "127.9.9.9", "2130706433", "0x7f000001", "0.0.0.0", "localhost", "LOCALHOST",
    "a.localhost", "[::1]", "[::ffff:127.0.0.1]",
]  # fmt: skip


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    "value", ["http://proxy.example:3128", "proxy.example:3128", "https://proxy.example:3128/"]
)
def test_the_environments_proxy_is_for_the_service(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    proxy = NetworkSettings().proxy_for("https://api.soundverse.ai/v7")
    assert proxy is not None
    assert proxy.shown == "proxy.example:3128"


def test_each_scheme_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://one:1")
    monkeypatch.setenv("HTTP_PROXY", "http://two:2")
    monkeypatch.setenv("ALL_PROXY", "http://three:3")
    assert NetworkSettings().proxy_for("https://a.example/") == "http://one:1"
    assert NetworkSettings().proxy_for("http://a.example/") == "http://two:2"


@pytest.mark.parametrize("host", HERE)
def test_the_environments_proxy_is_never_for_this_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "socks5://proxy.example:1")
    for scheme in ("http", "https"):
        assert NetworkSettings().proxy_for(f"{scheme}://{host}:8000/x") is None
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host", ["api.soundverse.ai", "127.0.0.1.example", "localhost.example", "12.0.0.1", "7f.com"]
)
def test_what_only_looks_like_this_machine_is_not(host: str) -> None:
    assert not is_this_machine(host)


@pytest.mark.parametrize(
    ("exempt", "url", "goes_past"),
    [
        ("*", "https://a.example/", True),
        ("a.example", "https://a.example/", True),
        ("A.EXAMPLE", "https://a.example/", True),
        (".example", "https://a.example/", True),
        ("example", "https://a.example/", True),
        ("*.example", "https://a.example/", True),
        ("other, .example ,", "https://a.example/", True),
        ("ample", "https://a.example/", False),
        ("a.example:8443", "https://a.example:8443/", True),
        ("a.example:443", "https://a.example/", True),
        ("a.example:8443", "https://a.example/", False),
        ("10.0.0.0/8", "https://10.3.4.5/", True),
        ("10.0.0.0/8", "https://11.3.4.5/", False),
        ("2001:db8::5", "https://[2001:db8::5]/", True),
        ("[2001:db8::5]", "https://[2001:db8::5]/", True),
        ("", "https://a.example/", False),
    ],
)
def test_no_proxy_names_what_goes_past_it(
    monkeypatch: pytest.MonkeyPatch, exempt: str, url: str, goes_past: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert (NetworkSettings().proxy_for(url) is None) is goes_past


def test_a_proxy_of_ones_own_is_for_everything_and_none_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "*")
    assert NetworkSettings("http://mine:1").proxy_for("https://a.example/") == "http://mine:1"
    assert NetworkSettings("http://mine:1").proxy_for("http://127.0.0.1/") == "http://mine:1"
    monkeypatch.delenv("NO_PROXY")
    assert NetworkSettings("").proxy_for("https://a.example/") is None


@pytest.mark.parametrize(
    "value",
    [
        "socks5://me:geheim@p:1",
        "socks5h://p",
        "SOCKS4://p:1",
        "ftp://p",
        "http://",
        "http://p:99999",
        "http://[::1",
    ],
)
def test_what_is_no_http_proxy_is_refused_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    for ask in (lambda: NetworkSettings(value), lambda: NetworkSettings().proxy_for("https://a.example/")):
        with pytest.raises(ConfigurationError) as refused:
            ask()
        assert "geheim" not in str(refused.value)
        assert ("SOCKS" in str(refused.value)) is value.lower().startswith("socks")


def test_a_proxys_password_is_shown_nowhere() -> None:
    network = NetworkSettings("http://me:geheim-geheim@p.example:1")
    proxy = network.proxy_for("https://a.example/")
    assert proxy is not None
    assert "geheim" in str(proxy), "the request needs it"
    assert "geheim" not in repr(network) + repr(proxy) + proxy.shown


async def test_the_settings_in_use_end_with_their_block() -> None:
    mine, other = NetworkSettings("http://mine:1"), NetworkSettings("http://other:2")

    async def inside(network: NetworkSettings) -> NetworkSettings:
        with using_network(network):
            await asyncio.sleep(0)
            return current_network()

    assert await asyncio.gather(inside(mine), inside(other)) == [mine, other]
    assert current_network() == NetworkSettings()


# On the wire


async def test_order_status_and_audio_go_through_the_environments_proxy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with StrictService() as service:
        places = {"api.test": port_of(service.base_url), "storage.test": port_of(service.storage_url)}
        async with ForwardProxy(places) as proxy:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            transport = connect("http://api.test", api_key=service.api_key)
            assert await count_sent(transport) == (1, None)
            await transport.status("remix-1")
            got = await transport.download("http://storage.test/audio/x.mp3", tmp_path / "x")
            assert got.path.read_bytes() == MP3
            assert [line.split(" ")[1] for line in proxy.asked] == [
                "http://api.test/v7/generate/remix",
                "http://api.test/status/generation/remix-1",
                "http://storage.test/audio/x.mp3",
            ]
            assert service.violations == []


async def test_this_machines_service_is_not_asked_through_it(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with StrictService() as service, ForwardProxy({}) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        transport = connect(service)
        assert await count_sent(transport) == (1, None)
        await transport.status("remix-1")
        await transport.download(f"{service.storage_url}/audio/x.mp3", tmp_path / "x")
        assert proxy.asked == []


async def test_the_key_goes_to_the_service_and_the_password_to_the_proxy(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pair = base64.b64encode(b"me:geheim").decode()
    async with StrictService() as service, ForwardProxy({}, auth=pair) as proxy:
        proxy.places["storage.test"] = port_of(service.storage_url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//me:geheim@"))
        await connect(service).download("http://storage.test/audio/x.mp3", tmp_path / "x")
        assert f"Basic {pair}" in proxy.heads[0]
        assert service.api_key not in proxy.heads[0]


async def test_tls_goes_through_a_tunnel_with_the_same_context(connect: Connect, tmp_path: Path) -> None:
    async with tls_server(tmp_path) as port, ForwardProxy({"127.0.0.1": port}) as proxy:
        context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        sent, error = await count_sent(connect(f"https://127.0.0.1:{port}", proxy=proxy.url, ssl=context))
        assert sent == 1
        assert "401" in repr(vars(error))
        sent, error = await count_sent(connect(f"https://127.0.0.1:{port}", proxy=proxy.url))
        assert sent == 0
        assert "certificate" in str(error)


@pytest.mark.parametrize("base", ["https://api.test", "http://api.test"])
async def test_a_proxy_that_wants_a_password_is_told_and_nothing_was_ordered(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    async with StrictService() as service, ForwardProxy({}, refuses=407) as proxy:
        for name in ("HTTPS_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.url.replace("//", "//me:geheim@"))
        _, error = await count_sent(connect(base))
        assert isinstance(error, TransportError)
        assert error.spent is Spent.NO
        assert f"127.0.0.1:{proxy.port}" in str(error)
        assert "user name and a password" in str(error)
        assert "geheim" not in str(error)
        assert isinstance(error, ProxyRefusedError) is base.startswith("http:")
        assert service.charged == 0


async def test_a_407_of_the_service_itself_is_no_proxys(connect: Connect) -> None:
    from tests.strict_service import refusal

    async with StrictService([refusal(b"", 407)]) as service:
        _, error = await count_sent(connect(service))
        assert not isinstance(error, TransportError)


async def test_a_proxy_that_is_not_there_is_named(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with unserved_port() as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:geheim@127.0.0.1:{port}")
        sent, error = await count_sent(connect("https://api.test"))
    assert (sent, type(error)) == (0, TransportError)
    assert f"the proxy 127.0.0.1:{port} could not be reached" in str(error)


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1", "http://"])
async def test_an_unusable_proxy_is_told_as_what_it_stands_in_the_way_of(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    sent, error = await count_sent(connect("https://api.test"))
    assert (sent, type(error)) == (0, TransportError)
    with pytest.raises(DownloadError) as paid:
        await connect("https://api.test").download("https://storage.test/x.mp3", tmp_path / "x")
    assert paid.value.spent is Spent.YES
