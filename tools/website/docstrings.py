"""Docstrings of the package, plain prose with lists of parameters, as reStructuredText.

Two things are theirs: a name in backquotes is code, and a list under `Parameters` or `Attributes` has a line
`name, other : what they are` for each, without types, which stand in the signature.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_UNDERLINE = re.compile(r"-{3,}\s*$")
_NAMES = re.compile(r"(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)*) : (?P<text>.*)")
_CODE = re.compile(r"(`[^`\n]+`)")
# What reStructuredText would read as its own: emphasis, substitutions, links.
_SPECIAL = re.compile(r"([*|\\]|(?<=\w)_(?!\w))")


def as_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring (its common indentation taken away) as reStructuredText."""
    out: list[str] = []
    blocks = list(_blocks(lines))
    for place, block in enumerate(blocks):
        before = blocks[place - 1] if place else []
        if len(block) > 1 and _UNDERLINE.match(block[1]):
            out += _section(block[0], block[2:])
        elif block[0].startswith((">>> ", "====")):
            out += block  # an example, a table
        elif before and before[-1].endswith(":") and all(line.startswith("    ") for line in block):
            out += [".. code-block:: python", "", *block]
        elif block[0].startswith("    ") and before and before[0].startswith("    "):
            out += block
        else:
            out += [_escaped(line) for line in block]
        out.append("")
    return out


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Paragraphs: lines without an empty one between them."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line.rstrip())
        elif block:
            yield block
            block = []


def _section(title: str, lines: list[str]) -> list[str]:
    """A list of parameters as a field, with a definition for each line of names."""
    if title == "Examples":
        return lines
    out = [f":{title}:"]
    for line in lines:
        found = _NAMES.match(line)
        if found:
            names = ", ".join(f"``{name}``" for name in found["names"].split(", "))
            out += ["", f"    {names}", f"        {_escaped(found['text'])}"]
        else:
            out.append(f"        {_escaped(line.strip())}")
    return out


def _escaped(line: str) -> str:
    """Without characters that mean something to reStructuredText, but in code."""
    parts = _CODE.split(line)
    parts[::2] = [_SPECIAL.sub(r"\\\1", part) for part in parts[::2]]
    return "".join(parts)
