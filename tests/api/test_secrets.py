"""Keys, tokens and signatures are shown nowhere."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
from urllib.parse import quote

import pytest

from soundverse_nb.api.secrets import (
    EMBEDDED_KEY,
    hide_key,
    hide_queries,
    holds_key,
    logger,
    redact,
    remember_key,
    remember_secret,
    spells_key,
    without_key,
)

KEY = "k3y+that/is=secret&more"
remember_secret(KEY)


@pytest.mark.parametrize(
    "text",
    [
        f"key {KEY} here",
        f"Authorization: Bearer {KEY}",
        "key k3y%2Bthat%2Fis%3Dsecret%26more here",
        "Authorization: Bearer geheim-token",
        "authorization=bearer%20geheim",
        "Proxy-Authorization: Basic Z2VoZWlt",
        '{"api_key": "geheim"}',
        "X-API-Key: geheim",
        "api-key=geheim&x=1",
        "access_token: geheim",
        "the key sk-geheim-0123456789",
        "https://a.example/b.mp3?X-Amz-Signature=geheim&x=1",
        "https://user:geheim@a.example/b",
        "https://geheim@a.example/b",
        "see https://a.example/b#geheim.",
        "<a href='https://a.example/b?sig=geheim'>",
    ],
)
def test_a_secret_is_taken_out(text: str) -> None:
    shown = redact(text)
    for secret in (KEY, "geheim", "Z2VoZWlt", "k3y%2B"):
        assert secret not in shown
    assert shown


@pytest.mark.parametrize(
    "text",
    [
        "Nothing to hide.",
        "File too large: 12657318 bytes (max: 10485760)",
        "https://a.example/b.mp3",
        "bearer",
        "secret",
        "a secretary: Bob",
        "http://127.0.0.1:8080/v7/generate/remix",
        "Basic Instinct",
        "Bearer of Bad News",
        "Bearer Song 1999",
        "Token Song",
        "API key of life",
        "secret: love",
        "The Secret = You",
        "sk-ateboarding",
        "pk_machinery",
    ],
)
def test_an_ordinary_text_stays(text: str) -> None:
    assert redact(text) == text


API_KEY = "s/k-\u00e4&0123456789"
remember_key(API_KEY)


@pytest.mark.parametrize(
    "written",
    [
        API_KEY,
        API_KEY.upper(),
        API_KEY.title(),
        quote(API_KEY),
        quote(API_KEY, safe=""),
        quote(API_KEY, safe="").lower(),
        "".join(f"%{byte:02X}" for byte in API_KEY.encode()),
        json.dumps(API_KEY),
        json.dumps(API_KEY, ensure_ascii=False).replace("/", "\\/"),
        "".join(f"\\u{ord(char):04X}" for char in API_KEY),
        html.escape(API_KEY),
        "Basic " + base64.b64encode(f"{API_KEY}:".encode()).decode(),
        base64.urlsafe_b64encode(API_KEY.encode()).decode(),
    ],
)
def test_the_key_is_known_in_every_spelling(written: str) -> None:
    text = f"you sent {written}, and that is wrong"
    assert holds_key(text)
    assert holds_key(text.encode())
    for shown in (hide_key(text), redact(text)):
        assert "0123456789" not in shown
        assert "%30%31" not in shown
        assert "\\u0030" not in shown
        assert "***" in shown
        assert shown.endswith("and that is wrong")


@pytest.mark.parametrize("between", ["", "\u200b", "\u00ad", "\u2060", " ", "-", ".", "\u0301", "/"])
def test_the_letters_of_the_key_are_known_whatever_stands_between_them(between: str) -> None:
    assert spells_key(f"A song of {between.join(API_KEY)} for you")
    assert not spells_key(f"A song of {between.join(API_KEY[:-1])} for you")


def test_a_value_is_kept_but_for_the_key() -> None:
    value = {API_KEY: [f"a {API_KEY}", 1, None, {"song_name": "Basic Instinct", "job_id": f"j-{API_KEY}"}]}
    assert without_key(value) == {"***": ["a ***", 1, None, {"song_name": "Basic Instinct", "job_id": None}]}


def test_a_key_too_short_to_be_one_is_not_searched_for() -> None:
    remember_secret("a")
    assert redact("a banana") == "a banana"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.example/b.mp3?sig=1", "https://a.example/b.mp3?..."),
        ("HTTPS://a.example/b#x", "HTTPS://a.example/b?..."),
        ("https://u:p@a.example/b", "https://a.example/b"),
        ("https://a.example/b", "https://a.example/b"),
        ("song.mp3?", "song.mp3?"),
        ("what? no link", "what? no link"),
    ],
)
def test_a_link_is_shown_up_to_its_question_mark(text: str, shown: str) -> None:
    assert hide_queries(text) == shown


def logged(level: int, write: str) -> str:
    log = logger("soundverse_nb.test_secrets")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        if write == "message":
            log.log(level, "sent with %s", KEY)
        elif write == "mapping":
            log.log(level, "sent with %(key)s", {"key": KEY})
        elif write == "object":
            log.log(level, {"key": KEY})
        elif write == "broken":
            log.log(level, f"100 % of {KEY}", "one", "two")
        else:
            try:
                raise RuntimeError(f"Authorization: Bearer {KEY}")
            except RuntimeError:
                log.log(level, "failed", exc_info=True)
    finally:
        log.removeHandler(handler)
    return stream.getvalue()


@pytest.mark.parametrize("write", ["message", "mapping", "object", "broken", "traceback"])
@pytest.mark.parametrize("level", [logging.DEBUG, logging.ERROR])
def test_a_logger_of_ours_writes_no_secret(level: int, write: str) -> None:
    text = logged(level, write)
    assert text.strip()
    assert KEY not in text
    if write == "traceback":
        assert "RuntimeError" in text


def test_a_logger_is_filtered_once() -> None:
    assert logger("soundverse_nb.test_once") is logger("soundverse_nb.test_once")
    assert len(logger("soundverse_nb.test_once").filters) == 1


def test_the_word_that_the_embedded_service_is_asked_with_is_no_secret() -> None:
    remember_key(EMBEDDED_KEY)
    assert hide_key("A simulated sunrise") == "A simulated sunrise"
