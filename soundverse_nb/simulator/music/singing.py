"""New lyrics, sung: syllables on the tune's own notes by a voice made of harmonics under vowel formants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_TABLE = 4096
# Centre frequencies in Hz of the first three formants, mean of women's voices: G. E. Peterson and
# H. L. Barney, "Control methods used in a study of the vowels", JASA 24(2), 1952.
_FORMANTS: dict[str, tuple[float, float, float]] = {
    "a": (850, 1220, 2810),
    "e": (610, 2330, 2990),
    "i": (310, 2790, 3310),
    "o": (590, 920, 2710),
    "u": (370, 950, 2670),
}
_WIDTHS = (130.0, 200.0, 220.0)  # wider than in speech: the harmonics of a sung note lie far apart
_LEVELS = (1.0, 0.75, 0.2)
_HISSES = set("sfzvxcjh") | {"sh", "th", "ch"}


@dataclass(frozen=True)
class Syllable:
    """A vowel and the sound before it: "" (none), "hiss" or "stop"; `last` where a line ends."""

    vowel: str
    onset: str
    last: bool


def syllables(lyrics: str) -> tuple[Syllable, ...]:
    """The lyrics as sung syllables, line by line; scripts without a, e, i, o, u get a vowel a letter."""
    sung: list[Syllable] = []
    for line in re.split(r"[\n.;!?/]+", lyrics.lower()):
        words = re.findall(r"[^\W\d_]+", re.sub(r"\[[^\]]*\]", " ", line))
        of_line = [part for word in words for part in _of_word(word)]
        if of_line:
            end = of_line[-1]
            sung += [*of_line[:-1], Syllable(end.vowel, end.onset, True)]
    return tuple(sung)


def _of_word(word: str) -> list[Syllable]:
    if not re.search("[aeiouyàáâäåèéêëìíîïòóôöøùúûü]", word):
        return [Syllable("aeiou"[ord(letter) % 5], "stop", False) for letter in word[:6]]
    if len(word) > 3 and word.endswith("e") and not word.endswith("le"):
        word = word[:-1]  # the silent e
    parts = re.findall(r"([^aeiouyàáâäåèéêëìíîïòóôöøùúûü]*)([aeiouyàáâäåèéêëìíîïòóôöøùúûü]+)", word)
    return [Syllable(_vowel(vowel), _onset(before), False) for before, vowel in parts]


def _vowel(letters: str) -> str:
    plain = str.maketrans("yàáâäåèéêëìíîïòóôöøùúûü", "iaaaaaeeeeiiiiooooouuuu")
    if letters in ("ea", "ee", "ie"):
        return "i"
    if letters in ("oo", "ou", "ew"):
        return "u"
    return letters[0].translate(plain)


def _onset(letters: str) -> str:
    if not letters:
        return ""
    return "hiss" if letters[-1] in _HISSES or letters[-2:] in _HISSES else "stop"


def sing(
    syllable: Syllable, pitch: float, seconds: float, rate: int, noise: NDArray[np.float32]
) -> NDArray[np.float32]:
    """One sung syllable, float32 (frames,). `noise` is white noise to breathe and hiss with."""
    count = int((seconds + 0.08) * rate)
    t = np.arange(count, dtype=np.float32) / np.float32(rate)
    f = 440.0 * 2 ** ((pitch - 69) / 12)
    late = np.clip((t - 0.16) / 0.25, 0, 1)
    scoop = -0.6 * np.exp(-t / 0.03)
    bend = (scoop + 0.28 * late * np.sin(np.float32(2 * np.pi * 5.6) * t)) / 12
    phase = np.cumsum(f * (1 + 0.6931 * bend)) / rate
    cycle = _cycle(syllable.vowel, round(f, 1), rate)
    voices = np.zeros(count, dtype=np.float32)
    for cents, level in ((-7.0, 0.5), (0.0, 1.0), (8.0, 0.5)):
        place = (phase * 2 ** (cents / 1200) * _TABLE).astype(np.int64) & (_TABLE - 1)
        voices += np.float32(level) * cycle[place]
    swell = np.minimum(1, t / 0.05) * (0.75 + 0.25 * np.minimum(1, t / 0.3))
    out = voices * swell * np.float32(0.5)
    if syllable.onset:
        length = int((0.07 if syllable.onset == "hiss" else 0.022) * rate)
        puff = np.diff(noise[: length + 1]) * np.sin(np.linspace(0, np.pi, length, dtype=np.float32))
        length = min(length, count)
        out[:length] *= np.linspace(0.1, 1, length, dtype=np.float32)
        out[:length] += np.float32(0.07) * puff[:length]
    fade = min(count, int(0.08 * rate))
    out[count - fade :] *= np.linspace(1, 0, fade, dtype=np.float32) ** 2
    return np.asarray(out, dtype=np.float32)


@lru_cache(maxsize=256)
def _cycle(vowel: str, f: float, rate: int) -> NDArray[np.float32]:
    """One cycle of a voice: harmonics that fall 9 dB an octave, lifted near the vowel's formants."""
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=complex)
    for number in range(1, int(min(5500.0, 0.45 * rate) / f) + 1):
        hertz = number * f
        peaks = sum(
            level / (1 + ((hertz - centre) / width) ** 2)
            for centre, width, level in zip(_FORMANTS[vowel], _WIDTHS, _LEVELS, strict=True)
        )
        spectrum[number] = (0.05 + peaks) * number**-0.6 * np.exp(1j * 0.9 * number)
    cycle = np.fft.irfft(spectrum)
    return np.asarray(0.3 * cycle / (np.sqrt(np.mean(cycle**2)) + 1e-12), dtype=np.float32)
