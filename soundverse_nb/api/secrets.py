"""Secrets taken out of whatever is shown: keys, bearer tokens, and the signatures of presigned links.

What this process knows to be a secret is taken out of everything, wherever it stands. What merely looks like
one is taken out of logs and of a server's complaints alone: in a title or in the name of an order, which may
look like anything, a guess does damage.
"""

from __future__ import annotations

import base64
import logging
import re
import unicodedata
from typing import Any
from urllib.parse import quote

_SHORTEST_KEY = 6  # a shorter "key" would be found inside ordinary words
_HIDDEN = "***"

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}

# Each key with the pattern of the ways in which JSON, links and pages write it, and as it is.
_keys: dict[str, re.Pattern[str]] = {}
_plain: tuple[str, ...] = ()
_letters: tuple[str, ...] = ()  # the same without what stands between letters and digits
# Of other secrets, such as the signatures of the links that were handed out, there may be thousands.
_others: set[str] = set()

_AUTHORIZATION = re.compile(
    r"""(?ix) ( \b (?:proxy-)? authorization ["']? \s* [:=] \s* ["']? )
    (?: (bearer|basic|digest|token) (?:\s+|%20|\+) )? [^\s"'<>,;&}]+"""
)
# Not "Bearer of Bad News": a token is long, without a blank, and has both letters and digits.
_TOKEN = re.compile(
    r"(?i)\b(bearer)(\s+|%20|\+)(?=[^\s\"'<>,;]{0,200}\d)(?=[^\s\"'<>,;]{0,200}[a-z])[^\s\"'<>,;]{16,}"
)
_NAMED = re.compile(
    r"""(?ix)
    ( ["']? \b (?: (?:x-)? api[-_]?key | (?:access|auth)[-_]token | client[-_]secret ) ["']?
      \s* [:=] \s* ["']? )
    [^\s"'<>,;&}]+"""
)
_PREFIXED = re.compile(r"\b(?:sk|sv|pk)[-_](?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{8,}")
_URL_PARTS = re.compile(r"(?i)\b(https?://)(?:[^\s/@\"'<>]*@)?([^\s?#\"'<>]*)([?#][^\s\"'<>]*)?")


EMBEDDED_KEY = "simulated"
"""What the embedded service is asked with. It is no secret, and a word that titles and prompts may hold."""


def remember_key(value: str) -> None:
    """From now on this API key is taken out of all that a server says, also encoded for a link or JSON."""
    global _plain, _letters
    if len(value) < _SHORTEST_KEY or value == EMBEDDED_KEY:
        return
    for form in {value, *_in_base64(value)}:
        _keys.setdefault(form, _written(form))
    _plain = tuple({form.lower() for form in _keys})
    _letters = tuple(filter(None, {letters_and_digits(form) for form in _plain}))


def remember_secret(value: str) -> None:
    """From now on `redact` removes this value wherever it turns up, also percent-encoded."""
    if len(value) >= _SHORTEST_KEY:
        _others.update((value, quote(value, safe="")))


def _in_base64(value: str) -> set[str]:
    """As it stands in a Basic header or in a token: alone, or beside an empty user name or password."""
    parts = (part.encode("utf-8", "replace") for part in (value, f"{value}:", f":{value}"))
    both = [(base64.b64encode(part), base64.urlsafe_b64encode(part)) for part in parts]
    return {form.decode().rstrip("=") for pair in both for form in pair}


def _written(value: str) -> re.Pattern[str]:
    return re.compile("".join(f"(?:{'|'.join(_spellings(char))})" for char in value), re.IGNORECASE)


def _spellings(char: str) -> list[str]:
    percent = "".join(f"%{byte:02x}" for byte in char.encode("utf-8", "replace"))
    escaped = [f"\\u{unit:04x}" for unit in _utf16(char)]
    ways = [re.escape(char), f"(?i:{re.escape(percent)})", f"(?i:{''.join(map(re.escape, escaped))})"]
    if char in "/\"'\\":
        ways.append(re.escape("\\" + char))
    if char in _ENTITIES:
        ways.append(re.escape(_ENTITIES[char]))
    return ways


def _utf16(char: str) -> list[int]:
    units = char.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]


def holds_key(text: str | bytes) -> bool:
    """Whether a text holds a key that this process uses, in whatever spelling and case."""
    # Asked of all that a server sends: as text, since looking for bytes in bytes takes several times as long,
    # and in a loop, because a generator would take longer than all of the search.
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    small = text.lower()
    for key in _plain:
        if key in small:
            return True
    if "%" not in text and "\\" not in text and "&" not in text:
        return False
    return any(pattern.search(text) for pattern in list(_keys.values()))


def spells_key(text: str) -> bool:
    """Whether the letters and digits of a text, read without what stands between them, hold a key.

    For names of files, in which nothing but these is left.
    """
    letters = letters_and_digits(text)
    return any(form in letters for form in _letters)


def letters_and_digits(text: str) -> str:
    """A text's ASCII letters and digits, small and without accents."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return "".join(char for char in plain if char.isalnum())


def hide_key(text: str) -> str:
    """The text without the keys that this process uses; all else stays as it is."""
    if holds_key(text):
        for pattern in list(_keys.values()):
            text = pattern.sub(_HIDDEN, text)
    return text


def without_key(value: Any) -> Any:
    """A JSON value without the keys that this process uses, in its texts and in the names of its fields."""
    if isinstance(value, str):
        return hide_key(value)
    if isinstance(value, list):
        return [without_key(inner) for inner in value]
    if isinstance(value, dict):
        return {hide_key(str(name)): _kept(name, inner) for name, inner in value.items()}
    return value


def _kept(name: object, value: Any) -> Any:
    # The name of an order is asked for as it is, so half of one is none.
    is_name = str(name).replace("_", "").lower() in ("messageid", "jobid", "id")
    if is_name and isinstance(value, str) and holds_key(value):
        return None
    return without_key(value)


def hide_secrets(text: str) -> str:
    """A title or a name as it may be shown: without known secrets and without the query strings of links."""
    text = hide_key(text)
    for value in list(_others):
        if value in text:
            text = text.replace(value, _HIDDEN)
    return hide_queries(text)


def redact(text: str) -> str:
    """The text without API keys, bearer tokens, passwords in links and the query strings of links.

    For logs and for what a server complains of: here also what looks like a secret is taken out.
    """
    text = hide_secrets(text)
    text = _AUTHORIZATION.sub(rf"\1{_HIDDEN}", text)
    text = _TOKEN.sub(rf"\1 {_HIDDEN}", text)
    return _PREFIXED.sub(_HIDDEN, _NAMED.sub(rf"\1{_HIDDEN}", text))


def hide_queries(text: str) -> str:
    """A text with its links up to their question marks, without credentials; all else stays as it is."""
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
