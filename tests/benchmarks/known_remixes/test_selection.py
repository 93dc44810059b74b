"""No melody is taken twice, whatever it is called, in which key and with which ornaments."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from known_remixes import selection
from known_remixes.selection import _Candidate, draw, interval_rows, overlap
from known_remixes.tune import Key, Metre, Note, Strain, Tune

C_MAJOR = (60, 62, 64, 65, 67, 69, 71, 72, 74, 76)


def melody(seed: int, count: int = 48) -> list[int]:
    return [int(pitch) for pitch in np.random.default_rng(seed).choice(C_MAJOR, count)]


def tune(name: str, pitches: list[int]) -> Tune:
    notes = tuple(Note(at * 0.5, 0.5, pitch) for at, pitch in enumerate(pitches))
    strain = Strain(len(pitches) / 2, 0.0, (notes,), (), False)
    return Tune(name, name.title(), "made up", Metre(2, 4), Key(0, "major"), True, (strain,))


def alike(one: list[int], other: list[int]) -> float:
    rows = [interval_rows(tune("tune", pitches)) for pitches in (one, other)]
    assert rows[0] is not None
    assert rows[1] is not None
    return overlap(rows[0], rows[1])


def test_a_melody_is_the_same_in_every_key() -> None:
    assert alike(melody(1), [pitch + 5 for pitch in melody(1)]) == 1.0


def test_another_printing_with_ornaments_and_notes_struck_twice_is_a_variant() -> None:
    ornamented = []
    for at, pitch in enumerate(melody(1)):
        ornamented += [pitch, pitch] if at % 3 == 0 else [pitch]
        ornamented += [pitch + 2, pitch] if at % 16 == 7 else []
    assert alike(melody(1), [pitch - 3 for pitch in ornamented]) > selection._SAME


def test_other_melodies_of_the_same_key_are_no_variants() -> None:
    assert max(alike(melody(1), melody(seed)) for seed in range(2, 40)) < selection._SAME


def test_a_melody_under_two_names_is_in_one_set_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tunes = {}
    for seed in range(12):
        tunes[f"tune {seed}"] = tune(f"tune {seed}", melody(seed))
        again = tune(f"again {seed}", [pitch + 1 + seed % 7 for pitch in melody(seed)])
        tunes[again.name] = replace(again, title=again.name)
    # Letters only: titles are compared without their numbers.
    titles = dict(zip(tunes, "abcdefghijklmnopqrstuvwx", strict=True))
    row = [_Candidate(name, titles[name] * 3, "made up", "2/4", "C major", "") for name in tunes]
    monkeypatch.setattr(selection, "SIZES", {"tuning": 4, "reported": 8})
    monkeypatch.setattr(selection, "_candidates", lambda: row)
    monkeypatch.setattr(selection, "_read", lambda candidate: tunes[candidate.name])
    chosen = [each.name.split()[1] for some in draw().values() for each in some]
    assert sorted(chosen, key=int) == [str(seed) for seed in range(12)]
