"""Which tunes are hardest to tell from a tune: of its metre and mode, played in its key, tempo and sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .arrangement import Plan
from .tune import Tune, generator


@dataclass(frozen=True)
class HardNegative:
    """Another tune to be played as if it were a remix of `reference`, moved by semitones into its key."""

    reference: Tune
    other: Tune
    transposition: int

    def plan(self, remix: Plan) -> Plan:
        """How the other tune is played: as the given remix of the reference is, to the instrument."""
        transposition = _nearest(self.transposition + remix.transposition)
        return replace(remix, transposition=transposition, seed=f"{remix.seed}/{self.other.name}")


def hard_negatives(tunes: Sequence[Tune], each: int, seed: int) -> tuple[HardNegative, ...]:
    """For every tune the `each` others most alike in all but their notes; of equals lots decide.

    No tune is taken more than about twice as often as others, so that one odd tune does not decide a figure.
    """
    taken: dict[str, int] = dict.fromkeys((tune.name for tune in tunes), 0)
    found = []
    for tune in tunes:
        rng = generator(seed, tune.name, "negatives")
        lots = {other.name: rng.random() for other in tunes}
        others = [other for other in tunes if other.name != tune.name]
        for _ in range(min(each, len(others))):
            other = min(
                others,
                key=lambda other: (
                    taken[other.name] >= 2 * each,
                    *_difference(tune, other),
                    lots[other.name],
                ),
            )
            others.remove(other)
            taken[other.name] += 1
            found.append(HardNegative(tune, other, _nearest(tune.key.tonic - other.key.tonic)))
    return tuple(found)


def _difference(tune: Tune, other: Tune) -> tuple[bool, bool, bool, int]:
    """What two tunes differ in, the gravest first: metre, third of the scale, one voice or four, density."""
    thirds = [one.key.scale[2] - one.key.tonic for one in (tune, other)]
    voices = [len(one.strains[0].voices) > 1 for one in (tune, other)]
    density = abs(tune.notes_per_beat - other.notes_per_beat)
    return (
        tune.metre != other.metre,
        (thirds[0] - thirds[1]) % 12 != 0,
        voices[0] != voices[1],
        round(density / 0.75),
    )


def _nearest(semitones: int) -> int:
    """The same pitch class by the smallest move, -6 to 5 semitones."""
    return (semitones + 6) % 12 - 6
