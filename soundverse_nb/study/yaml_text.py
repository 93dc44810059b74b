"""YAML as values that know their lines: read strictly, and written so that every reader takes texts as texts.

Nothing is guessed from how a text is spelt. A scalar stays what stands in the file until somebody asks for a
text or for a number: `no`, `12:30` and `1e3` are texts where a text is due. What a hostile file could do harm
with is refused: anchors and aliases (a page that unpacks to gigabytes), tags, nesting without end.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain

MOST_BYTES = 1_000_000
"""Some five thousand prompts of a paragraph. The reader is pure Python, and needs seconds for as much."""

MOST_VALUES = 60_000
"""Texts, lists and mappings, names among them. A megabyte could hold ten times as many, for minutes."""

_LONGEST_LINE = 100_000  # characters; the reader needs the square of it for some
_DEEPEST = 32


@dataclass(frozen=True)
class Scalar:
    """One text of the file, as it is spelt there, on which line, and whether in quotes or as a block."""

    text: str
    is_quoted: bool
    line: int


@dataclass(frozen=True)
class Listed:
    """A sequence."""

    items: list[Node]
    line: int


@dataclass(frozen=True)
class Mapped:
    """A mapping, its keys as they are spelt, each there once."""

    entries: dict[str, Node]
    line: int
    lines: dict[str, int] = field(default_factory=dict)  # of the keys


Node = Scalar | Listed | Mapped


class Places:
    """Says where in a file something is wrong."""

    def __init__(self, name: str) -> None:
        self.name = name

    def refuse(self, line: int, what: str, hint: str = "") -> NoReturn:
        """Raise the ConfigurationError for a line, counted from 1."""
        raise ConfigurationError(f"{plain(self.name, 120)}, line {line}: {what}", hint=hint)


def read_yaml(text: str, places: Places) -> Node | None:
    """The one document in a text, None where there is none. Raises ConfigurationError with the line."""
    lines = re.split("\r\n|\r|\n", text)
    for number, line in enumerate(lines, 1):
        if len(line) > _LONGEST_LINE:
            places.refuse(number, f"a line of {len(line):,} characters; {_LONGEST_LINE:,} are the most.")
    try:
        return _Reading(YAML(typ="safe", pure=True).parse(text), places).document()
    except ReaderError as error:
        line = re.sub("\r\n?", "\n", text[: error.position]).count("\n") + 1
        character = f"U+{int(error.character):04X}" if isinstance(error.character, int) else "a character"
        places.refuse(line, f"{character} cannot stand in YAML as it is.", 'Write "\\x..", in quotes.')
    except MarkedYAMLError as error:
        _refuse_syntax(error, lines, places)
    except YAMLError as error:
        places.refuse(1, f"this is no YAML: {plain(error, 200)}.")


_QUOTE = "A text that holds ': ' or begins with a sign such as { [ * & ! % @ ` > | needs quotes."


def _refuse_syntax(error: MarkedYAMLError, lines: Sequence[str], places: Places) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    at = mark.line if mark is not None else 0
    said = str(error.problem or error.context or "it cannot be read")
    line = lines[at] if at < len(lines) else ""
    if "\\t" in said or (mark is not None and line[mark.column : mark.column + 1] == "\t"):
        places.refuse(at + 1, "a tab where YAML wants blanks.", "Indent with blanks.")
    if error.context_mark is not None and "quoted scalar" in str(error.context):
        places.refuse(error.context_mark.line + 1, "a quoted text that does not end.", "Close its quotes.")
    places.refuse(min(at + 1, max(len(lines), 1)), f"{plain(said, 160)}.", _QUOTE)


class _Reading:
    """The events of the reader, put together to nodes."""

    def __init__(self, events: Iterator[Any], places: Places) -> None:
        self.events, self.places = events, places
        self.count = 0

    def document(self) -> Node | None:
        found: Node | None = None
        for event in self.events:
            kind = type(event).__name__
            if kind in ("ScalarEvent", "SequenceStartEvent", "MappingStartEvent", "AliasEvent"):
                if found is not None:
                    self.places.refuse(
                        _line(event), "a second document begins here.", "One file is one plan."
                    )
                found = self._node(event, 0)
        return found

    def _node(self, event: Any, depth: int) -> Node:
        line, kind = _line(event), type(event).__name__
        if kind == "AliasEvent" or event.anchor is not None:
            sign = "*" if kind == "AliasEvent" else "&"
            self.places.refuse(
                line,
                f"the reference {sign}{plain(event.anchor, 40)} to another place is not read here.",
                "Write the value out, or put a text that begins with * or & in quotes.",
            )
        if getattr(event, "tag", None) is not None:
            self.places.refuse(
                line,
                f"the tag {plain(event.tag, 40)} is not read here.",
                "Leave it out, or quote the text.",
            )
        self.count += 1
        if self.count > MOST_VALUES:
            self.places.refuse(
                line, f"more than {MOST_VALUES:,} values are in this file.", "Is it the right one?"
            )
        if depth > _DEEPEST:
            self.places.refuse(line, f"more than {_DEEPEST} levels of lists in lists.")
        if kind == "ScalarEvent":
            return Scalar(event.value, event.style not in (None, ""), line)
        return self._listed(line, depth) if kind == "SequenceStartEvent" else self._mapped(line, depth)

    def _listed(self, line: int, depth: int) -> Listed:
        items = []
        while type(event := next(self.events)).__name__ != "SequenceEndEvent":
            items.append(self._node(event, depth + 1))
        return Listed(items, line)

    def _mapped(self, line: int, depth: int) -> Mapped:
        found = Mapped({}, line)
        while type(event := next(self.events)).__name__ != "MappingEndEvent":
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                self.places.refuse(key.line, "a list or a mapping cannot be a name.", _QUOTE)
            value = self._node(next(self.events), depth + 1)
            if key.text in found.entries:
                self.places.refuse(
                    key.line,
                    f"{plain(key.text, 60)!r} is there already, on line {found.lines[key.text]}.",
                    "Each name can stand once; give one of the two another.",
                )
            found.entries[key.text] = value
            found.lines[key.text] = key.line
        return found


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def text_of(node: Node, what: str, places: Places) -> str | None:
    """What stands there as a text, whatever it looks like; None for an empty place."""
    if not isinstance(node, Scalar):
        kind = "list" if isinstance(node, Listed) else "mapping"
        places.refuse(node.line, f"a {kind} where {what} should be one text.", _QUOTE)
    if not node.is_quoted and not node.text:
        return None
    if not node.is_quoted and node.text in ("null", "Null", "NULL"):
        places.refuse(
            node.line,
            f"is {what} nothing, or the word {node.text!r}?",
            "Leave the place empty for nothing; put the word in quotes.",
        )
    return node.text


_WHOLE = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_SWITCHES = frozenset({"yes", "no", "on", "off"})


def value_of(node: Node, places: Places) -> Any:
    """What stands there as plain data: numbers, true, false and null by the rules of YAML 1.2, else a text.

    yes, no, on and off are refused without quotes: half of all readers take them for true and false.
    """
    if isinstance(node, Listed):
        return [value_of(item, places) for item in node.items]
    if isinstance(node, Mapped):
        return {name: value_of(item, places) for name, item in node.entries.items()}
    text = node.text
    if node.is_quoted:
        return text
    if text in _WORDS or text in (word.title() for word in _WORDS) or text in (w.upper() for w in _WORDS):
        return _WORDS[text.lower()]
    if text.lower() in _SWITCHES:
        meant = "true" if text.lower() in ("yes", "on") else "false"
        places.refuse(
            node.line,
            f"is {text} {meant}, or a text?",
            f"Write {meant}, or '{text}' in quotes.",
        )
    if _WHOLE.fullmatch(text):
        return int(text, 0) if text[1:2] in ("o", "x") else int(text)
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            places.refuse(node.line, f"{plain(text, 40)} is more than a number can be.")
        return number
    return text


_SAFE = re.compile(r"[^\W\d_][^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]*")
_READ_AS_ANOTHER = frozenset({*_SWITCHES, "null", "true", "false", "y", "n"})


_BREAKS = frozenset("\n\r\x85\u2028\u2029")


def _written(value: Any) -> Any:
    if isinstance(value, (CommentedMap, CommentedSeq)):
        return value
    if isinstance(value, str):
        return _written_text(value)
    if isinstance(value, Mapping):
        return CommentedMap((_written_key(str(name)), _written(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return CommentedSeq(_written(item) for item in value)
    return value


def _written_key(name: str) -> str:
    if not _BREAKS.isdisjoint(name):  # ruamel.yaml breaks a line there, in a key that it has quoted already
        raise ConfigurationError(f"The name {name!r} holds a line break, which no name in a file can.")
    return _quoted(name)


def _written_text(value: str) -> str:
    lines = value.split("\n")
    is_block = (
        len(lines) > 1
        and value.strip("\n") == value.rstrip("\n")
        and not value[0].isspace()
        and all(line == line.rstrip() and (not line or line.isprintable()) for line in lines)
    )
    if is_block and "\ufeff" not in value:
        block: str = LiteralScalarString(value)
        return block
    return _quoted(value)


def _quoted(value: str) -> str:
    quoted: str = value if _is_plainly_text(value) else DoubleQuotedScalarString(value)
    return quoted


def _is_plainly_text(value: str) -> bool:
    """Whether every reader, also of YAML 1.1, takes it for a text without quotes."""
    return bool(_SAFE.fullmatch(value)) and value.lower() not in _READ_AS_ANOTHER and value.isprintable()


def flow(value: Any) -> Any:
    """A small mapping or list to be written on one line."""
    made = _written(value)
    _set_flow(made)
    return made


def _set_flow(made: Any) -> None:
    if isinstance(made, (CommentedMap, CommentedSeq)):
        made.fa.set_flow_style()
        for item in made.values() if isinstance(made, CommentedMap) else made:
            _set_flow(item)


def write_yaml(value: Mapping[str, Any], comment: str = "") -> str:
    """A mapping of plain data as YAML: texts of several lines as blocks, and quotes where some reader would
    take a text for something else."""
    yaml = YAML()
    yaml.width = 1 << 30  # a text is never broken where it has no line break
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_written(value), stream)
    return "".join(f"# {line}\n" for line in comment.splitlines()) + stream.getvalue()


def values_in(value: Any) -> int:
    """How many of MOST_VALUES it takes."""
    if isinstance(value, Mapping):
        return 1 + sum(1 + values_in(item) for item in value.values())
    return 1 + sum(map(values_in, value)) if isinstance(value, (list, tuple)) else 1


def is_plain_data(value: Any) -> bool:
    """Whether it is what JSON can hold, and so what a file can."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
