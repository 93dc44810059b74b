"""What must never be shown: keys, bearer tokens, and the signatures of presigned links."""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import quote

_SHORTEST_KEY = 6  # a shorter "key" would be found inside ordinary words
_HIDDEN = "***"

_known: set[str] = set()

_AUTHORIZATION = re.compile(r"(?i)\b(bearer|basic)(\s+|%20|\+)[^\s\"'<>,;]+")
_NAMED = re.compile(
    r"""(?ix)
    ( ["']? \b (?: (?:x-)? api[-_]?key | authorization | (?:access|auth)[-_]?token | secret ) ["']?
      \s* [:=] \s* ["']? )
    (?! (?:bearer|basic)\b ) [^\s"'<>,;&}]+"""
)
_PREFIXED = re.compile(r"\b(?:sk|sv|pk)[-_][A-Za-z0-9_-]{8,}")
_URL_PARTS = re.compile(r"(?i)\b(https?://)(?:[^\s/@\"'<>]*@)?([^\s?#\"'<>]*)([?#][^\s\"'<>]*)?")


def remember_secret(value: str) -> None:
    """From now on `redact` removes this value wherever it turns up, also percent-encoded."""
    if len(value) >= _SHORTEST_KEY:
        _known.update((value, quote(value, safe="")))


def redact(text: str) -> str:
    """The text without API keys, bearer tokens, passwords in links and the query strings of links."""
    for value in _known:
        if value in text:
            text = text.replace(value, _HIDDEN)
    text = _URL_PARTS.sub(_without_query, text)
    text = _AUTHORIZATION.sub(rf"\1 {_HIDDEN}", text)
    return _PREFIXED.sub(_HIDDEN, _NAMED.sub(rf"\1{_HIDDEN}", text))


def hide_query(text: str) -> str:
    """A link without its query and credentials, for showing; any other text as it is."""
    if "://" not in text:
        return text
    return _URL_PARTS.sub(_without_query, text)


def _without_query(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}" + ("?..." if match[3] else "")


class RedactingFilter(logging.Filter):
    """Takes secrets out of a log record: its message, its arguments and its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            record.msg = redact(record.getMessage())
        except (TypeError, ValueError, KeyError):
            record.msg = redact(str(record.msg))
        record.args = ()
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(_exc_info(record.exc_info)))
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


def _exc_info(info: Any) -> Any:
    return info if isinstance(info, tuple) else (type(info), info, info.__traceback__)


_filter = RedactingFilter()


def logger(name: str) -> logging.Logger:
    """A logger that cannot write a secret. Filters are not inherited, so each of our loggers has its own."""
    log = logging.getLogger(name)
    if _filter not in log.filters:
        log.addFilter(_filter)
    return log
