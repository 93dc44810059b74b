"""Reading the status endpoint, whose body no page documents: one more chunk, however it is wrapped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from soundverse_nb.api.event import RemixEvent

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
_SPELLINGS = {name.replace("_", "").lower(): name for name in _FIELDS} | {"jobid": "message_id"}
# These alone do not say how a remix is doing.
_NOT_TELLING = frozenset(("message_id", "version", "operation", "error"))
_DEEPEST = 6


def read_status(value: Any, message_id: str) -> RemixEvent | None:
    """The chunk in a status body, also under "data", "result" and the like or in a list; None if it has none.

    Of several layers the one that says most is read, the inner one where they are equal, and the others fill
    in what it leaves out. In a list the entry with this `message_id` is meant, or else the last.
    """
    layers = [_spelled(layer) for layer in _layers(value, message_id, 0)]
    if not layers:
        return None
    best = max(range(len(layers)), key=lambda i: (len(layers[i].keys() & set(_FIELDS)), i))
    chunk = dict(layers[best])
    for layer in layers:
        for name in _FIELDS:
            if layer.get(name) is not None and chunk.get(name) is None:
                chunk[name] = layer[name]
    known = {name for name in _FIELDS if chunk.get(name) is not None}
    if not known - _NOT_TELLING:
        return None
    if chunk.get("audio_url") and not known & {"isComplete", "status"}:
        # The document has an audio_url in the completed chunk only.
        chunk["isComplete"] = True
    if chunk.get("message_id") is None:
        chunk["message_id"] = message_id
    return RemixEvent.parse(chunk)


def _layers(value: Any, message_id: str, depth: int) -> Iterator[dict[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            if isinstance(inner, (dict, list)):
                yield from _layers(inner, message_id, depth + 1)
    elif isinstance(value, list):
        entries = [entry for entry in value if isinstance(entry, dict)]
        meant = [entry for entry in entries if str(_spelled(entry).get("message_id")) == message_id]
        for entry in (meant or entries)[-1:]:
            yield from _layers(entry, message_id, depth + 1)


def _spelled(layer: dict[str, Any]) -> dict[str, Any]:
    """The layer with the document's spellings; what it has under the documented name itself goes first."""
    spelled: dict[str, Any] = {}
    for name, value in layer.items():
        documented = _SPELLINGS.get(name.replace("_", "").lower(), name)
        if documented == name or spelled.get(documented) is None:
            spelled[documented] = value
    return spelled
