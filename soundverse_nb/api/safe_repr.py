"""Foreign values as a repr may show them: without secrets, in bounded length, and with nothing that acts.

The repr of a text escapes what drives a terminal or turns a line round; a field's name stands there bare.
"""

from __future__ import annotations

from typing import Any

from soundverse_nb.api.body import excerpt
from soundverse_nb.api.secrets import hide_secrets

_LONGEST_NAME = 60
_LONGEST_TEXT = 10_000
_DEEPEST = 20


def shown(value: Any, depth: int = 0) -> Any:
    """A value for a repr: links end at their question mark, since what follows may be a key to the audio."""
    if isinstance(value, str):
        text = hide_secrets(value)
        return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "\u2026"
    if isinstance(value, (dict, list)) and depth > _DEEPEST:
        return "\u2026"
    if isinstance(value, dict):
        return {shown(name, depth + 1): shown(inner, depth + 1) for name, inner in value.items()}
    return [shown(inner, depth + 1) for inner in value] if isinstance(value, list) else value


def shown_id(message_id: str | None) -> str | None:
    """The service's name for an order: short, and without what looks like a secret, as it may be one."""
    return None if message_id is None else excerpt(message_id, 80)


def shown_name(name: str | None) -> str | None:
    """The name of a field: as it is where it is a plain word, else quoted, with everything odd escaped."""
    if name is None:
        return None
    word = hide_secrets(name)
    if len(word) > _LONGEST_NAME:
        word = word[:_LONGEST_NAME] + "\u2026"
    return word if word.isidentifier() and word.isascii() else ascii(word)
