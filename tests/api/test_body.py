"""Bodies are read as text, JSON or words, whatever they are."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from soundverse_nb.api.body import (
    EXCERPT_CHARS,
    MAX_BODY_BYTES,
    NOT_JSON,
    body_text,
    error_text,
    excerpt,
    page_text,
    read_json,
)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
)
def test_json_is_read_in_every_encoding_it_may_have(encoding: str) -> None:
    body = json.dumps({"a": "ä\U0001f3b5"}, ensure_ascii=False).encode(encoding)
    assert read_json(body_text(body)) == {"a": "ä\U0001f3b5"}


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"\xff\xfe", b"\xfe\xff", b"\0", b"\0\0\0", b"\x1f\x8b", bytes(range(256)) * 40]
)
@pytest.mark.parametrize(
    "content_type", ["", "text/html; charset=utf-16", "x; charset=zlib", "x; charset=", "x; charset=\0"]
)
def test_no_bytes_are_too_strange(body: bytes, content_type: str) -> None:
    assert isinstance(body_text(body, content_type), str)


def test_a_small_body_that_unpacks_to_a_huge_one_is_read_in_part() -> None:
    assert len(body_text(gzip.compress(b"x" * 50_000_000))) <= MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"message": "a"}, "a"),
        ({"detail": "a"}, "a"),
        ({"error": "a"}, "a"),
        ({"message": "a", "error": "b"}, "a"),
        ({"message": "", "error": "b"}, "b"),
        ({"error": {"message": "a", "code": 3}}, "a"),
        ({"detail": {"msg": "a"}}, "a"),
        ({"detail": [{"loc": ["body", "x", 0], "msg": "a"}, {"msg": "b"}, "c", None, 5]}, "x.0: a; b; c"),
        ({"detail": [{"loc": ["body"], "msg": "a"}]}, "a"),
        ({"detail": [{"loc": ["body", "x"]}]}, "x"),
        ({"errors": ["a", "b"]}, "a; b"),
        ({"data": {"message": "a"}}, "a"),
        ("a", "a"),
        ({"message": 5}, ""),
        ({}, ""),
        (None, ""),
        (5, ""),
    ],
)
def test_an_error_object_says_something(value: Any, text: str) -> None:
    assert error_text(value) == text


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<html><head><title> 502 Bad\nGateway </title></head><body>nginx</body>", "502 Bad\nGateway"),
        ("<h1>Oops</h1><p>x &lt; y</p>", "Oops"),
        ("<script>alert(1)</script><style>a{}</style><!-- c -->Hello", "Hello"),
        ("<script>never closed", ""),
        ("<title></title>Hello", "Hello"),
        ("plain", "plain"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("", ""),
    ],
)
def test_a_page_says_its_title_or_its_words(page: str, words: str) -> None:
    assert page_text(page).startswith(words)
    assert bool(page_text(page)) is bool(words)


@pytest.mark.parametrize("value", ["", "{", "[1", "nope", "[" * 100_000])
def test_what_is_not_json_is_marked_as_such(value: str) -> None:
    assert read_json(value) is NOT_JSON
    assert read_json("null") is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a  b\r\n\tc", "a b c"),
        ("\x1b[31m\0", "\\x1b[31m\\x00"),
        ("\u202eabc\u200b", "\\u202eabc\\u200b"),
        ("<script>x</script> 1 < 2", "‹script>x‹/script> 1 < 2"),
        ("ä🎵", "ä🎵"),
        ("\ud83d", "\\ud83d"),
    ],
)
def test_an_excerpt_is_one_harmless_line(text: str, shown: str) -> None:
    assert excerpt(text) == shown


def test_an_excerpt_is_short() -> None:
    assert len(excerpt("x" * 10_000)) == EXCERPT_CHARS
    assert len(excerpt("\0" * 10_000)) == EXCERPT_CHARS
    assert excerpt("x" * EXCERPT_CHARS) == "x" * EXCERPT_CHARS
