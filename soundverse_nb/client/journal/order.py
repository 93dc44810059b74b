"""One order: what was asked for, how far it came, and what may happen to it next."""

from __future__ import annotations

import glob
import json
import os
import secrets
import stat
from dataclasses import dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from soundverse_nb.api.body import shown, shown_id
from soundverse_nb.api.request import RemixRequest
from soundverse_nb.errors import ConfigurationError, Spent, bare_errors
from soundverse_nb.remix import Remix
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
class Once:
    """Which other orders keep one from being made: those of the same name that may be paid or become so.

    An order's label is that of a group and its name there. Looked for are these groups, and those that have
    one of them as a part. `settled` are the ids of orders that whoever asks has seen, and wants another one
    in spite of.
    """

    groups: tuple[str, ...] = ()
    name: str = ""
    settled: frozenset[str] = frozenset()


ANY = Once()
"""No order keeps another one from being made."""


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
    and are never shown. `reference_sha256` is of the song's content, where it was looked at. Times are epoch
    seconds, sizes bytes. `client.orders()` looks at the disk too: there a fetched order whose file is gone is
    "missing". `unreadable` says what of its line could not be read, say a state of a newer version; such an
    order is shown and left alone.
    """

    order_id: str
    service: str
    state: OrderState | DiskState = OrderState.PLANNED
    simulated: bool = False
    request: dict[str, Any] = field(default_factory=dict)
    reference_name: str | None = None
    reference_path: str | None = None
    reference_sha256: str | None = None
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

    @bare_errors
    def remix(self) -> Remix:
        """The remix of a fetched order, also after a restart.

        What the journal does not keep is missing: the events and when it was finished; the original too,
        where that is gone. Raises ConfigurationError where the remix is not on disk, which says what to do.

        >>> import soundverse_nb as sv
        >>> with sv.connect(journal="study.sqlite3", progress=False) as client:
        ...     made = client.remix_sync(sv.example_song(), prompt="lo-fi hip hop")
        ...     client.orders()[-1].remix().audio == made.audio
        soundverse_nb: no API key, ...
        True
        """
        if self.unreadable or self.path is None or self.state not in (OrderState.FETCHED, DiskState.MISSING):
            how = self.unreadable or f"it is {self.state.value}"
            raise ConfigurationError(
                f"Order {self.order_id} has no remix on disk: {how}.",
                spent=spent_for(self),
                hint=_NO_REMIX.get(self.state, "client.orders() says more of it."),
                order_id=self.order_id,
            )
        if self.state is DiskState.MISSING or is_missing(self):
            raise ConfigurationError(
                f"The remix of order {self.order_id} was at {self.path}, and is gone or changed.",
                spent=spent_for(self),
                hint="`await client.recover()` fetches it again.",
                order_id=self.order_id,
            )
        path = Path(self.path)
        prompt = self.prompt or (None if self.lyrics else "(unknown)")
        place = str(self.request.get("song_reference_url") or self.reference_path or self.song or "unknown")
        original = (
            self.reference_path if self.reference_path and os.path.isfile(self.reference_path) else None
        )
        return Remix(
            audio=path,
            reference=original,
            request=RemixRequest(place, prompt, self.lyrics, self.parameters),
            song_name=self.song_name,
            album_art=self.album_art,
            album_art_path=next(iter(sorted(path.parent.glob(f"{glob.escape(path.stem)}-cover.*"))), None),
            audio_url=self.audio_url,
            message_id=self.message_id,
            order_id=self.order_id,
            simulated=self.simulated,
            started_at=self.created_at,
        )

    @property
    def title(self) -> str:
        """What a person knows it by: the song's name, else the prompt or the first line of the lyrics."""
        words = self.song_name or self.prompt or self.lyrics or self.reference_name or self.order_id
        return words.strip().splitlines()[0][:120] if words.strip() else self.order_id


_NO_REMIX: dict[OrderState | DiskState, str] = {
    OrderState.SENDING: "It is being sent, or its kernel ended while it was: see client.orders().",
    OrderState.ACCEPTED: "`await client.recover()` fetches it once it is finished.",
    OrderState.COMPLETED: "`await client.recover()` fetches it.",
    OrderState.UNKNOWN: "Look at the account before you order it again.",
}


def is_missing(order: Order) -> bool:
    """Whether the file of a fetched order is gone, or has another size than what was fetched.

    One look at the directory and none into the file. Where the disk does not say, say for want of a
    permission, it is not missing.
    """
    # Older journals may hold a path that counted from wherever its kernel was.
    if order.state is not OrderState.FETCHED or order.path is None or not os.path.isabs(order.path):
        return False
    try:
        found = os.stat(order.path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(found.st_mode) or (
        order.size_bytes is not None and found.st_size != order.size_bytes
    )


GIVEN_UP = "It was given up before it was sent."
NOT_SENT = "Its kernel ended before it was sent."


def was_not_sent(order: Order) -> bool:
    """Whether nobody refused it: it ended because whoever ordered it did, before it was sent."""
    return order.state is OrderState.REFUSED and order.error in (GIVEN_UP, NOT_SENT)


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
