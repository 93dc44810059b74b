"""Names of orders in answers: which order one is about, and whether it is ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# Sister pages spell the same names with and without underscores.
_SPELLINGS = {"messageid": "message_id", "jobid": "job_id"}
# What other services call an order. Not what they call a song, a track or a file.
_SPELLED_ELSEWHERE = re.compile(
    r"(?:(?:song|audio|music)?(?:message|msg|job|task|order|generation|gen|remix|request|run|prediction"
    r"|tracking|process|operation|execution))?(?:id|ids|uuid|guid)"
)
# Where an answer that wraps another keeps it.
_WRAPPERS = ("data", "result", "response", "body", "job", "generation", "remix", "detail", "error")
# Under these an "id" is most likely that of the order.
_OWNERS = ("job", "generation", "remix", "task", "order")
_DEEPEST = 4
_IN_TEXT = re.compile(
    r'"(?:message_id|job_id)"\s*:\s*(?:"((?:[^"\\]|\\["\\/bfnrtu])+)"|(-?\d{1,30})(?=\s*[,}\]]))'
)


def as_name(value: Any) -> str | None:
    """A name as text: a string that is not blank, as it is, or a number; None for anything else."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def names_in(fields: Mapping[str, Any]) -> dict[str, str]:
    """What one JSON object calls its order: under "message_id", under "job_id", both, or neither."""
    names: dict[str, str] = {}
    for key, value in fields.items():
        spelled = _SPELLINGS.get(str(key).replace("_", "").replace("-", "").lower())
        name = None if spelled is None else as_name(value)
        if spelled is not None and name is not None and (spelled == key or spelled not in names):
            names[spelled] = name
    return names


def is_named(names: Mapping[str, str], message_id: str) -> bool:
    """Whether one of the names is this one. A number and its text are the same name."""
    return message_id.strip() in {name.strip() for name in names.values()}


def ids_in(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """Everything in one JSON object that may name an order, also "id" and the like, by a lenient look.

    A name that is wrapped in a list or an object is a name as well: all of them count.
    """
    names: dict[str, list[str]] = {}
    for key, value in fields.items():
        plain = str(key).replace("_", "").replace("-", "").replace(" ", "").lower()
        spelled = _SPELLINGS.get(plain, plain if _SPELLED_ELSEWHERE.fullmatch(plain) else None)
        found = [] if spelled is None else _names_inside(value)
        if spelled is not None and found:
            names.setdefault(spelled, []).extend(found)
    return names


def _names_inside(value: Any, depth: int = 0) -> list[str]:
    if isinstance(value, (list, dict)):
        if depth > _DEEPEST:
            return []
        parts = value.values() if isinstance(value, dict) else value
        found = [name for part in parts for name in _names_inside(part, depth + 1)]
        return found or ([str(name) for name in value] if isinstance(value, dict) else [])
    name = as_name(value)
    return [] if name is None else [name]


def name_in(value: Any, depth: int = 0) -> str | None:
    """The order's id in an answer or in what it wraps; message_id goes before job_id."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or depth > _DEEPEST:
        return None
    names = names_in(value)
    if names:
        return names.get("message_id") or names["job_id"]
    inner = (name_in(value[wrapper], depth + 1) for wrapper in _WRAPPERS if wrapper in value)
    return next((name for name in inner if name), None)


def lesser_name_in(value: Any) -> str | None:
    """What may be the order's id where nothing better comes: the "id" of a "job", a "generation" and such."""
    for place, part in _parts(value, 0):
        found = as_name(part.get("id")) if place in _OWNERS else None
        if found is not None:
            return found
    return None


def _parts(value: Any, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(value, dict) or depth > _DEEPEST:
        return
    for place in dict.fromkeys((*_OWNERS, *_WRAPPERS)):
        part = value.get(place)
        if isinstance(part, dict):
            yield place, part
            yield from _parts(part, depth + 1)


def keep_first_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON for `object_pairs_hook`: of a name that stands there twice the first that is one."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        fields |= {
            key: value
            for key, value in reversed(pairs)
            if key.replace("_", "").replace("-", "").lower() in _SPELLINGS and as_name(value) is not None
        }
    return fields


def repeats_a_name(text: str | bytes) -> bool:
    """Whether a name may stand twice in a JSON text; a strict parser takes the last of them."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return text.count("message_id") > 1 or text.count("job_id") > 1 or text.count("messageId") > 1


def name_in_text(text: str) -> str | None:
    """The order's id in JSON that is broken or cut, if it stands there whole."""
    found = _IN_TEXT.search(text)
    if found is None:
        return None
    if found[2] is not None:
        return found[2]
    try:
        return as_name(json.loads(f'"{found[1]}"', strict=False))
    except ValueError:
        return None
