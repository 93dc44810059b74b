"""One order: what was asked for, how far it came, and what may happen to it next."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from soundverse_nb.api.safe_repr import shown, shown_id
from soundverse_nb.errors import Spent
from soundverse_nb.remix.take_names import Asked, song_name

PICK_UP = "The order is kept: `await client.recover()` picks it up again, also from a new kernel."


class OrderState(str, Enum):
    """How far an order came. Each is written to the journal before the act it announces."""

    PLANNED = "planned"  # noted; nothing was sent
    SENDING = "sending"  # the POST may be on the wire
    ACCEPTED = "accepted"  # the service gave it a message_id
    COMPLETED = "completed"  # the service has finished it; the audio is not on disk yet
    FETCHED = "fetched"  # the audio is on disk
    REFUSED = "refused"  # refused by the service, or given up before it was sent: nothing was paid
    FAILED = "failed"  # accepted, and then failed on the service's side
    UNKNOWN = "unknown"  # sent, and no answer came back: it may have been paid for

    @property
    def is_unfinished(self) -> bool:
        """`client.recover()` has something to do for it."""
        return self in _UNFINISHED


_UNFINISHED = frozenset({OrderState.PLANNED, OrderState.SENDING, OrderState.ACCEPTED, OrderState.COMPLETED})


class DiskState(str, Enum):
    """What a look at the disk makes of a fetched order; never in the journal."""

    MISSING = "missing"  # the audio was on disk, and is gone or no longer what was fetched

    @property
    def is_unfinished(self) -> bool:
        """`client.recover()` has something to do for it."""
        return True


NEXT: dict[OrderState, frozenset[OrderState]] = {
    OrderState.PLANNED: frozenset({OrderState.SENDING, OrderState.REFUSED}),
    # Back to planned only where it is certain that this POST was refused or never sent.
    OrderState.SENDING: frozenset(
        {OrderState.PLANNED, OrderState.ACCEPTED, OrderState.REFUSED, OrderState.FAILED, OrderState.UNKNOWN}
    ),
    OrderState.ACCEPTED: frozenset({OrderState.COMPLETED, OrderState.FAILED}),
    # A finished remix may get a fresh audio_url when the first one has expired.
    OrderState.COMPLETED: frozenset({OrderState.COMPLETED, OrderState.FETCHED}),
    # A remix whose file is gone is fetched again, where need be from a fresh address.
    OrderState.FETCHED: frozenset({OrderState.COMPLETED, OrderState.FETCHED}),
    OrderState.REFUSED: frozenset(),
    # A service that said "error" once may say later that the remix is being made, or is there.
    OrderState.FAILED: frozenset({OrderState.ACCEPTED}),
    # A late id in the same stream settles the doubt.
    OrderState.UNKNOWN: frozenset({OrderState.ACCEPTED}),
}
"""What may follow what; the journal enforces it inside the transaction."""


def sources(to: OrderState) -> frozenset[OrderState]:
    """The states from which an order may go to `to`."""
    return frozenset(state for state, following in NEXT.items() if to in following)


def new_order_id() -> str:
    """A name for an order that no other kernel will choose: 12 hexadecimal digits."""
    return secrets.token_hex(6)


@dataclass(frozen=True)
class Lease:
    """Which running process looks after an order. `beat_at` is the epoch time it last said so."""

    host: str
    pid: int
    started: str
    token: str
    beat_at: float


@dataclass(frozen=True)
class Order:
    """One line of the journal.

    `request` holds prompt, lyrics, parameters and the reference's address without its query, so no
    signature. `audio_url` and `album_art` are kept whole because they are needed to fetch the audio,
    and are never shown. Times are epoch seconds, sizes bytes. `client.orders()` looks at the disk too: there
    a fetched order whose file is gone is "missing". `unreadable` says what of its line could not be read, say
    a state of a newer version; such an order is shown and left alone.
    """

    order_id: str
    service: str
    state: OrderState | DiskState = OrderState.PLANNED
    simulated: bool = False
    request: dict[str, Any] = field(default_factory=dict)
    reference_name: str | None = None
    reference_path: str | None = None
    label: str | None = None
    message_id: str | None = None
    audio_url: str | None = field(default=None, repr=False)
    album_art: str | None = field(default=None, repr=False)
    song_name: str | None = None
    path: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    error: str | None = None
    posts: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    lease: Lease | None = field(default=None, repr=False)
    unreadable: str | None = None

    def __repr__(self) -> str:
        # A name that the service gave may look like a secret, or be a link that is one.
        values = {part.name: shown(getattr(self, part.name)) for part in fields(self) if part.repr}
        values["message_id"] = shown_id(self.message_id)
        return f"Order({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    @property
    def prompt(self) -> str | None:
        return _text(self.request.get("prompt"))

    @property
    def lyrics(self) -> str | None:
        return _text(self.request.get("lyrics"))

    @property
    def parameters(self) -> dict[str, Any] | None:
        given = self.request.get("parameters")
        return given if isinstance(given, dict) else None

    @property
    def song(self) -> str:
        """The name of the song that it is a remix of."""
        return song_name(self.reference_name or str(self.request.get("song_reference_url") or ""))

    @property
    def asked(self) -> Asked:
        """What was asked for."""
        place = str(self.request.get("song_reference_url") or self.reference_path or "")
        return Asked(self.song, self.prompt, self.lyrics, self.parameters, place)

    @property
    def title(self) -> str:
        """What a person knows it by: the song's name, else the prompt or the first line of the lyrics."""
        words = self.song_name or self.prompt or self.lyrics or self.reference_name or self.order_id
        return words.strip().splitlines()[0][:120] if words.strip() else self.order_id


def spent_for(order: Order) -> Spent:
    """Whether an order that came so far may have been paid for."""
    return _SPENT.get(order.state, Spent.MAYBE)


_SPENT: dict[OrderState | DiskState, Spent] = {
    OrderState.PLANNED: Spent.NO,
    OrderState.REFUSED: Spent.NO,
    OrderState.COMPLETED: Spent.YES,
    OrderState.FETCHED: Spent.YES,
    DiskState.MISSING: Spent.YES,
}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def request_text(request: dict[str, Any]) -> str:
    """A request as the journal keeps it: JSON with sorted names."""
    return json.dumps(request, ensure_ascii=False, sort_keys=True)
