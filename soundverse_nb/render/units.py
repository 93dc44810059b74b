"""Numbers as people write them: lengths, waiting times, sizes, rates, levels, money.

A length or a place in a song is a clock time, cut to whole seconds as every player cuts it: "0:31". Seconds
with decimals stand only beside a limit ("350.001 s"), where the clock hides what decides. How long something
took is "12 s" or "3 min 05 s", never a clock time. Negative numbers have a true minus sign.
"""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"


def clock(seconds: float) -> str:
    """A length or place in a song, cut to seconds: "0:31", "5:50", "1:02:03"; under one second "0.4 s"."""
    if not math.isfinite(seconds):
        return "?"
    thousandths = round(seconds * 1000)  # 30.99998 s are 31 s: what is less is how a codec pads
    if 0 < thousandths < 1000 or 0 < seconds < 0.001:
        return f"{seconds:.1f} s" if thousandths >= 100 else f"{seconds * 1000:.2g} ms"
    whole = thousandths // 1000
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def clock_beside(seconds: float, *limits: float) -> str:
    """The same, with decimals where a clock would show as much for one of these limits: "350.001 s"."""
    if any(clock(seconds) == clock(limit) and seconds != limit for limit in limits):
        return exactly(seconds, *limits)
    return clock(seconds)


def span(seconds: float) -> str:
    """A waiting time: "0.4 s", "12 s", "3 min 05 s"."""
    if not math.isfinite(seconds):
        return "?"
    return f"{seconds:.1f} s" if seconds < 9.95 else _whole(round(seconds))


def rough_span(seconds: float) -> str:
    """A waiting time that is only guessed: from a minute on in whole minutes, "40 min"."""
    whole = _whole(round(seconds if seconds < 59.5 else round(seconds / 60) * 60))
    return whole.removesuffix(" 00 s")


def whole_span(seconds: float) -> str:
    """The same while it goes on, cut to seconds: a text that changes ten times a second is read by nobody."""
    return _whole(int(seconds)) if math.isfinite(seconds) else "?"


def _whole(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def size(count: float, digits: int = 3) -> str:
    """Bytes in decimal units, rounded to `digits` of them: "482 kB", "4.2 MB"."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if float(f"{count:.{digits}g}") < 1000:
            return f"{count:.{digits}g} {unit}"
    return f"{count / 1000:.{digits}g} TB"


def size_beside(count: int, limit: int) -> tuple[str, str]:
    """A size and its limit, with the digits that tell them apart: "15.9 MB" and "10.49 MB".

    Where rounded ones would read alike both are given to the byte; only what is the limit reads like it.
    """
    for digits in (3, 4):
        if size(count, digits) != size(limit, digits):
            return size(count, digits), size(limit, 4)
    alike = size(limit, 4)
    return (alike, alike) if count == limit else (size_in_full(count), size_in_full(limit))


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


def format_name(name: str) -> str:
    """A file format by the name that people know it by: "MP3", "Ogg"; FFmpeg's own for a rare one."""
    return _FORMAT_NAMES.get(name, name.upper() if len(name) <= 4 else name)


_FORMAT_NAMES = {
    "ogg": "Ogg", "webm": "WebM", "matroska": "Matroska", "wavpack": "WavPack", "adts": "AAC",
    "mpegts": "MPEG-TS",
}  # fmt: skip


def signed(number: float, decimals: int = 1, *, plus: bool = False) -> str:
    """A number that may be negative, with a minus sign and not a hyphen; "0.0" has no sign."""
    rounded = round(number, decimals) + 0.0  # + 0.0 turns -0.0 into 0.0
    return f"{rounded:{'+' if plus and rounded else ''},.{decimals}f}".replace("-", MINUS)


def loudness(lufs: float | None) -> str:
    """Integrated loudness: "−15.4 LUFS"; "" where nothing is known or it is silence."""
    return "" if lufs is None or not math.isfinite(lufs) else f"{signed(lufs)} LUFS"


def level(peak: float) -> str:
    """The greatest absolute sample as a level: "peak −1.2 dBFS"; nothing at all is "silent"."""
    return f"peak {signed(20 * math.log10(peak))} dBFS" if peak > 0 else "silent"


def decimal(value: float, digits: int) -> str:
    """A measured number with so many decimals; "–" where it is unknown."""
    return signed(value, digits) if math.isfinite(value) else "–"


def money(amount: float) -> str:
    """An amount in the currency the user thinks in: "1.20"."""
    return f"{amount:.2f}" if amount == 0 or abs(amount) >= 0.01 else f"{amount:.4g}"
