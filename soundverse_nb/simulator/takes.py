"""Which take an order is: the service never makes the same remix of the same request twice.

The n-th order of the same song, prompt, lyrics and parameters is take n. A take is pinned for one request,
`parameters={"simulate": {"take": 1}}`, also beside a fault's settings, or for all that pin none,
`Simulator(take=1)`; an order whose take is pinned is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soundverse_nb.errors import ConfigurationError

MOST = 10**6
_SETTING = "take"


def read_take(simulate: object) -> tuple[int | None, object]:
    """The take that "simulate" pins, or None, and what else is in it: the faults.

    Raises ConfigurationError for one that is no whole number from 1, and for several.
    """
    if isinstance(simulate, Mapping):
        rest: dict[str, Any] = dict(simulate)
        if _SETTING not in rest:
            return None, simulate
        take = checked_take(rest.pop(_SETTING))
        return take, rest or None
    if isinstance(simulate, list):
        read = [read_take(one) for one in simulate]
        takes = {take for take, _ in read if take is not None}
        if len(takes) > 1:
            raise ConfigurationError("Several takes are asked for at once.", hint="An order is one of them.")
        return next(iter(takes), None), [rest for _, rest in read if rest is not None]
    return None, simulate


def checked_take(take: object) -> int:
    """A take's number; raises ConfigurationError for what is none."""
    if isinstance(take, bool) or not isinstance(take, int) or not 1 <= take <= MOST:
        raise ConfigurationError(f"There is no take {take!r}; it is a whole number from 1 to {MOST:,}.")
    return take


def content_name(digest: str, prompt: str, lyrics: str, parameters: str) -> str:
    """A name for what is ordered, whoever orders it and whichever faults it meets."""
    return "\0".join(("take", digest, prompt, lyrics, parameters))
