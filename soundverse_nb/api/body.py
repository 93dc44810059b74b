"""Foreign values as a repr may show them: without secrets, in bounded length, and with nothing that acts.

The repr of a text escapes what drives a terminal or turns a line round; a field's name stands there bare.
"""

from __future__ import annotations

import html
import json
import re
import zlib
from typing import Any

from soundverse_nb.api.order_names import keep_first_names
from soundverse_nb.api.secrets import hide_secrets, holds_key, redact, without_key

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


MAX_BODY_BYTES = 1 << 18
EXCERPT_CHARS = 200

_CHARSET = re.compile(r"(?i)charset\s*=\s*[\"']?([\w.:-]+)")
_UNSEEN = re.compile(r"(?is)<(script|style|head(?!er))\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)")
_TITLE = re.compile(r"(?is)<title[^>]*>(.*?)</title")
_TAG = re.compile(r"(?s)<[a-zA-Z/!?][^>]*(?:>|\Z)")
_TAG_START = re.compile(r"<(?=[a-zA-Z/!?])")
# Where an error object may say what is wrong, the likely places first.
_ESSENTIAL = (
    "message",
    "detail",
    "error",
    "error_description",
    "msg",
    "description",
    "title",
    "reason",
    "errors",
)


class _Nothing:
    """What `read_json` returns for a text that is not JSON; null is JSON."""


NOT_JSON = _Nothing()


def body_text(body: bytes, content_type: str = "") -> str:
    """The text of a body, in the charset it names or shows; what cannot be read is replaced.

    Looks at 256 KiB at most, also of what it unpacks.
    """
    body = body[:MAX_BODY_BYTES]
    if body.startswith(b"\x1f\x8b"):
        # Compressed although nothing said so.
        try:
            body = zlib.decompressobj(wbits=31).decompress(body, MAX_BODY_BYTES)
        except zlib.error:
            return ""
    named = _CHARSET.search(content_type)
    # What JSON looks like in the encodings it may have; for other texts the guess is as good as any.
    shown = json.detect_encoding(body)
    for charset in (named[1], shown) if named else (shown,):
        try:
            text = body.decode(charset)
        except (LookupError, ValueError):
            continue
        if not text.startswith("\0") and text[1:2] != "\0":
            return text.removeprefix("\ufeff")
    return body.decode("utf-8", "replace")


def read_json(text: str) -> Any:
    """The JSON value in a text, or NOT_JSON. A key of ours that a server repeats in it is left out."""
    try:
        value = json.loads(text, strict=False, object_pairs_hook=keep_first_names)
        return without_key(value) if holds_key(text) else value
    except (ValueError, RecursionError):
        return NOT_JSON


def error_text(value: Any) -> str:
    """What a JSON error object says, in its own words; empty where it says nothing.

    Reads `message`, `detail` as a string or as a list of {loc, msg, type}, and objects nested in them.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return "; ".join(filter(None, (_item_text(item) for item in value[:5])))
    if isinstance(value, dict):
        for name in _ESSENTIAL:
            text = error_text(value.get(name))
            if text:
                return text
        for name in ("data", "result", "response", "body"):
            if isinstance(value.get(name), dict):
                return error_text(value[name])
    return ""


def _item_text(item: Any) -> str:
    text = error_text(item)
    loc = item.get("loc") if isinstance(item, dict) else None
    if not isinstance(loc, (list, tuple)):
        return text
    where = ".".join(str(part) for part in loc if part != "body")
    return f"{where}: {text}" if where and text else text or where


def page_text(text: str) -> str:
    """What a web page or a plain text says: its title, or its words without the markup."""
    title = _TITLE.search(text)
    visible = title[1] if title and title[1].strip() else _TAG.sub(" ", _UNSEEN.sub(" ", text))
    return html.unescape(visible).strip()


def excerpt(text: str, limit: int = EXCERPT_CHARS) -> str:
    """A text cut short for an error message: one line, no control characters, live markup or secrets."""
    # Some more than is looked at, so that a secret that is cut at the end is not shown in half.
    line = " ".join(redact(text[: 20 * limit + 1000])[: 20 * limit].split())
    line = _TAG_START.sub("\u2039", line)
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in line[: 2 * limit])
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "\u2026"
