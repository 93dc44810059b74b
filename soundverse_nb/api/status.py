"""Reading the status endpoint, whose body no page documents: one more chunk, however it is wrapped.

An answer that names another order is no answer, and what is taken out of one comes from the part that is this
order's: the part that names it, or an unnamed one that is the only thing there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.order_names import ids_in

_FIELDS = [
    "isComplete",
    "status",
    "chunkIndex",
    "message_id",
    "stream_url",
    "version",
    "album_art",
    "song_name",
    "progress",
    "streaming_ready",
    "audio_url",
    "error",
    "operation",
]
# Sister pages spell the same fields with and without underscores.
_SPELLINGS = {name.replace("_", "").lower(): name for name in _FIELDS}
# These alone do not say how a remix is doing.
_NO_PROGRESS = frozenset(("message_id", "version", "operation", "error"))
_PROGRESS = frozenset(_FIELDS) - _NO_PROGRESS
# Words of the fields that hold the order itself, one or a list of them. A part under any other word is named
# by it, as in a mapping from names to orders, or is something beside the order: its origin, its worker.
_WRAPPERS = frozenset(
    ["data", "result", "response", "body", "payload", "content", "value", "attributes", "info", "detail",
     "details", "status", "state", "message", "document", "doc", "list", "job", "generation", "remix",
     "task", "order", "record", "entry", "entries", "item", "output", "version", "variant", "take"]
)  # fmt: skip
# Under these an "id" is that of the sound.
_SOUNDS = frozenset(("song", "track", "audio", "clip", "file", "music", "media", "asset"))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^A-Za-z_\- ]+")
_DEEPEST = 6
_SEVERAL = "one of several that it does not tell apart"


def read_status(value: Any, message_id: str) -> RemixEvent | None:
    """The chunk in a status body, also under "data", "result" and the like or in a list; None if it has none.

    Of several layers the one that says most is read, the inner one where they are equal, and the others fill
    in what it leaves out. Of several orders in one answer the one with this `message_id` is meant. What
    names another order is left out, and an answer that names nothing else says nothing about this one.
    """
    found = _search(value, message_id.strip(), "", 0)
    layers = found.layers
    if not layers or _is_anothers(found):
        return None
    best = max(range(len(layers)), key=lambda i: (len(layers[i].keys() & set(_FIELDS)), i))
    chunk = dict(layers[best])
    for layer in layers:
        for name in _FIELDS:
            if layer.get(name) is not None and chunk.get(name) is None:
                chunk[name] = layer[name]
    if found.audio_url is not None:
        # Beside the order's own name goes before whatever stands further inside.
        chunk["audio_url"] = found.audio_url
    known = {name for name in _FIELDS if chunk.get(name) is not None}
    if not known & _PROGRESS:
        return None
    if chunk.get("audio_url") and not known & {"isComplete", "status"}:
        # The document has an audio_url in the completed chunk only.
        chunk["isComplete"] = True
    chunk["message_id"] = message_id
    return RemixEvent.parse(chunk)


def another_order(value: Any, message_id: str) -> str | None:
    """The name of another order that a status body is about instead of this one; None where it is not."""
    found = _search(value, message_id.strip(), "", 0)
    return found.another if _is_anothers(found) else None


@dataclass
class _Found:
    """What a part of a body says: its layers, whether they are named as ours, and whom else it names."""

    layers: list[dict[str, Any]] = field(default_factory=list)
    ours: bool = False
    another: str | None = None
    audio_url: Any = None  # that stands beside our name

    @property
    def says(self) -> bool:
        """Whether any of it says how a remix is doing."""
        return any(layer.get(name) is not None for layer in self.layers for name in _PROGRESS)

    @property
    def is_remix(self) -> bool:
        """Whether it is beyond doubt a remix of its own; a status alone has a worker or a user, too."""
        return any(_is_remix(layer) for layer in self.layers)


def _is_remix(layer: dict[str, Any]) -> bool:
    told = {name for name in _PROGRESS if layer.get(name) is not None}
    return bool(told & {"audio_url", "isComplete", "stream_url"}) or len(told) > 1


def _is_anothers(found: _Found) -> bool:
    return found.another is not None and not found.ours


def _search(value: Any, message_id: str, place: str, depth: int) -> _Found:
    """What a value says about this order. `place` is the field it stands under."""
    if depth > _DEEPEST:
        return _Found()
    if isinstance(value, list):
        return _search_list(value, message_id, place, depth)
    if not isinstance(value, dict):
        return _Found()
    layer = _spelled(value)
    whose = _named(value, layer, message_id, place)
    if whose is not None and whose.is_final:
        return _Found(another=whose.another)
    parts = [
        (str(name), _search(part, message_id, str(name), depth + 1))
        for name, part in value.items()
        if isinstance(part, (dict, list))
    ]
    if whose is None or whose.another:
        own = [part for _, part in parts if part.ours]
        if own:
            # What stands beside the order's own part is not its.
            return _joined(own, ours=True)
        if whose is not None:
            return _Found(another=whose.another)
        return _unnamed(layer, parts)
    named = [part for _, part in parts if part.ours]
    inner = named or _only([part for name, part in parts if _holds_order(name) and not part.another])
    found = _joined([_Found([layer]), *inner], ours=True)
    found.audio_url = layer.get("audio_url") or found.audio_url
    return found


def _unnamed(layer: dict[str, Any], parts: list[tuple[str, _Found]]) -> _Found:
    """An object that names no order, of which no part is named as ours."""
    kept = [part for name, part in parts if _holds_order(name)]
    another = next(
        (
            part.another
            for name, part in parts
            if part.another and (part.another != _SEVERAL or _holds_order(name))
        ),
        None,
    )
    if another is None and not _is_remix(layer):
        # A mapping from names to orders, and ours is not among them.
        another = next((name for name, part in parts if not _holds_order(name) and part.is_remix), None)
    inner = _only(kept)
    if another is None and kept and not inner:
        another = _SEVERAL
    found = _joined([_Found([layer]), *inner], ours=False)
    found.another = another
    return found


def _only(parts: list[_Found]) -> list[_Found]:
    """The parts, unless several of them say where a remix is, and each something else."""
    urls = [str(layer["audio_url"]) for part in parts for layer in part.layers[:1] if layer.get("audio_url")]
    return parts if len(set(urls)) < 2 else []


def _joined(parts: Iterable[_Found], ours: bool) -> _Found:
    found = _Found(ours=ours)
    for part in parts:
        found.layers += part.layers
        found.audio_url = found.audio_url or part.audio_url
    return found


@dataclass
class _Name:
    """What an object is called: ours, or the name of another; `is_final` where nothing inside can be ours."""

    another: str | None = None
    is_final: bool = False


def _named(value: dict[str, Any], layer: dict[str, Any], message_id: str, place: str) -> _Name | None:
    """Whose an object is by the names in it and by the field it stands under; None where it names nobody.

    The document's message_id decides. Other names may be those of a worker or of a request beside it: one of
    them that is ours is enough.
    """
    names = ids_in(value)
    documented = names.pop("message_id", [])
    theirs = [name for name in documented if name.strip() != message_id]
    if theirs:
        return _Name(another=theirs[0], is_final=True)
    if documented or place.strip() == message_id:
        return _Name()
    if _is_sound(place):
        names.pop("id", None)
        names.pop("uuid", None)
    elif place and not _holds_order(place) and not _is_remix(layer):
        names = {}
    others = [name for found in names.values() for name in found]
    if any(name.strip() == message_id for name in others):
        return _Name()
    return _Name(another=others[0]) if others else None


def _search_list(entries: list[Any], message_id: str, place: str, depth: int) -> _Found:
    """The entry of this order, else the only one that says anything, if it names none."""
    unnamed: list[_Found] = []
    another = None
    for entry in reversed(entries):
        found = _search(entry, message_id, place, depth + 1)
        if found.ours:
            return found
        another = another or found.another
        if found.says and not found.another:
            unnamed.append(found)
    if another is None and len(unnamed) > 1:
        another = _SEVERAL
    return _Found(another=another) if another or not unnamed else unnamed[0]


def _holds_order(place: str) -> bool:
    """Whether a field holds the order itself, or its sound, by the words of its name."""
    words = [word.lower() for word in _WORD.findall(place)]
    return all(word in _WRAPPERS or _singular(word) in _WRAPPERS | _SOUNDS for word in words)


def _is_sound(place: str) -> bool:
    words = [word.lower() for word in _WORD.findall(place)]
    return bool(words) and _singular(words[-1]) in _SOUNDS


def _singular(word: str) -> str:
    return word[:-2] if word.endswith("xes") else word.removesuffix("s")


def _spelled(layer: dict[str, Any]) -> dict[str, Any]:
    """The layer with the document's spellings; what it has under the documented name itself goes first."""
    spelled: dict[str, Any] = {}
    for name, value in layer.items():
        documented = _SPELLINGS.get(name.replace("_", "").lower(), name)
        if documented == name or spelled.get(documented) is None:
            spelled[documented] = value
    return spelled
