"""Titles, covers and the account book."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from soundverse_nb.simulator.cover import draw_cover, song_name
from soundverse_nb.simulator.jobs import Charge, Ledger


def test_a_title_is_the_same_for_the_same_request_and_another_for_another():
    assert song_name("jazz", "", "a", "Jazz") == song_name("jazz", "", "a", "Jazz")
    assert len({song_name("jazz", "", str(seed), "Jazz") for seed in range(20)}) > 10


@pytest.mark.parametrize(
    ("lyrics", "style", "expected"),
    [
        ("hello my love the night", "Jazz", "Hello My Love The (Jazz Remix)"),
        ("don't stop", "", "Don't Stop (Remix)"),
        ("<script>alert(1)</script>", "House", "Script Alert 1 Script (House Remix)"),
    ],
)
def test_lyrics_give_the_title_their_first_words(lyrics, style, expected):
    assert song_name("x", lyrics, "seed", style) == expected


def test_a_title_says_that_no_style_was_recognised_and_which_was_taken():
    assert song_name("xyzzy", "", "seed", "", "Pop").endswith("(Style Not Recognised, Pop Remix)")
    assert song_name("jazz", "", "seed", "Jazz", "Jazz").endswith("(Jazz Remix)")


def test_a_title_has_at_most_80_characters():
    assert len(song_name("x", "a" * 500, "seed", "Drum and Bass")) <= 80


@pytest.mark.parametrize("title", ["Amber Avenue (Jazz Remix)", "愛 (Remix)", "", "x" * 200, "A (b) (c)"])
def test_a_cover_is_drawn_for_any_title(title):
    data = draw_cover(title, "prompt", "seed")
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "JPEG"
    assert picture.size == (640, 640)
    assert len(data) < 150_000
    assert apart(data, draw_cover(title, "prompt", "seed")) < 1


def test_covers_differ_from_one_another():
    assert apart(draw_cover("A", "jazz", "s"), draw_cover("A", "rock", "s")) > 5


def apart(one: bytes, other: bytes) -> float:
    """How many of 255 shades two pictures are apart on average: a last bit in drawing is no other picture."""
    pixels = [np.asarray(Image.open(io.BytesIO(data)), float) for data in (one, other)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


def charge(message_id: str, amount: float) -> Charge:
    return Charge(message_id, 1.75e9, "Title", amount, "remix", "r" * 64, "q" * 64)


def test_the_ledger_counts_sums_and_finds():
    ledger = Ledger()
    assert "nothing was charged" in str(ledger)
    ledger.add(charge("a", 0.2))
    ledger.add(charge("b", 0.3))
    assert (len(ledger), ledger.total) == (2, pytest.approx(0.5))
    assert [entry.message_id for entry in ledger] == ["a", "b"]
    assert ledger.of("b") == (charge("b", 0.3),)
    assert ledger.of("c") == ()
    assert "2 charged, 0.5 remix" in str(ledger)
