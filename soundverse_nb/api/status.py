"""Reading the status endpoint, whose body no page documents: one more chunk, however it is wrapped.

An answer that names another order is no answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.order_names import as_name, is_named, names_in

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
# Under these a job_id is that of the order; elsewhere it may be that of a worker or a queue.
_WRAPPERS = frozenset(("", "data", "result", "response", "body", "job", "generation", "remix", "task"))
_DEEPEST = 6


def read_status(value: Any, message_id: str) -> RemixEvent | None:
    """The chunk in a status body, also under "data", "result" and the like or in a list; None if it has none.

    Of several layers the one that says most is read, the inner one where they are equal, and the others fill
    in what it leaves out. Of several orders in one answer the one with this `message_id` is meant. What
    names another order is left out, and an answer that names nothing else says nothing about this one.
    """
    found = _search(value, message_id, "", 0)
    layers = [_spelled(layer) for layer in found.layers]
    if not layers or _is_anothers(found):
        return None
    best = max(range(len(layers)), key=lambda i: (len(layers[i].keys() & set(_FIELDS)), i))
    chunk = dict(layers[best])
    for layer in layers:
        for name in _FIELDS:
            if layer.get(name) is not None and chunk.get(name) is None:
                chunk[name] = layer[name]
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
    found = _search(value, message_id, "", 0)
    return found.another if _is_anothers(found) else None


@dataclass
class _Found:
    """What a part of a body says: its layers, whether they are named as ours, and whom else it names."""

    layers: list[dict[str, Any]] = field(default_factory=list)
    ours: bool = False
    another: str | None = None


def _is_anothers(found: _Found) -> bool:
    return found.another is not None and not found.ours


def _search(value: Any, message_id: str, place: str, depth: int) -> _Found:
    """What a value says about this order. `place` is the field it stands under."""
    if depth > _DEEPEST:
        return _Found()
    if isinstance(value, list):
        return _search_list(value, message_id, depth)
    if not isinstance(value, dict):
        return _Found()
    names = names_in(value)
    if place not in _WRAPPERS and not _spelled(value).keys() & _PROGRESS:
        names.pop("job_id", None)
    ours = is_named(names, message_id) or place == message_id
    if names and not ours:
        return _Found(another=next(iter(names.values())))
    inner = [
        _search(part, message_id, str(name), depth + 1)
        for name, part in value.items()
        if isinstance(part, (dict, list))
    ]
    if not ours and any(part.ours for part in inner):
        # What stands beside the order's own part is not its.
        inner = [part for part in inner if part.ours]
        ours = True
    another = next((part.another for part in inner if part.another), None)
    if not ours and another is None:
        another = _one_of_several(value)
    return _Found([value, *(layer for part in inner for layer in part.layers)], ours, another)


def _one_of_several(value: dict[str, Any]) -> str | None:
    """One of the names where a mapping from names to orders does not have ours; None for anything else."""
    orders = [
        str(name)
        for name, part in value.items()
        if isinstance(part, dict) and name not in _WRAPPERS
        and "status" in (fields := _spelled(part).keys()) and len(fields & _PROGRESS) > 1
    ]  # fmt: skip
    return orders[0] if len(orders) > 1 else None


def _search_list(entries: list[Any], message_id: str, depth: int) -> _Found:
    """The entry of this order, else the last that names none. Among several an "id" is a name as well."""
    nameless, another = _Found(), None
    objects = [entry for entry in entries if isinstance(entry, dict)]
    for entry in reversed(objects):
        found = _search(entry, message_id, "", depth + 1)
        own = as_name(entry.get("id"))
        if found.ours or (own is not None and own.strip() == message_id.strip() and not found.another):
            found.ours = True
            return found
        if own is not None and len(objects) > 1:
            found.another = found.another or own
        another = another or found.another
        nameless = nameless if nameless.layers else found
    return _Found(another=another) if another is not None else nameless


def _spelled(layer: dict[str, Any]) -> dict[str, Any]:
    """The layer with the document's spellings; what it has under the documented name itself goes first."""
    spelled: dict[str, Any] = {}
    for name, value in layer.items():
        documented = _SPELLINGS.get(name.replace("_", "").lower(), name)
        if documented == name or spelled.get(documented) is None:
            spelled[documented] = value
    return spelled
