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
