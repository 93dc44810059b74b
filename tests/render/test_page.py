"""The page that stands alone: what it holds, what it must not hold, and that foreign words stay words."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from soundverse_nb.audio.meters import Envelope
from soundverse_nb.render.page import Page, SongPanel, page_html

MP3 = b"\xff\xfb\x90\x00" + bytes(400)


def envelope(duration: float = 30.0, peak: float = 0.5) -> Envelope:
    wave = peak * np.abs(np.sin(np.linspace(0, 20, 500, dtype=np.float32)))[None]
    return Envelope(-wave, wave, duration, 44_100)


def take(label: str, duration: float = 30.0, loudness: float = -14.0, **changes: object) -> SongPanel:
    usual = SongPanel(label, f"{label} song", duration, envelope(duration), "#3f86cf", loudness, audio=MP3)
    return replace(usual, **changes)  # type: ignore[arg-type]


def page(*remixes: SongPanel, original: SongPanel | None = None) -> Page:
    return Page("One song", "A lead.", original or take("Original"), remixes)


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_every_song_has_a_player_with_its_sound_inside() -> None:
    elements = Elements(page_html(page(take("Remix 1"), take("Remix 2"))))
    players = elements.of("audio")
    assert len(players) == 3
    assert all(
        (p["src"] or "").startswith("data:audio/mpeg;base64,//uQ") and "controls" in p for p in players
    )


def test_the_page_asks_for_nothing_from_anywhere() -> None:
    html = page_html(page(take("Remix 1", file="remix-1.mp3")))
    elements = Elements(html)
    assert not elements.of("link")
    assert all("src" not in script for script in elements.of("script"))
    addresses = re.findall(r"""(?:src|url)\s*[=(]\s*["']?([^"')>\s]+)""", html)
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    policy = next(m["content"] or "" for m in elements.of("meta") if m.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_waveforms_are_as_wide_as_their_songs_are_long() -> None:
    html = page_html(page(take("Remix 1", duration=15.0), take("Remix 2", duration=60.0)))
    widths = [float(w) for w in re.findall(r'class="wave"[^>]*style="width:([\d.]+)%', html)]
    assert widths == [50.0, 25.0, 100.0]


def test_louder_songs_are_turned_down_to_the_quietest() -> None:
    players = Elements(page_html(page(take("Remix 1", loudness=-20.0), take("Remix 2", loudness=-8.0)))).of(
        "audio"
    )
    gains = [float(p["data-gain"] or "nan") for p in players]
    assert gains == pytest.approx([10 ** (-6 / 20), 1.0, 10 ** (-12 / 20)], rel=1e-3)


def test_silence_has_no_loudness_to_match() -> None:
    players = Elements(page_html(page(take("Remix 1", loudness=-np.inf)))).of("audio")
    assert [p["data-gain"] for p in players] == ["1.0000", "1.0000"]


@pytest.mark.parametrize("field", ["label", "title", "prompt", "note", "file", "facts"])
def test_foreign_words_cannot_become_markup(field: str) -> None:
    nasty = "\"><img src=x onerror=alert(1)>'</script>"
    value = (nasty,) if field == "facts" else nasty
    html = page_html(page(replace(take("Remix 1"), **{field: value})))
    elements = Elements(html)
    assert not elements.of("img")
    assert len(elements.of("script")) == 1
    assert not [tag for tag, attributes in elements.found if any(a.startswith("on") for a in attributes)]


def test_a_song_without_sound_still_shows() -> None:
    html = page_html(page(take("Remix 1", audio=None, note="No player: too long.")))
    assert len(Elements(html).of("audio")) == 1
    assert "No player: too long." in html


def test_what_must_not_be_overlooked_stands_on_top() -> None:
    html = page_html(replace(page(take("Remix 1")), badge="Simulated.", warning="Nothing was paid."))
    assert html.index("Simulated.") < html.index("<main>")
    assert "Nothing was paid." in html
