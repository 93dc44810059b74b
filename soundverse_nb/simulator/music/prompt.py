"""Reading a prompt: words become a style, moods bend it, numbers of beats are taken at their word."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from soundverse_nb.simulator.music.styles import INSTRUMENT_WORDS, STYLES, Style

_FADED = {"without", "no", "not", "minus", "non", "anti"}
# What an adjective style ("lo-fi jazz") lends to the noun it stands before.
_COLOURS = ("high_cut", "crackle", "echo", "room", "crush", "drive", "tilt", "pump")


@dataclass(frozen=True)
class Reading:
    """A prompt as it is understood: the style, a tempo that was asked for (or None), a seed for details.

    `named` is what of it was recognised, as words for a title: the styles, else the instruments; "" where
    neither was, and the style is then one of the service's own choosing.
    """

    style: Style
    bpm: float | None
    pace: float
    seed: int
    named: str


def read_prompt(prompt: str, salt: str = "") -> Reading:
    """The style in a prompt. Words it does not know choose among the styles, always the same way."""
    text = re.sub(r"\s+", " ", prompt.lower())
    seed = int.from_bytes(hashlib.sha256(f"{text}\n{salt}".encode("utf-8", "replace")).digest()[:8], "big")
    text = _plain(text)
    found = _styles_in(text)
    if found:
        style = _blend(found)
        named = " ".join(dict.fromkeys(one.name for one in found[-2:]))
    else:
        style, named = _neutral(seed), " ".join(_instruments_in(text)[-2:]).title()
    style = _with_instruments(style, text)
    pace = 1.0
    for words, change, step in _MOODS:
        if _mentions(text, words):
            style, pace = change(style), pace * step
    return Reading(style, _asked_bpm(text), pace, seed, named)


def _plain(text: str) -> str:
    """Without accents and hyphens, by which the same word is spelled in several ways."""
    letters = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub("[-_\u2010-\u2015]+", " ", plain)


@lru_cache(maxsize=1024)
def _pattern(word: str) -> re.Pattern[str]:
    """The word by itself; its parts may be written as one ("hiphop", "hip hop", "hip-hop")."""
    parts = r"[\s-]*".join(re.escape(part) for part in re.split(r"[\s-]+", word))
    return re.compile(rf"(?<![\w-]){parts}(?![\w-])")


def _instruments_in(text: str) -> list[str]:
    """The instruments that are named, in the order of their words."""
    places = [(match.start(), word) for word in INSTRUMENT_WORDS for match in _named(text, word)]
    return list(dict.fromkeys(word for _, word in sorted(places)))


def _named(text: str, word: str) -> Iterator[re.Match[str]]:
    """Where a word is asked for, and not excluded."""
    for match in _pattern(word).finditer(text):
        before = re.findall(r"\w+", text[: match.start()])
        if not before or before[-1] not in _FADED:
            yield match


def _styles_in(text: str) -> list[Style]:
    """The styles that are named, in the order of their words; longer words first, so none counts twice."""
    rows = sorted(((word, style) for style in STYLES for word in style.words), key=lambda row: -len(row[0]))
    places: list[tuple[int, Style]] = []
    for word, style in rows:
        places += [(match.start(), style) for match in _named(text, word)]
        text = _pattern(word).sub(lambda match: "\0" * len(match.group()), text)
    places.sort(key=lambda place: place[0])
    return [style for _, style in places]


def _blend(found: list[Style]) -> Style:
    """The last style named, coloured by the ones before it."""
    style = found[-1]
    for other in found[:-1]:
        if other.name == style.name:
            continue
        plain = {field.name: field.default for field in fields(Style)}
        lent: dict[str, Any] = {
            name: getattr(other, name) for name in _COLOURS if getattr(other, name) != plain[name]
        }
        style = replace(style, **lent, bpm=(style.bpm * other.bpm) ** 0.5)
    return style


def _neutral(seed: int) -> Style:
    """A style for a prompt that names none."""
    choice = [style for style in STYLES if style.name in ("Pop", "House", "Acoustic", "Disco", "Synthwave")]
    return choice[seed % len(choice)]


def _with_instruments(style: Style, text: str) -> Style:
    for word, (place, sound) in INSTRUMENT_WORDS.items():
        if not _mentions(text, (word,)):
            continue
        if place == "chords":
            pattern = "hits" if sound == "brass" else style.chords
            style = replace(style, chord_sound=sound, chords="held" if pattern == "none" else pattern)
        elif place == "tune":
            style = replace(style, tune_sound=sound)
        else:
            style = replace(style, pad_sound=sound)
    if _mentions(text, ("no drums", "without drums", "drumless")):
        style = replace(style, drums="none")
    return style


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    return any(True for word in words for _ in _named(text, word))


def _asked_bpm(text: str) -> float | None:
    match = re.search(r"(\d{2,3})\s*(?:bpm|beats per minute)", text)
    bpm = float(match.group(1)) if match else 0.0
    return bpm if 40 <= bpm <= 240 else None


def _darker(style: Style) -> Style:
    return replace(style, high_cut=0.6 * style.high_cut, tilt=style.tilt - 0.8, semitones=style.semitones - 2)


def _brighter(style: Style) -> Style:
    return replace(style, high_cut=18_000.0, tilt=style.tilt + 0.8, semitones=style.semitones + 1)


def _wider(style: Style) -> Style:
    return replace(style, room=min(1.0, style.room + 0.3), echo=min(1.0, style.echo + 0.2))


def _harder(style: Style) -> Style:
    return replace(style, drive=min(1.0, style.drive + 0.3))


def _same(style: Style) -> Style:
    return style


_Mood = tuple[tuple[str, ...], Callable[[Style], Style], float]
_MOODS: tuple[_Mood, ...] = (
    (("upbeat", "energetic", "lively", "happy", "uptempo"), _same, 1.06),
    (("fast", "faster", "quick", "speed", "sped up", "nightcore"), _same, 1.14),
    (("slow", "slower", "slowed", "relaxed", "laid-back", "downtempo"), _same, 0.88),
    (("dark", "darker", "moody", "gloomy", "sad", "noir"), _darker, 1.0),
    (("bright", "brighter", "sunny", "shiny", "sparkling"), _brighter, 1.0),
    (("spacious", "reverb", "huge", "wide", "atmospheric", "echo", "echoes"), _wider, 1.0),
    (("heavy", "hard", "aggressive", "distorted", "gritty", "dirty"), _harder, 1.0),
)
