"""How many bytes one result may take in a notebook: the one setting, and where it lives."""

from __future__ import annotations

from soundverse_nb.errors import ConfigurationError

DEFAULT_BYTES = 1_500_000
"""Both songs, both pictures and all text of one result, so that a notebook of ten results is still 15 MB."""

LEAST_BYTES = 20_000
"""Below this there is no room for the pictures and the facts, players aside."""

_limit = DEFAULT_BYTES


def display_bytes() -> int:
    """The most bytes of HTML that one result puts into a notebook."""
    return _limit


def set_display_bytes(count: int = DEFAULT_BYTES) -> None:
    """Let one result take up to `count` bytes in the notebooks of this process."""
    global _limit
    _limit = checked(count)


def checked(count: int) -> int:
    """`count` where it is a possible limit, else ConfigurationError."""
    if isinstance(count, bool) or not isinstance(count, int) or count < LEAST_BYTES:
        raise ConfigurationError(
            f"{count!r} is no limit for the bytes of a result.",
            hint=f"Give a whole number of bytes from {LEAST_BYTES:,} upwards; usual is {DEFAULT_BYTES:,}.",
        )
    return count
