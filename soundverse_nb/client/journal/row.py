"""Reading a row of the journal as an order, whatever the row holds.

A newer version, another program or a bad disk may have written something that no order has. One such row is
shown as unreadable, with what can be read of it; it must not hide the orders beside it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import replace
from typing import Any

from soundverse_nb.client.journal.order import Lease, Order, OrderState

_LAST_TIME = 9e9
"""Epoch seconds in the year 2255. What lies behind it no calendar here can show."""

_TEXTS = (
    "order_id", "service", "reference_name", "reference_path", "reference_sha256", "label", "message_id",
    "audio_url", "album_art", "song_name", "path", "sha256", "error",
)  # fmt: skip
_NEEDED = frozenset({"order_id", "service"})
# Kept as the bytes it is made of where it is not UTF-8: a file's name may be any bytes.
_MAY_BE_BYTES = frozenset({"reference_path", "path", "label", "song_name", "error"})
_SURROGATE = re.compile("[\ud800-\udfff]")


def lenient_text(raw: bytes) -> str:
    """Text as SQLite keeps it. Bytes that are not UTF-8 become what UTF-8 never gives: lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def read_order(row: sqlite3.Row) -> Order:
    """The order in a row. What cannot be read is named in `unreadable`, and left out."""
    values = dict(zip(row.keys(), row, strict=True))
    bad: list[str] = []
    fields: dict[str, Any] = {}
    for name in _TEXTS:
        value = fields[name] = values[name]
        if isinstance(value, bytes) and name in _MAY_BE_BYTES:
            fields[name] = lenient_text(value)
        elif not _is_text(value, name):
            bad.append(name)
            fields[name] = _shown(value) if name in _NEEDED else None
    for name in ("posts", "size_bytes"):
        value = fields[name] = values[name]
        if not (isinstance(value, int) and value >= 0) and not (value is None and name == "size_bytes"):
            bad.append(name)
            fields[name] = None if name == "size_bytes" else 0
    for name in ("created_at", "updated_at"):
        value = fields[name] = values[name]
        if not (isinstance(value, (int, float)) and 0 <= value <= _LAST_TIME):
            bad.append(name)
            fields[name] = 0.0
    state, request, lease = _state(values["state"]), _request(values["request"]), _lease(values)
    if request is None:
        bad.append("request")
    if lease is None and values["owner_token"] is not None:
        bad.append("owner")
    if state is None:
        bad.append(f'state "{_shown(values["state"])}"')
    order = Order(
        # Nobody knows how far it came, so nobody knows that nothing was paid.
        state=state or OrderState.UNKNOWN,
        simulated=bool(values["simulated"]),
        request=request or {},
        lease=lease,
        **fields,
    )
    return replace(order, unreadable=f"{', '.join(bad)} cannot be read") if bad else order


def _is_text(value: Any, name: str) -> bool:
    if value is None:
        return name not in _NEEDED
    return isinstance(value, str) and not _has_foreign_bytes(value)


def _has_foreign_bytes(text: str) -> bool:
    return not text.isascii() and _SURROGATE.search(text) is not None


def _shown(value: Any) -> str:
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "replace")[:200]


_STATES: dict[Any, OrderState] = {state.value: state for state in OrderState}


def _state(value: Any) -> OrderState | None:
    return _STATES.get(value)


def _request(value: Any) -> dict[str, Any] | None:
    try:
        request = json.loads(value) if isinstance(value, str) and not _has_foreign_bytes(value) else None
    except (ValueError, RecursionError):
        return None
    return request if isinstance(request, dict) else None


def _lease(values: dict[str, Any]) -> Lease | None:
    """The lease of a row; None where it has none, or one that cannot be read."""
    token = values["owner_token"]
    host, pid, started = values["owner_host"], values["owner_pid"], values["owner_started"] or ""
    beat_at = values["beat_at"] or 0.0
    texts = all(isinstance(value, str) for value in (host, started, token))
    if not texts or not isinstance(pid, int) or not isinstance(beat_at, (int, float)):
        return None
    return Lease(host, pid, started, token, beat_at)
