"""The error for what cannot be used as audio."""

from __future__ import annotations

from soundverse_nb.errors import PreflightError


class AudioError(PreflightError):
    """This cannot be used as audio; `.code` is the rule it breaks, for example "not_a_file"."""

    code: str = "unreadable"


def refusal(code: str, message: str, hint: str) -> AudioError:
    """The error for a source that breaks the rule `code`."""
    return AudioError(message, hint=hint, code=code)


def not_read(name: str, reason: object) -> AudioError:
    """The error for a file of which only a part could be read."""
    words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    message = f"{name} cannot be read to its end ({words})."
    return refusal("unreadable", message, "Copy it to a disk of this machine, and try again.")
