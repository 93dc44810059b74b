"""One spelling of a URL for whoever checks it, orders with it and fetches it."""

from __future__ import annotations

import pytest

from soundverse_nb.urls import quoted, redirected


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
