"""Plans as files that people write: the arguments of a plan as YAML, checked line by line, and back.

A file holds what `Plan` is called with, by the same names. Songs are paths beside the file, or URLs; only an
empty place is None, and whatever else stands where a text is due is that text. Comments are welcome.

    references: [songs/one.mp3, songs/two.mp3]
    prompts:
      - a {mood} waltz
      - upbeat jazz
    slots:
      mood: [sad, merry]
    repeats:
      - [{prompt: upbeat jazz}, 3]
"""

from __future__ import annotations

import contextlib
import difflib
import math
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from soundverse_nb.audio.given import local_path
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.reference.reference import Kind, as_reference
from soundverse_nb.render.escape import plain
from soundverse_nb.study.axes import (
    Levels,
    parameter_levels,
    partial_cell,
    reference_levels,
    slot_levels,
    text_levels,
)
from soundverse_nb.study.targets import check_plan_target
from soundverse_nb.study.yaml_text import (
    MOST_BYTES,
    MOST_VALUES,
    Listed,
    Mapped,
    Node,
    Places,
    Scalar,
    flow,
    is_plain_data,
    read_yaml,
    text_of,
    value_of,
    values_in,
    write_yaml,
)

KEYS = (
    "references", "prompts", "slots", "lyrics", "parameters", "repeats", "seed", "extra", "excluded",
    "control", "control_every", "shard", "budget",
)  # fmt: skip

_COMMENT = "A plan of remixes: soundverse_nb.Plan.load() reads it. Paths are relative to this file."


def read_plan(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arguments of the plan in a YAML file, and its `shard` as (index, of) where it is a part.

    Raises ConfigurationError with the line for what is wrong in it, InvalidRequestError for what the service
    would refuse.
    """
    place = Path(path)
    return plan_of_text(_text_of_file(place), place.parent, place.name)


def plan_of_text(text: str, folder: Path, name: str = "the plan") -> dict[str, Any]:
    """The same of the file's text; paths in it begin at `folder`, and `name` stands in messages."""
    places = Places(name)
    root = read_yaml(text, places)
    if root is None:
        places.refuse(1, "nothing is in this file.", "A plan names its references and prompts.")
    if not isinstance(root, Mapped):
        places.refuse(root.line, "a plan is a mapping.", "It begins with references: [one.mp3], for example.")
    for key in root.entries:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"A plan has: {', '.join(KEYS)}."
            places.refuse(root.lines[key], f"a plan has no {plain(key, 60)!r}.", hint)
    if "references" not in root.entries:
        places.refuse(root.line, "it names no songs.", "Give references: a list of paths or URLs.")
    return _PlanReading(root, folder, places).arguments()


class _PlanReading:
    def __init__(self, root: Mapped, folder: Path, places: Places) -> None:
        self.root, self.folder, self.places = root, folder, places

    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "references": self._axis("references", reference_levels, self._song),
            "prompts": self._axis("prompts", partial(text_levels, "prompts"), self._text),
            "lyrics": self._axis("lyrics", partial(text_levels, "lyrics"), self._text),
            "parameters": self._axis("parameters", parameter_levels, None),
        }
        prompts = found["prompts"] or {}
        found["slots"] = self._slots(prompts)
        axes: dict[str, Levels] = {"reference": found["references"], "prompt": prompts, **found["slots"]}
        axes |= {name: found[name] for name in ("lyrics", "parameters") if found[name]}
        axes = {factor: levels for factor, levels in axes.items() if levels}
        for name in ("extra", "excluded"):
            found[name] = [self._cell(node, name, axes) for node in self._items(name)]
        control = self.root.entries.get("control")
        found["control"] = (
            None if control is None or _is_empty(control) else self._cell(control, "control", axes)
        )
        found["repeats"] = self._repeats(axes)
        found |= {name: self._whole(name, usual) for name, usual in (("seed", 0), ("control_every", 10))}
        return found | {"shard": self._shard(), "budget": self._budget()}

    @contextlib.contextmanager
    def _on_line(self, line: int) -> Iterator[None]:
        """What is wrong there, with the line."""
        try:
            yield
        except SoundverseError as error:
            message = f"{plain(self.places.name, 120)}, line {line}: {error.message}"
            raise type(error)(message, hint=error.hint) from None

    def _axis(
        self, name: str, levels: Callable[[Any], Levels], one: Callable[[Node, str], Any] | None
    ) -> Levels | None:
        node = self.root.entries.get(name)
        return None if node is None or _is_empty(node) else self._levels(node, name, levels, one)

    def _levels(
        self,
        node: Node,
        name: str,
        levels: Callable[[Any], Levels],
        one: Callable[[Node, str], Any] | None,
    ) -> Levels:
        given: Any
        if one is None:
            given = value_of(node, self.places)
        elif isinstance(node, Listed):
            given = [one(item, f"a level of {name}") for item in node.items]
        elif isinstance(node, Mapped):
            given = {key: one(item, f"the level {plain(key, 40)!r}") for key, item in node.entries.items()}
        else:
            given = one(node, name)
        with self._on_line(node.line):
            return levels(given)

    def _text(self, node: Node, what: str) -> str | None:
        return text_of(node, what, self.places)

    def _song(self, node: Node, what: str) -> str:
        given = text_of(node, what, self.places)
        if not given or not given.strip():
            self.places.refuse(node.line, f"{what} is empty, and names no song.")
        if as_reference(given).kind is not Kind.FILE or given.startswith("~"):
            return given
        return os.path.join(self.folder, given)

    def _slots(self, prompts: Levels) -> dict[str, Levels]:
        node = self.root.entries.get("slots")
        if node is None or _is_empty(node):
            found: dict[str, Levels] = {}
            line = self.root.lines.get("prompts", self.root.line)
        elif isinstance(node, Mapped):
            line = node.line
            found = {
                slot: self._levels(
                    values, f"slot {slot!r}", partial(text_levels, f"slot {slot!r}"), self._text
                )
                for slot, values in node.entries.items()
            }
        else:
            self.places.refuse(node.line, "slots is a mapping.", "For example: slots: {mood: [sad, merry]}.")
        with self._on_line(line):
            return slot_levels(prompts, found)

    def _items(self, name: str) -> list[Node]:
        node = self.root.entries.get(name)
        if node is None or _is_empty(node):
            return []
        if not isinstance(node, Listed):
            self.places.refuse(node.line, f"{name} is a list of cells.", "Each begins with a dash.")
        return node.items

    def _cell(self, node: Node, what: str, axes: Mapping[str, Levels]) -> dict[str, str]:
        if not isinstance(node, Mapped):
            self.places.refuse(
                node.line, f"{what} names a cell, which is a mapping.", "For example: {prompt: upbeat jazz}."
            )
        given = {
            factor: "" if (name := text_of(level, factor, self.places)) is None else name
            for factor, level in node.entries.items()
        }
        with self._on_line(node.line):
            return partial_cell(given, axes, what)

    def _repeats(self, axes: Mapping[str, Levels]) -> Any:
        node = self.root.entries.get("repeats")
        if not isinstance(node, Listed):
            return self._whole("repeats", 1, least=1)
        found = []
        for item in node.items:
            if not isinstance(item, Listed) or len(item.items) != 2:
                self.places.refuse(
                    item.line,
                    "repeats is a number, or a list of pairs of a cell and a number.",
                    "For example: - [{prompt: upbeat jazz}, 3].",
                )
            cell, count = item.items
            found.append((self._cell(cell, "repeats", axes), self._number(count, "repeats", 1)))
        return found

    def _whole(self, name: str, usual: int, least: int | None = None) -> int:
        node = self.root.entries.get(name)
        return usual if node is None or _is_empty(node) else self._number(node, name, least)

    def _number(self, node: Node, name: str, least: int | None = None) -> int:
        value = value_of(node, self.places)
        if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
            above = "" if least is None else f" of at least {least}"
            self.places.refuse(node.line, f"{name} is no whole number{above}.")
        return value

    def _shard(self) -> tuple[int, int] | None:
        node = self.root.entries.get("shard")
        if node is None or _is_empty(node):
            return None
        if not isinstance(node, Mapped) or set(node.entries) != {"index", "of"}:
            self.places.refuse(node.line, "shard names a part of a plan.", "For example: {index: 0, of: 4}.")
        index, of = (self._number(node.entries[name], name, 0) for name in ("index", "of"))
        if index >= of:
            self.places.refuse(node.line, f"there is no part {index} of {of}.", f"Parts: 0 to {of - 1}.")
        return index, of

    def _budget(self) -> float | None:
        node = self.root.entries.get("budget")
        if node is None or _is_empty(node):
            return None
        value = value_of(node, self.places)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            self.places.refuse(node.line, "budget is no amount of money.")
        return float(value)


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.is_quoted and not node.text


def _text_of_file(path: Path) -> str:
    shown = plain(path.name, 120)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ConfigurationError(f"{shown} is no file.", hint="Give the path of a plan in YAML.")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"The plan {shown} cannot be read: {error.strerror or error}.", hint="Is the path right?"
        ) from None
    if len(content) > MOST_BYTES:
        raise ConfigurationError(
            f"{shown} is larger than a plan may be ({MOST_BYTES:,} bytes).", hint="Is it the right file?"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            f"{shown}, line {line}: this is not UTF-8.", hint="Save the file as UTF-8."
        ) from None


def write_plan(path: str | os.PathLike[str], description: Mapping[str, Any], references: Levels) -> Path:
    """A plan's description and its songs as a YAML file; gives its path back.

    What was there is replaced once the new file is whole. Raises ConfigurationError for songs that are no
    files or URLs, for a URL that carries a signature, and where something else than a plan is in its place.
    """
    place = Path(path)
    check_plan_target(place)
    text = text_of_plan(description, references, place.parent)
    content = text.encode("utf-8")
    if len(content) > MOST_BYTES:
        raise ConfigurationError(f"This plan is larger than a file of one may be ({MOST_BYTES:,} bytes).")
    part = place.with_name(f"{place.name}.part")
    try:
        part.write_bytes(content)
        os.replace(part, place)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise ConfigurationError(
            f"The plan could not be written to {plain(place.name, 120)}: {error.strerror or error}.",
            hint="Is there such a folder, and may you write there?",
        ) from None
    return place


def text_of_plan(description: Mapping[str, Any], references: Levels, folder: Path) -> str:
    """The file's text, for a file in `folder`."""
    songs = {name: _place_of(name, given, folder) for name, given in references.items()}
    texts = {name: _unnamed(name, description[name]) for name in ("prompts", "lyrics")}
    slots = {
        slot: _unnamed(f"slot {slot!r}", levels) for slot, levels in description.get("slots", {}).items()
    }
    unnamed = list(songs.values())
    is_list = _names(reference_levels, unnamed) == list(songs)
    written: dict[str, Any] = {"references": unnamed if is_list else songs}
    written |= {"prompts": texts["prompts"], "slots": slots, "lyrics": texts["lyrics"]}
    written["parameters"] = _parameters(description["parameters"])
    first, *others = description["repeats"]  # the first is of all cells, and 1 where nobody said
    named = description["repeats"] if first[1] != 1 else others
    written["repeats"] = [flow(pair) for pair in named] if others else first[1] if first[1] != 1 else None
    written["seed"] = description["seed"]
    written |= {name: [flow(cell) for cell in description[name]] for name in ("extra", "excluded")}
    if description["control"] is not None:
        written |= {"control": flow(description["control"]), "control_every": description["control_every"]}
    if (part := description.get("part", [0, 1])) != [0, 1]:
        written["shard"] = flow({"index": part[0], "of": part[1]})
    written["budget"] = description.get("budget")
    kept = {key: value for key, value in written.items() if value is not None and value not in ({}, [])}
    if values_in(kept) > MOST_VALUES:
        raise ConfigurationError(
            f"This plan is larger than a file of one may be ({MOST_VALUES:,} names and levels).",
            hint="Keep it as a table: Plan.from_frame reads CSV.",
        )
    return write_yaml(kept, _COMMENT)


def _unnamed(axis: str, levels: Mapping[str, Any]) -> Any:
    """As a list where that gives the same names."""
    values = list(levels.values())
    return values if _names(partial(text_levels, axis), values) == list(levels) else dict(levels)


def _parameters(levels: Mapping[str, Any]) -> Any:
    for name, level in levels.items():
        if not is_plain_data(level):
            raise ConfigurationError(f"The parameters {plain(name, 60)!r} hold what no file can.")
    values = list(levels.values())
    return values if _names(parameter_levels, values) == list(levels) else dict(levels)


def _names(levels: Callable[[Any], Levels], given: list[Any]) -> list[str] | None:
    try:
        return list(levels(given))
    except ConfigurationError:
        return None


_SIGNED = re.compile(r"(?i)sig|token|secret|credential|policy|expires|password|passwd|api[-_]?key|auth|^key$")


def _place_of(name: str, given: Any, folder: Path) -> str:
    """A song as a file can name it."""
    reference = as_reference(given)
    shown = plain(name, 60)
    if reference.url is not None:
        parts = urlsplit(reference.url.full)
        query = parse_qsl(parts.query, keep_blank_values=True)
        if parts.username or parts.password or any(_SIGNED.search(word) for word, _ in query):
            raise ConfigurationError(
                f"The URL of {shown!r} carries a signature or a password, which no file should hold.",
                hint="Give the song as a file, or by a URL that needs none; it is signed anew on each run.",
            )
        return reference.url.full
    place = reference.place
    if place is None:
        raise ConfigurationError(
            f"The song {shown!r} was given as {reference.kind.value}, which a file cannot name.",
            hint="Write it to a file (soundfile.write, Path.write_bytes), and give its path.",
        )
    own = local_path(place)
    if own is None and reference.kind is not Kind.FILE:
        return place
    where = os.path.abspath(os.path.expanduser(own or place))
    if not where.isprintable() and any("\ud800" <= character <= "\udfff" for character in where):
        raise ConfigurationError(
            f"The path of {shown!r} is not UTF-8, and no file can name it.", hint="Rename the song."
        )
    try:
        relative = Path(where).relative_to(os.path.abspath(folder)).as_posix()
    except ValueError:
        return where
    return (
        f"./{relative}"
        if relative.startswith("~") or as_reference(relative).kind is not Kind.FILE
        else relative
    )
