"""Which tunes make up the two sets: many keys, modes and metres, none twice, always the same.

The sources are collections printed between 1782 and 1903 (Aird's Airs, Ryan's Mammoth Collection, O'Neill's
Music of Ireland) and chorales of J. S. Bach, as encoded in music21's corpus. Nothing of them is shipped here.
One list is drawn for both sets, so that no tune, and no variant of one, is in both.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any

from .reading import UnusableTuneError, plain_title, read_abc, read_chorale
from .tune import Chord, Key, Metre, Note, Strain, Tune, generator

TUNING, REPORTED = "tuning", "reported"
SIZES = {TUNING: 60, REPORTED: 100}
_CHORALES = "chorale"
# The order in which metres take their turn; slip jigs in 9/8 are rare, so are they here.
_METRES = ("2/4", "6/8", "4/4", "3/4", "2/2", "6/8", _CHORALES, "3/4", "2/4", "4/4", "2/2", "9/8", _CHORALES)
_COLLECTIONS = {
    "ryansMammoth": "Ryan's Mammoth Collection, 1883",
    "oneills1850": "O'Neill's Music of Ireland, 1903",
    "airdsAirs": "Aird's Selection of Airs, 1782-1801",
}
_GRAM = 5  # intervals in a row that are compared between tunes
_SAME = 0.25  # share of the shorter tune's rows found in the other that makes them variants of one
_FEWEST_NOTES = 24
_BARS = (8, 64)  # of a tune, each strain counted once
_LONGEST_STRAIN = 72  # beats: a minute at the slowest tempo


@dataclass(frozen=True)
class _Candidate:
    name: str
    title: str
    source: str
    metre: str
    group: str
    text: str
    path: Path | None = None


def chosen_tunes(which: str, count: int, cache: Path) -> tuple[Tune, ...]:
    """The first `count` tunes of a set, read from music21's corpus once and kept in the cache folder."""
    if which not in SIZES:
        raise ValueError(f"There is no set {which!r}; the sets are {', '.join(SIZES)}.")
    if count > SIZES[which]:
        raise ValueError(f"The set {which!r} has {SIZES[which]} tunes, not {count}.")
    own = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem in _READERS]
    kept = cache / f"tunes-{hashlib.sha256(b''.join(own)).hexdigest()[:16]}.json"
    if not kept.exists():
        sets = draw()
        cache.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part")
        part.write_text(json.dumps({name: [asdict(tune) for tune in tunes] for name, tunes in sets.items()}))
        part.replace(kept)
    return tuple(_from_json(tune) for tune in json.loads(kept.read_text())[which][:count])


_READERS = {"tune", "harmony", "reading", "selection"}


def draw() -> dict[str, list[Tune]]:
    """Both sets, drawn from one row of candidates."""
    sets: dict[str, list[Tune]] = {name: [] for name in SIZES}
    seen: list[frozenset[tuple[int, ...]]] = []
    titles: set[str] = set()
    for candidate in _in_turn(_candidates()):
        free = {name: SIZES[name] for name in SIZES if len(sets[name]) < SIZES[name]}
        if not free:
            return sets
        if candidate.path is None and plain_title(candidate.title) in titles:
            continue
        tune = _read(candidate)
        if tune is None or (grams := interval_rows(tune)) is None:
            continue
        if any(overlap(grams, other) > _SAME for other in seen):
            continue
        seen.append(grams)
        titles.add(plain_title(candidate.title))
        # By lot, or a set would get all tunes of one key, whose turns come as regularly as the sets'.
        lot = generator("set", candidate.name).choices(list(free), list(free.values()))[0]
        sets[lot].append(tune)
    raise RuntimeError("The corpus has too few tunes that fill their bars.")


def _read(candidate: _Candidate) -> Tune | None:
    from music21 import Music21Exception

    try:
        if candidate.path is None:
            tune = read_abc(candidate.text, candidate.name, candidate.title, candidate.source)
        else:
            tune = read_chorale(candidate.path, candidate.name, candidate.source)
    except (UnusableTuneError, Music21Exception, ValueError, KeyError, IndexError, AttributeError, TypeError):
        return None  # a notation music21 cannot read is one tune fewer among thousands
    bars = sum(strain.length for strain in tune.strains) / tune.metre.bar
    longest = max(strain.length for strain in tune.strains) / tune.metre.beat
    notes = sum(len(strain.voices[0]) for strain in tune.strains)
    if not _BARS[0] <= bars <= _BARS[1] or longest > _LONGEST_STRAIN or notes < _FEWEST_NOTES:
        return None
    return tune


def interval_rows(tune: Tune) -> frozenset[tuple[int, ...]] | None:
    """Every five melodic intervals in a row, the same in all keys; None where there are too few."""
    pitches = [note.pitch for strain in tune.strains for note in strain.voices[0]]
    # Repeated notes come and go between printings of one tune.
    moves = [after - before for before, after in pairwise(pitches) if after != before]
    rows = frozenset(tuple(moves[at : at + _GRAM]) for at in range(len(moves) - _GRAM + 1))
    return rows if len(rows) >= _GRAM else None


def overlap(one: frozenset[tuple[int, ...]], other: frozenset[tuple[int, ...]]) -> float:
    """Share of the smaller set that the two have in common, 0 to 1."""
    return len(one & other) / min(len(one), len(other))


def _in_turn(candidates: Sequence[_Candidate]) -> Iterator[_Candidate]:
    """Metre after metre, and within each metre key after key, so that rare ones are not drowned."""
    rows: dict[str, dict[str, list[_Candidate]]] = {}
    for candidate in candidates:
        rows.setdefault(candidate.metre, {}).setdefault(candidate.group, []).append(candidate)
    queues = {metre: _round_robin(list(groups.values())) for metre, groups in rows.items()}
    left = sum(len(group) for groups in rows.values() for group in groups.values())
    for metre in cycle(_METRES):
        for candidate in islice(queues.get(metre, iter(())), 1):
            left -= 1
            yield candidate
        if not left:
            return


def _round_robin(groups: list[list[_Candidate]]) -> Iterator[_Candidate]:
    while groups:
        for group in groups:
            yield group.pop()
        groups = [group for group in groups if group]


def _candidates() -> list[_Candidate]:
    """All tunes of the collections in one fixed order, known by their headers only."""
    from music21 import corpus

    root = Path(corpus.__file__).parent
    found = []
    for folder, source in _COLLECTIONS.items():
        for path in sorted((root / folder).glob("*.abc")):
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, block in enumerate(re.split(r"(?m)^(?=X:)", text)[1:]):
                name = f"{folder}-{path.stem}" + (f"-{number}" if folder != "ryansMammoth" else "")
                candidate = _by_header(block, name, source)
                if candidate is not None:
                    found.append(candidate)
    for path in sorted((root / "bach").glob("bwv*.mxl")):
        name = f"bach-{path.stem}"
        found.append(_Candidate(name, name, "J. S. Bach, chorales", _CHORALES, "any", "", path))
    generator("candidates").shuffle(found)
    # Keys in alphabetical order, whatever order the shuffle met them in.
    return sorted(found, key=lambda candidate: candidate.group)


def _by_header(block: str, name: str, source: str) -> _Candidate | None:
    lines = [line for line in reversed(block.splitlines()) if line[1:2] == ":"]
    fields = {line[0]: line[2:].split("%")[0].strip() for line in lines}
    metre = {"C|": "2/2", "C": "4/4"}.get(fields.get("M", ""), fields.get("M", ""))
    key = re.match(r"([A-G][b#]?)\s*([A-Za-z]*)$", fields.get("K", ""))
    if metre not in _METRES or key is None or not fields.get("T"):
        return None
    mode = {"": "major", "maj": "major", "m": "minor", "min": "minor"}.get(key[2].lower()[:3])
    # Modal tunes are one group, so that they are about one in eight.
    group = f"{key[1]} {mode}" if mode else "modal"
    return _Candidate(name, fields["T"], source, metre, group, block)


def _from_json(line: dict[str, Any]) -> Tune:
    strains = tuple(
        Strain(
            length=strain["length"],
            phase=strain["phase"],
            voices=tuple(tuple(Note(**note) for note in voice) for voice in strain["voices"]),
            chords=tuple(
                Chord(chord["start"], chord["length"], tuple(chord["tones"])) for chord in strain["chords"]
            ),
            repeated=strain["repeated"],
        )
        for strain in line["strains"]
    )
    return Tune(**{**line, "metre": Metre(**line["metre"]), "key": Key(**line["key"]), "strains": strains})
