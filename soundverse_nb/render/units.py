"""Numbers as people write them: clock times, sizes, rates, levels, money."""

from __future__ import annotations

import math


def clock(seconds: float) -> str:
    """A position in a song: "0:31", "5:50", "1:02:03"; below ten seconds also tenths, "0:07.5"."""
    if not math.isfinite(seconds):
        return "?"
    if 0 < seconds < 0.05:
        return f"{seconds * 1000:.2g} ms"
    if seconds < 9.95 and not math.isclose(seconds, round(seconds), abs_tol=0.05):
        return f"0:0{seconds:.1f}"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def span(seconds: float) -> str:
    """A waiting time: "0.4 s", "12 s", "3 min 05 s"."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: float) -> str:
    """Bytes in decimal units: "482 kB", "4.2 MB"."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.5:
            return f"{count:.3g} {unit}"
    return f"{count / 1000:.3g} TB"


def size_in_full(count: int) -> str:
    """A size to the byte: "10,485,760 bytes"."""
    return f"{count:,} bytes"


def decimals(value: float, limit: float, least: int = 3) -> int:
    """How many decimals it takes to read on which side of `limit` a number is; `least` or more.

    9.999875 against 10 takes four: with three it would read "10.000".
    """
    for count in range(least, 16):
        shown = round(value, count)
        if (shown < limit, shown > limit) == (value < limit, value > limit):
            return count
    return 16


def exactly(seconds: float, *limits: float) -> str:
    """Seconds with as many decimals as matter beside these limits: "9.96 s", "350.001 s", "12 s".

    At least milliseconds are given; what is far from every limit and endless anyway is rounded.
    """
    if seconds >= 1e6 and all(seconds > 2 * limit for limit in limits):
        return f"{seconds:.3g} s"
    return f"{_short(f'{seconds:.{max((decimals(seconds, limit) for limit in limits), default=3)}f}')} s"


def in_full(limit: float) -> str:
    """A limit with every digit that was given: "10", "350.0001"."""
    return f"{limit:,.15g}"


def _short(number: str) -> str:
    """Without the zeros that end a decimal fraction."""
    return number.rstrip("0").rstrip(".")


def rate(hertz: float) -> str:
    """A sample rate: "44.1 kHz"."""
    return f"{hertz / 1000:g} kHz"


def channels(count: int) -> str:
    """ "mono", "stereo", "6 channels"."""
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def level(peak: float) -> str:
    """The greatest absolute sample as a level: "peak -1.2 dBFS"; nothing at all is "silent"."""
    if not peak > 0:
        return "silent"
    decibels = round(20 * math.log10(peak), 1) + 0.0  # + 0.0 turns -0.0 into 0.0
    return f"peak {decibels:.1f} dBFS".replace("-", "\N{MINUS SIGN}")


def money(amount: float) -> str:
    """An amount in the currency the user thinks in: "1.20"."""
    return f"{amount:.2f}" if amount == 0 or abs(amount) >= 0.01 else f"{amount:.4g}"
