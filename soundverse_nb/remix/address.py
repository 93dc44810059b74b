"""A URL that works everywhere a string does and never shows its signature by accident."""

from __future__ import annotations

from soundverse_nb.render.escape import hide_query


class PrivateURL(str):
    """The full URL as a string; its repr, which notebooks and logs print, leaves the query out."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(hide_query(self))


def private(url: object) -> PrivateURL | None:
    """A PrivateURL from a string or from a secret holding one; None stays None."""
    if url is None:
        return None
    reveal = getattr(url, "get_secret_value", None)
    return PrivateURL(reveal() if callable(reveal) else url)
