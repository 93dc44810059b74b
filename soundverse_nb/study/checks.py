"""Checks of a summary: what could make it mislead, each stated whichever way it comes out."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from soundverse_nb.render.escape import plain
from soundverse_nb.render.units import signed
from soundverse_nb.study.counted import Counted, Level, Rest, level_name
from soundverse_nb.study.estimates import Scope, limits_of
from soundverse_nb.study.intervals import FEW_SONGS, LEAST_DEGREES, student, t_quantile
from soundverse_nb.study.odd_takes import FAR, LEAST_REPEATS, odd_takes
from soundverse_nb.study.pass_or_fail import is_pass_or_fail
from soundverse_nb.study.spread import UNEVEN, Spread, Variance
from soundverse_nb.study.summary import CLEAR, Check, digits_for, p_equals

LEAST_CONTROLS = 4
"""A line through three points fits too well to say anything."""

FEW_WHOLE = 20
"""Takes of a level below which intervals of whole numbers hold the truth less surely."""

UNEQUAL = 0.05
"""Below this p value levels are said to differ in spread."""

_TOO_FEW_FOR_UNEVEN = 2
"""Takes of a cell that do not tell well which of them vary more."""

_UNEQUAL_LOSS = 0.1
"""By how much of their trials levels may differ in what they lost."""


def checks_of(counted: Counted, spread: Spread, scope: Scope) -> tuple[Check, ...]:
    """All checks of what counts for a metric, in a fixed order."""
    return tuple(
        check
        for check in (
            _songs(counted, scope),
            _numbers(counted),
            _same_cells(counted),
            _repeats(spread.pooled),
            _whole_numbers(counted),
            _equal_spread(counted, spread)
            if scope == "these songs" and not is_pass_or_fail(counted, limits_of(counted))
            else None,
            _odd_takes(counted),
            _losses(counted),
            _unmeasured(counted),
            _same_files(counted),
            _versions(counted),
            _drift(counted),
            _service(counted),
            _left_out(counted),
        )
        if check is not None
    )


def _songs(counted: Counted, scope: Scope) -> Check:
    count = len(counted.references)
    if scope == "these songs":
        said = (
            f"It speaks of {_many(count, 'song')}, and not of others." if count > 1 else "It is of one song."
        )
        return Check(name="songs", state="fine", text=said)
    if count < FEW_SONGS:
        said = f"{count} songs are few: under {FEW_SONGS}, one odd song can decide."
        return Check(name="songs", state="look", text=said)
    return Check(name="songs", state="fine", text=f"{count} songs, not fewer than {FEW_SONGS}.")


def _numbers(counted: Counted) -> Check:
    sizes = sorted({len(group) for _, _, group in counted.groups()})
    absent = [
        f"{plain(song or 'all songs', 40)} has no {plain(level_name(level), 40)}"
        for level in counted.levels
        for song in counted.songs
        if song not in counted.values.get(level, {})
    ]
    empty = [
        f"{plain(song or 'all songs', 40)} has no {plain(level_name((*level, *rest)), 80)}"
        for level, cells in counted.planned.items()
        for song, rest in cells
        if song in counted.values.get(level, {}) and rest not in counted.values[level][song]
    ]
    said = f"Not every level has every song: {_first(absent)}. Pairs take what both have." if absent else ""
    if empty:
        said += f" {_many(len(empty), 'cell')} without a take that counts: {_first(empty)}."
    if said:
        return Check(name="equal numbers", state="look", text=said.strip())
    if len(sizes) > 1:
        said = f"Cells have {sizes[0]} to {sizes[-1]} takes; each song still weighs the same."
        return Check(name="equal numbers", state="look", text=said)
    said = f"Every cell has {_many(sizes[0], 'take')}."
    return Check(name="equal numbers", state="fine", text=said)


def _first(said: Sequence[str]) -> str:
    return f"{'; '.join(said[:2])}{f' and {len(said) - 2} more' if len(said) > 2 else ''}"


def _same_cells(counted: Counted) -> Check | None:
    """Whether levels are means over the same levels of the factors that are averaged over."""
    if not counted.rest or len(counted.values) < 2:
        return None
    over = " and ".join(map(plain, counted.rest))
    for first, second in itertools.combinations(counted.values, 2):
        ones, others = counted.values[first], counted.values[second]
        songs = [song for song in ones if song in others and not _alike(ones[song], others[song])]
        if not songs:
            continue
        names = f"{plain(level_name(first), 40)} and {plain(level_name(second), 40)}"
        if all(ones[song].keys() & others[song].keys() for song in songs):
            said = (
                f"{names} are means over different levels of {over}; their difference takes what both have."
            )
        else:
            said = f"{names} have no level of {over} in common: their difference may be that of {over}."
        return Check(name="same cells", state="look", text=said)
    return Check(name="same cells", state="fine", text=f"Levels are means over the same levels of {over}.")


def _alike(ones: Iterable[Rest], others: Iterable[Rest]) -> bool:
    """Whether each has its like on the other side; a level that has no such slot is like any."""
    ones, others = set(ones), set(others)

    def fits(one: Rest, other: Rest) -> bool:
        return all(its == that or not its or not that for its, that in zip(one, other, strict=True))

    return all(any(fits(one, other) for other in others) for one in ones) and all(
        any(fits(one, other) for one in ones) for other in others
    )


def _repeats(pooled: Variance) -> Check:
    if not pooled.degrees:
        said = "No cell has two takes: how much takes of one prompt differ is not known."
        return Check(name="repeats", state="look", text=said)
    if pooled.value == 0:
        return Check(name="repeats", state="look", text="Repeats do not differ at all in this metric.")
    spread = f"a standard deviation of {math.sqrt(pooled.value):.3g}"
    said = f"Takes of one cell differ by {spread} ({pooled.degrees} degrees of freedom)."
    return Check(name="repeats", state="fine", text=said)


def _whole_numbers(counted: Counted) -> Check | None:
    """Whether takes are enough for numbers of which only a few different ones occur."""
    if not counted.is_whole:
        return None
    different = len({value for _, _, group in counted.groups() for value in group})
    fewest = min(len(counted.values_at(level)) for level in counted.values)
    known = (
        f"All values are whole numbers, {different} different; each level has {_many(fewest, 'take')} or more"
    )
    if fewest < FEW_WHOLE:
        said = f"{known}: intervals of so few steps are rough under {FEW_WHOLE} takes."
        return Check(name="whole numbers", state="look", text=said)
    return Check(name="whole numbers", state="fine", text=f"{known}.")


def _equal_spread(counted: Counted, spread: Spread) -> Check | None:
    """Whether takes vary more at one level, or of one song, than at another; whether each knows how much."""
    if len(counted.levels) < 2:
        return _equal_cells(counted, spread)
    known = [level for level, found in spread.by_level.items() if found.degrees]
    if not known:
        said = "No repeats to tell whether levels differ in spread."
        return Check(name="equal spread", state="unknown", text=said)
    said = "" if spread.has_equal_numbers else "Cells differ in their number of takes. "
    said += "Each level is measured by its own spread"
    cells = _cells_said(counted, spread)
    least = min(known, key=lambda level: spread.by_level[level].degrees)
    degrees = spread.by_level[least].degrees
    if degrees < LEAST_DEGREES:
        said += f", {plain(level_name(least), 40)} by {degrees:.2g} degree{'s' * (degrees != 1)} of freedom, "
        said += "so its interval is wide."
        if least not in spread.uneven:
            said += f" One more take of each cell makes it some {_gain(counted, least)} % narrower."
        return Check(name="equal spread", state="look", text=f"{said}{cells}")
    if math.isnan(spread.p):
        return Check(name="equal spread", state=_state(spread), text=f"{said}.{cells}")
    by = f"Kruskal-Wallis p {p_equals(spread.p)}"
    if spread.p < UNEQUAL:
        return Check(name="equal spread", state="look", text=f"{said}: levels differ in it ({by}).{cells}")
    said += f"; levels hardly differ in it ({by}).{cells}"
    return Check(name="equal spread", state=_state(spread), text=said)


def _equal_cells(counted: Counted, spread: Spread) -> Check | None:
    """The same of one level, whose cells alone can differ."""
    said = _cells_said(counted, spread).strip()
    return Check(name="equal spread", state=_state(spread), text=said) if said else None


def _state(spread: Spread) -> Literal["fine", "look"]:
    return "look" if spread.p_uneven < UNEVEN else "fine"


def _cells_said(counted: Counted, spread: Spread) -> str:
    """Whether songs or other cells differ in spread, and what is done; "" where nothing can tell."""
    if math.isnan(spread.p_uneven):
        return ""
    by = f"Cochran's C, p {p_equals(spread.p_uneven)}"
    if spread.p_uneven >= UNEVEN:
        said = f" Its songs, or other cells, hardly differ in spread ({by})"
        levels = _many(len(spread.uneven), "level")
        return f"{said}; {levels} may, with a wider interval for it." if spread.uneven else f"{said}."
    said = f" Takes of some songs, or of other cells, vary more than those of others ({by}): "
    said += "intervals are wider for it."
    if any(len(group) == _TOO_FEW_FOR_UNEVEN for _, _, group in counted.groups()):
        said += " With two takes of a cell those of levels still hold the truth in 88 to 95 of 100 studies."
    return said


def _gain(counted: Counted, level: Level) -> int:
    """By how many per cent one more take of each cell of a level makes its interval narrower, about."""
    sizes = [len(group) for cells in counted.values[level].values() for group in cells.values()]
    degrees = float(sum(sizes) - len(sizes))
    wide, narrow = (t_quantile(its) for its in (degrees, degrees + len(sizes)))
    return round(100 - 100 * narrow / wide * math.sqrt(sum(sizes) / (sum(sizes) + len(sizes))))


def _odd_takes(counted: Counted) -> Check | None:
    """Whether some takes lie far from the others, as by an error or where values have a long tail."""
    if counted.is_whole:
        return None
    odd, takes = odd_takes(counted)
    if not takes:
        said = f"Too few repeats that differ to tell odd takes: it takes {LEAST_REPEATS} of a level."
        return Check(name="odd takes", state="unknown", text=said)
    by = f"more than {FAR} median absolute deviations from the others of their cell"
    if not odd:
        return Check(name="odd takes", state="fine", text=f"None of {takes} takes lies {by}.")
    named = [
        f"{plain(take.song, 40)} {plain(level_name(take.level), 40)} {signed(take.value, 3)}".strip()
        + " or the other of the two" * take.is_pair
        for take in odd
    ]
    above = sum(take.is_above for take in odd if not take.is_pair)
    below = sum(not take.is_above for take in odd)
    sides = f" {above} above, {below} below." if above + below > 1 else ""
    verb = "lies" if len(odd) == 1 else "lie"
    said = (
        f"{len(odd)} of {takes} takes {verb} {by}: {_first(named)}.{sides} Intervals take for granted that "
    )
    said += "takes are about normal: listen to these, and compare the summary without them."
    return Check(name="odd takes", state="look", text=said)


def _losses(counted: Counted) -> Check:
    lost = {
        level: (
            number["failed"] + number["unknown"],
            sum(number.values()) - number["missing"] - number["running"],
        )
        for level, number in counted.states.items()
    }
    total = sum(gone for gone, _ in lost.values())
    if not total:
        return Check(name="failures", state="fine", text="No trial that was run failed, none is unknown.")
    shares = {level: gone / tried for level, (gone, tried) in lost.items() if tried}
    worst, best = max(shares, key=lambda level: shares[level]), min(shares, key=lambda level: shares[level])
    if shares[worst] - shares[best] > _UNEQUAL_LOSS:
        said = (
            f"Losses are unequal: {_of(worst, lost[worst])}, {_of(best, lost[best])}. "
            "The takes that came back may be unlike those that did not."
        )
        return Check(name="failures", state="look", text=said)
    said = f"{_many(total, 'trial')} without audio, spread alike over the levels."
    return Check(name="failures", state="fine", text=said)


def _of(level: Level, lost: tuple[int, int]) -> str:
    return f"{plain(level_name(level), 40)} {lost[0]} of {lost[1]}"


def _unmeasured(counted: Counted) -> Check:
    without = sum(number["without"] for number in counted.states.values())
    if not without:
        return Check(name="measured", state="fine", text="Every finished take has this metric.")
    said = f"{_many(without, 'finished take')} without a number for this metric, left out: "
    said += "not_measured or metric_errors in study.to_frame() says why, study.measure() tries again."
    return Check(name="measured", state="look", text=said)


def _same_files(counted: Counted) -> Check:
    same = sum(number["same"] for number in counted.states.values())
    if not same:
        return Check(name="same files", state="fine", text="No repeat is the same file as another.")
    verb = "is" if same == 1 else "are"
    said = f"{_many(same, 'repeat')} {verb} the very file of another take, and not counted again."
    return Check(name="same files", state="look", text=said)


def _versions(counted: Counted) -> Check:
    mixed = [found for found in counted.stamps.values() if len(found) > 1]
    if mixed:
        versions = ", ".join(sorted(mixed[0]))
        said = f"Not all measured by one version: {versions}. study.measure() measures the rest anew."
        return Check(name="one version", state="look", text=said)
    if not counted.stamps:
        return Check(name="one version", state="unknown", text="The takes do not say what measured them.")
    stamps = sorted({stamp for found in counted.stamps.values() for stamp in found})
    return Check(name="one version", state="fine", text=f"All measured by {', '.join(stamps)}.")


def _drift(counted: Counted) -> Check:
    points = sorted(counted.drift)
    if len(points) < LEAST_CONTROLS or len({number for number, _ in points}) < LEAST_CONTROLS:
        had = _many(len(points), "control take") if points else "no control takes"
        said = f"{had.capitalize()}: whether the service drifts cannot be seen (it takes {LEAST_CONTROLS})."
        return Check(name="drift", state="unknown", text=said)
    slope, p = _line(points)
    by = f"{signed(10 * slope, digits_for(0, 0, 10 * slope), plus=True)} per 10 orders"
    first, last = points[0][0], points[-1][0]
    whole = max(counted.last, last)
    orders = f"orders {first:.0f} to {last:.0f} of {whole:.0f}"
    said = f"{by} over {len(points)} control takes, {orders}, p {p_equals(p)}"
    # A study that is not over, or whose controls failed, has trials that no control saw.
    apart = max(1.0, statistics.median(after[0] - before[0] for before, after in itertools.pairwise(points)))
    unseen = max(first - 1, whole - last)
    beyond = f" {unseen:.0f} orders are beyond the controls, where none was seen." * (unseen > 2 * apart)
    if p < CLEAR:
        return Check(name="drift", state="look", text=f"The service may drift: {said}.{beyond}")
    text = f"No drift seen: {said}.{beyond}"
    return Check(name="drift", state="look" if beyond else "fine", text=text)


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The slope of a least-squares line, and the p value of "it is 0"."""
    middle = math.fsum(x for x, _ in points) / len(points)
    mean = math.fsum(y for _, y in points) / len(points)
    width = math.fsum((x - middle) ** 2 for x, _ in points)
    slope = math.fsum((x - middle) * (y - mean) for x, y in points) / width
    rest = math.fsum((y - mean - slope * (x - middle)) ** 2 for x, y in points)
    degrees = len(points) - 2
    if rest == 0:
        return slope, 1.0 if slope == 0 else 0.0
    return slope, student(slope, math.sqrt(rest / degrees / width), degrees).p


def _service(counted: Counted) -> Check:
    takes, simulated = counted.takes, counted.simulated
    if not simulated:
        return Check(name="service", state="fine", text="No take is simulated.")
    if simulated == takes:
        said = "All takes are simulated: it speaks of the embedded service alone."
    else:
        said = f"{simulated} of {takes} takes are simulated: two services are mixed."
    return Check(name="service", state="look", text=said)


def _left_out(counted: Counted) -> Check | None:
    said = list(_left_out_parts(counted))
    return Check(name="left out", state="look", text=f"Left out: {', '.join(said)}.") if said else None


def _left_out_parts(counted: Counted) -> Iterator[str]:
    if counted.orphans:
        yield f"{_many(counted.orphans, 'row')} of earlier plans"
    if counted.unlevelled:
        yield f"{_many(counted.unlevelled, 'row')} without a level of {' or '.join(counted.by)}"
    waiting = sum(number["missing"] + number["running"] for number in counted.states.values())
    if waiting:
        yield f"{_many(waiting, 'trial')} not run or not over yet"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
