"""Foreign words made safe to show: in HTML, in a terminal, in a log.

Song titles, error sentences and file names come from a server or a disk and may hold markup, terminal
escape sequences, right-to-left overrides or a megabyte of text. Each passes through here once, on
its way out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

MAX_CHARACTERS = 300
"""Longer foreign text is cut with an ellipsis: a title is a line, not a page."""

NO_MATH = "mathjax_ignore tex2jax_ignore"
"""Classes of an element in which notebooks leave two $ and what is between them as they are.

Else they typeset it as a formula: a prompt "pop $x^2$" would be shown as x squared. The first is that of
MathJax 3 and 4, the second that of MathJax 2.
"""

# A line may not break inside "7.2 s", "3 min 05 s" or "p = 0.03".
_BEFORE_UNIT = re.compile(
    r"(?<=\d) (?=(?:s|ms|min|h|B|kB|MB|GB|TB|bytes|Hz|kHz|kbit/s|dB|dBFS|LU|LUFS)\b|%)"
    r"|(?<=\d min) (?=\d)|(?<=\bp) (?=[=<] \d)|(?<=\bp [=<]) (?=\d)"
)

# C0/C1 controls (they drive terminals), and the bidirectional overrides that let "exe.3pm" read "mp3.exe".
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+ *")


def plain(value: object, limit: int = MAX_CHARACTERS) -> str:
    """One harmless line of text for a terminal: no control characters, at most `limit` characters."""
    text_ = value if isinstance(value, str) else str(value)
    text_ = text_[: limit * 4 + 64]
    # A file name that is not UTF-8 carries lone surrogates, which no message to a notebook can encode.
    text_ = text_.encode("utf-8", "replace").decode("utf-8")
    text_ = _CONTROLS.sub(" ", text_).strip()
    return text_ if len(text_) <= limit else text_[: limit - 1].rstrip() + "…"


def shortened(name: str, most: int) -> str:
    """A name of at most so many characters, cut in its middle: prompts often differ in how they end.

    >>> shortened("a warm and slightly dusty remix with a slow waltz", 30)
    'a warm and slightl … low waltz'
    """
    whole = plain(name)
    if len(whole) <= most:
        return whole
    return f"{whole[: most * 3 // 5].rstrip()} … {whole[3 - most * 2 // 5 :].lstrip()}"


def one_line(name: str) -> str:
    """A file's name on one line: what no terminal should obey (line breaks, escapes) is written out.

    Names are what tells files apart, so nothing is dropped: "a\\nb.mp3" keeps its "\\n" in sight.
    """
    # Bytes that were no text in this locale come as lone surrogates; they may be UTF-8 all the same.
    text_ = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text_)


def text(value: object, limit: int = MAX_CHARACTERS) -> Markup:
    """The same for HTML text and for a quoted attribute, numbers and their units on one line.

    What is `Markup` already stays as it is.
    """
    return value if isinstance(value, Markup) else escape(_BEFORE_UNIT.sub("\xa0", plain(value, limit)))


def verbatim(value: object, limit: int = MAX_CHARACTERS) -> Markup:
    """The same, with the very spaces it has: for paths, code and prompts, which are copied from the page."""
    return escape(plain(value, limit))


def fill(template: str, *values: object, limit: int = MAX_CHARACTERS, **named: object) -> Markup:
    """A template of ours with values put in by `str.format`; what is not Markup is made plain and escaped.

    >>> print(fill("<b>{}</b>", "<i>loud</i>"))
    <b>&lt;i&gt;loud&lt;/i&gt;</b>
    """
    safe = {name: text(value, limit) for name, value in named.items()}
    return Markup(template).format(*(text(value, limit) for value in values), **safe)


def joined(parts: Iterable[Markup]) -> Markup:
    """Pieces of a page, one behind the other."""
    return Markup("").join(parts)
