"""One URL for whoever checks it, orders with it, fetches it and shows it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from soundverse_nb.urls import InvalidURLError, PrivateURL, WebURL, quoted, redirected, shown_url


@pytest.mark.parametrize(
    "url",
    [
        "https://h/a%20b%2Fc.mp3?X-Sig=a%2Fb%2B%3D+c~d'(e)&x=%E4%F6&y=",
        "https://h:8443/a;b=1/c[1].mp3?x=[y]&z=a:b@c#t=3",
        "http://[::1]:80/a",
        "https://u:p@h/x?+",
    ],
)
def test_what_is_a_url_already_stays_letter_by_letter(url: str) -> None:
    assert quoted(url) == url


@pytest.mark.parametrize(
    ("url", "spelt"),
    [
        ("https://h/my song.mp3", "https://h/my%20song.mp3"),
        ("https://h/für.mp3?t=ü", "https://h/f%C3%BCr.mp3?t=%C3%BC"),
        ("https://h/für%20dich.mp3", "https://h/f%C3%BCr%20dich.mp3"),
        ("https://h/100%.mp3", "https://h/100%25.mp3"),
        ("https://h/100% (live)|2.mp3", "https://h/100%25%20(live)%7C2.mp3"),
        ('https://h/"<a>`{b}^\\.mp3', "https://h/%22%3Ca%3E%60%7Bb%7D%5E%5C.mp3"),
        ("https://müller.example:8443/a", "https://xn--mller-kva.example:8443/a"),
        ("https://h/caf\udce9.mp3", "https://h/caf%E9.mp3"),
        ("https://h/\ud83d.mp3", "https://h/%ED%A0%BD.mp3"),
    ],
)
def test_what_cannot_stand_in_a_url_is_quoted(url: str, spelt: str) -> None:
    assert quoted(url) == spelt
    assert quoted(spelt) == spelt, "once"


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/caf\udce9.mp3", "http://h/caf%E9.mp3"),
        ("caf\udcc3\udca9.mp3", "http://h/a/caf%C3%A9.mp3"),
        ("?x=1 2", "http://h/a/b?x=1%202"),
        ("//other/x", "http://other/x"),
        ("https://h2/\xfc", "https://h2/%C3%BC"),
        ("http://[::1", "http://[::1"),
        ("//[", "//["),
    ],
)
def test_a_location_leads_where_its_bytes_say(location: str, leads_to: str) -> None:
    assert redirected("http://h/a/b?q", location) == leads_to


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://s.example/a/b.mp3?X-Amz-Signature=abc#t", "https://s.example/a/b.mp3"),
        ("https://user:secret@s.example:8443/a", "https://s.example:8443/a"),
        ("HTTP://[::1]:80/x?y", "http://[::1]:80/x"),
        ("javascript:alert(1)", "javascript:…"),
        ("data:audio/mpeg;base64,AAAA", "data:…"),
        ("http://[::1", "(not a URL)"),
        ("https://h:99999/x?sig=1", "(not a URL)"),
        ("", "(not a URL)"),
    ],
)
def test_a_shown_url_has_no_query_and_no_user(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert not url.startswith("http") or "secret" not in repr(PrivateURL(url))


SIGNED = "HTTPS://me:s3cret@Songs.Example.org.:8443/a%2Fb/My%20Song.mp3?X-Signature=s3cret&x=1#s3cret"


def test_a_url_is_taken_apart_once() -> None:
    url = WebURL.parse(f" {SIGNED}\n")
    assert url.full == SIGNED
    assert (url.scheme, url.host, url.port) == ("https", "songs.example.org", 8443)
    assert (url.name, url.local_reason, url.is_private) == ("My Song.mp3", None, False)
    assert WebURL.parse(url) is url


@pytest.mark.parametrize("write", [str, repr, format, lambda url: f"{url}", lambda url: f"{[url]}"])
def test_a_url_that_is_written_by_accident_shows_no_secret(write: Callable[[WebURL], str]) -> None:
    assert "s3cret" not in write(WebURL.parse(SIGNED))
    assert "My%20Song.mp3" in write(WebURL.parse(SIGNED))


@pytest.mark.parametrize(
    ("text", "host", "port", "origin"),
    [
        ("http://h", "h", 80, "http://h"),
        ("https://h/x", "h", 443, "https://h"),
        ("http://h:80/", "h", 80, "http://h:80"),
        ("http://[::1]:81/x", "::1", 81, "http://[::1]:81"),
        ("https://müller.example/", "xn--mller-kva.example", 443, "https://xn--mller-kva.example"),
        ("http://１２７.0.0.1/", "127.0.0.1", 80, "http://127.0.0.1"),
    ],
)
def test_a_url_names_a_host_and_a_port(text: str, host: str, port: int, origin: str) -> None:
    url = WebURL.parse(text)
    assert (url.host, url.port, url.origin) == (host, port, origin)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "scheme"),
        ("song.mp3", "scheme"),
        ("//h/song.mp3", "scheme"),
        ("file:///song.mp3", "scheme"),
        ("https:///song.mp3", "no host"),
        ("http://:80/", "no host"),
        ("https://h/a\r\nX: y", "control"),
        ("https://h/a\tb", "control"),
        ("https://h/\0", "control"),
        ("http://[::1/x", "cannot be read"),
        ("http://h:99999/", "cannot be read"),
        ("http://h:x/", "cannot be read"),
        ("http://h:0/", "nobody can have"),
        ("https://a b/x", "nobody can have"),
        ("http://127.0.0.1\\@h/x", "nobody can have"),
        ("http://h%2elocalhost/", "nobody can have"),
        ("http://a..b/", "nobody can have"),
        ("http://256.1.1.1/", "nobody can have"),
        (None, "NoneType"),
        (b"https://h/", "bytes"),
    ],
)
def test_what_is_no_url_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidURLError, match=reason) as refused:
        WebURL.parse(text)
    assert not text or str(text) not in str(refused.value)


def test_who_can_reach_it_is_known_by_its_spelling() -> None:
    assert WebURL.parse("http://127.1/x").local_reason == "127.0.0.1 is this machine itself"
    assert WebURL.parse("http://nas.local/x").is_private


def test_a_redirect_leads_to_another_url_or_to_none() -> None:
    url = WebURL.parse("https://h/a/b.mp3?q")
    assert url.join("c.mp3?sig=1 2").full == "https://h/a/c.mp3?sig=1%202"
    assert url.join("//other/x").host == "other"
    with pytest.raises(InvalidURLError):
        url.join("file:///etc/passwd")


def test_urls_are_equal_by_their_spelling_and_survive_copies() -> None:
    url = WebURL.parse(SIGNED)
    assert {url, WebURL.parse(SIGNED), copy.deepcopy(url), pickle.loads(pickle.dumps(url))} == {url}
    assert url != WebURL.parse(SIGNED + "x")


def test_a_long_url_is_shown_cut() -> None:
    assert len(WebURL.parse("https://h/" + "x" * 10_000).shown) == 300
