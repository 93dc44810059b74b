"""The settings that a client accepts; a key goes only where it is safe, and is shown nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import soundverse_nb as sv
from soundverse_nb import displays
from soundverse_nb.client.config import (
    Timeouts,
    checked_base_url,
    checked_status_path,
    find_key,
    is_same_service,
    journal_file,
)

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOUNDVERSE_API_KEY", raising=False)
    monkeypatch.delenv("SOUNDVERSE_BASE_URL", raising=False)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://api.soundverse.ai", "https://api.soundverse.ai"),
        ("https://api.soundverse.ai/", "https://api.soundverse.ai"),
        (" https://gate.example.com/soundverse/ ", "https://gate.example.com/soundverse"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_base_url_is_taken(given: str, kept: str) -> None:
    assert checked_base_url(given) == kept


SPELLINGS = {
    "http://localhost:8000": [
        "http://LOCALHOST:8000",
        "HTTP://localhost:8000/",
        "http://localhost.:8000",
        "http://LocalHost:08000//",
    ],
    "https://api.soundverse.ai": [
        "https://API.Soundverse.ai:443",
        "https://api.soundverse.ai.:443/",
        "https://api.soundverse.ai:",
    ],
    "http://127.0.0.1": ["http://127.0.0.1:80", "http://127.0.0.1.:80/"],
    "http://[::1]:8000": ["http://[0:0:0:0:0:0:0:1]:8000", "http://[::0001]:8000/", "http://[0000::1]:8000"],
    "http://[::ffff:127.0.0.1]:8000": ["http://[::FFFF:7f00:1]:8000", "http://[::ffff:127.0.0.1]:8000/"],
    "https://xn--bcher-kva.example": [
        "https://bücher.example",
        "https://BÜCHER.example.",
        "https://XN--BCHER-KVA.example",
        "https://bu\u0308cher\u3002example",
    ],
    "https://gate.example.com/a~b/%C3%BC/%2F": [
        "https://gate.example.com/a%7eb/%c3%bc/%2f/",
        "https://gate.example.com/a~b/ü/%2F",
        "https://gate.example.com/x/../a~b/./ü/%2f",
    ],
}


@pytest.mark.parametrize(
    ("kept", "given"), [(kept, given) for kept, all_ in SPELLINGS.items() for given in all_]
)
def test_every_spelling_of_an_address_is_the_same_service(kept: str, given: str) -> None:
    assert checked_base_url(given, allow_insecure=True) == kept
    assert is_same_service(given, kept), "also where an older journal has it as it was given"


@pytest.mark.parametrize(
    "other",
    [
        "https://localhost:8000",
        "http://localhost:8001",
        "http://127.0.0.1:8000",
        "http://localhost:8000/a",
        "http://localhost",
        "http://localhost.example.com:8000",
        "",
        "no address",
        "http://[",
    ],
)
def test_other_addresses_stay_other_services(other: str) -> None:
    assert not is_same_service(other, "http://localhost:8000")


def test_a_path_keeps_its_capitals() -> None:
    assert not is_same_service("https://gate.example.com/Team", "https://gate.example.com/team")


@pytest.mark.parametrize(
    "given",
    [
        "api.soundverse.ai", "ftp://api.soundverse.ai", "https://", "https://[", "file:///etc", "",
        "https://user:word@api.soundverse.ai", "https://api.soundverse.ai?key=1", "http://a:99999", 7, None,
        "http://:80", "http://a:x", "http://a:0", "http://[::1", "https://a#b", "https://a b", "https://a..b",
        "http://api.soundverse.ai", "http://10.0.0.1", "http://127.0.0.1.example.com",
    ],
)  # fmt: skip
def test_a_base_url_that_is_none_or_unsafe_is_refused(given: Any) -> None:
    with pytest.raises(sv.ConfigurationError):
        checked_base_url(given)


def test_plain_http_is_possible_when_said_expressly() -> None:
    assert checked_base_url("http://10.0.0.1", allow_insecure=True) == "http://10.0.0.1"
    with pytest.raises(sv.ConfigurationError, match="in clear"):
        sv.Client(KEY, "http://10.0.0.1")


def test_a_base_url_without_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(sv.ConfigurationError, match="no API key"):
        sv.Client(base_url="http://127.0.0.1:9")
    monkeypatch.setenv("SOUNDVERSE_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(sv.ConfigurationError, match="no API key"):
        sv.connect()


def test_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDVERSE_API_KEY", KEY)
    assert sv.Client().base_url == "https://api.soundverse.ai"
    monkeypatch.setenv("SOUNDVERSE_BASE_URL", "https://elsewhere.example.com/")
    assert sv.Client().base_url == "https://elsewhere.example.com"
    assert sv.Client(base_url="https://third.example.com").base_url == "https://third.example.com"


def test_connect_says_which_service_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = sv.connect()
    assert client.is_embedded
    assert capsys.readouterr().out.count("embedded simulator") == 1
    monkeypatch.setenv("SOUNDVERSE_API_KEY", KEY)
    client = sv.connect()
    assert not client.is_embedded
    said = capsys.readouterr().out
    assert "https://api.soundverse.ai" in said
    assert KEY not in said


def test_connect_does_not_call_a_running_simulator_paid(capsys: pytest.CaptureFixture[str]) -> None:
    with sv.simulator.Simulator(api_key="right-key") as service:
        client = sv.connect("right-key", service.base_url)
        client.close()
        said = capsys.readouterr().out
        assert f"embedded simulator at {service.base_url}" in said
    assert "paid for" not in said


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel", "nul\0"])
def test_a_key_no_header_can_hold_is_refused_unshown(key: str) -> None:
    with pytest.raises(sv.ConfigurationError) as refused:
        sv.Client(key)
    assert key not in str(refused.value)


def test_a_key_read_from_a_file_may_end_in_a_line_break() -> None:
    key = find_key(SecretStr(f" {KEY}\n"))
    assert key is not None
    assert key.get_secret_value() == KEY


@pytest.mark.parametrize("path", ["/status", "status/{message_id}", "", 7])
def test_a_status_path_without_a_place_for_the_id_is_refused(path: Any) -> None:
    with pytest.raises(sv.ConfigurationError, match="message_id"):
        checked_status_path(path)


def test_a_blank_key_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDVERSE_API_KEY", "  ")
    assert sv.connect(progress=False).is_embedded


def test_a_repr_shows_no_key() -> None:
    client = sv.Client(KEY)
    assert KEY not in repr(client)
    assert KEY not in repr(client._settings)
    assert KEY not in repr(vars(client))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_streams": 0},
        {"preflight": "sometimes"},
        {"progress": object()},
        {"price": "cheap"},
        {"price": -1.0},
        {"price": float("nan")},
        {"api_key": 7},
        {"status_path": "/status"},
    ],
)
def test_a_setting_that_cannot_work_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(sv.ConfigurationError):
        sv.Client(**{"api_key": KEY, **wrong})


def test_the_price_of_a_remix_reaches_the_display(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(displays, "lookup", lambda name: lambda **settings: asked.append(settings))
    sv.Client(KEY, price=0.2)._reporter()
    sv.Client(KEY)._reporter()
    assert asked == [{"price": 0.2}, {}]


def test_simulated_orders_have_a_journal_of_their_own(tmp_path: Path) -> None:
    assert journal_file(None, True).name == "orders-simulated.sqlite3"
    assert journal_file(None, False).name == "orders.sqlite3"
    assert journal_file(tmp_path / "mine", True) == tmp_path / "mine"


@pytest.mark.parametrize(
    ("attempts", "waited", "pause", "reached", "allowed"),
    [
        (1, 0, 1, True, True),
        (2, 0, 1, True, True),
        (3, 0, 1, True, False),
        (1, 0, 1, False, True),
        (2, 0, 1, False, False),
        (1, 50, 10, True, True),
        (1, 50, 11, True, False),
    ],
)
def test_retries_are_bounded_in_attempts_and_in_time(
    attempts: int, waited: float, pause: float, reached: bool, allowed: bool
) -> None:
    bounds = Timeouts(max_attempts=3, max_connect_attempts=2, max_wait=60)
    assert bounds.allow_retry(attempts, waited, pause, reached=reached) is allowed
