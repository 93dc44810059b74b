"""Tracking one order: what its stream and the status endpoint say of it, noted in the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from soundverse_nb.api.body import excerpt
from soundverse_nb.api.secrets import hide_secrets, holds_key, logger, redact
from soundverse_nb.client.backend import Service
from soundverse_nb.client.journal.order import Order, OrderState
from soundverse_nb.client.order.owed import Line
from soundverse_nb.client.progress import ProgressSlot
from soundverse_nb.displays import Phase
from soundverse_nb.errors import SoundverseError
from soundverse_nb.remix.timeline import TimedEvent

if TYPE_CHECKING:
    from soundverse_nb.api.event import RemixEvent

log = logger("soundverse_nb.client")

MOST_EVENTS = 2000
"""Events kept of one stream. The document's has about a hundred; an endless one must not fill memory."""

LONGEST_ID = 1 << 18
"""Characters of a message_id: no server reads a request line of a quarter of a megabyte."""

_SAFE = {"song_name": hide_secrets, "error": redact}


class OrderTracker:
    """One order while it is watched: its latest state, its events, and when it was last heard of."""

    def __init__(
        self,
        service: Service,
        order: Order,
        slot: ProgressSlot,
        on_event: Callable[[RemixEvent], object] | None = None,
    ) -> None:
        self.service = service
        self.line = Line(service.journal, order)
        self.slot = slot
        self.identified = asyncio.Event()
        self._on_event = on_event
        self.begin()
        # One that is taken up was perhaps sent by the kernel that died.
        self.sent = order.state is not OrderState.PLANNED
        if order.message_id:
            self.identified.set()

    def begin(self) -> None:
        """Start watching, or start over: nothing is sent and nothing heard yet."""
        self.events: list[TimedEvent] = []
        self.started_at = self.service.clock.time()
        self.began = self.last_heard = self.service.clock.monotonic()
        self.sent = False
        self.taken = False  # the stream came past "validating"
        self.skipped = ""  # why the latest chunk that could not be read could not be
        self.complaint = ""  # the service's latest word on what went wrong
        self.idle: Callable[[], float] | None = None
        self._progress: float | None = None
        self._gist: tuple[object, ...] | None = None  # of the latest of the events

    @property
    def order(self) -> Order:
        """The order as it is known here; the journal may still lack its latest states."""
        return self.line.order

    @property
    def message_id(self) -> str | None:
        return self.order.message_id

    @property
    def seconds(self) -> float:
        """Since this order began to be watched."""
        return self.service.clock.monotonic() - self.began

    @property
    def quiet(self) -> float:
        """Seconds without a byte of the open stream; without an event where none is open.

        Keep-alive comments are bytes. But a stream that sends nothing else for minutes is asked about all
        the same: from then on its silence counts as one.
        """
        eventless = self.service.clock.monotonic() - self.last_heard
        if self.idle is None or eventless >= self.service.timeouts.eventless:
            return eventless
        return min(self.idle(), eventless)

    def mark_sent(self) -> None:
        """The POST's headers are on the wire."""
        self.sent = True

    def touch(self) -> None:
        """Something came in, whatever it was."""
        self.last_heard = self.service.clock.monotonic()

    async def hear(self, event: RemixEvent) -> bool:
        """Take in one event; tells whether it said anything new."""
        self.touch()
        if event.error:
            self.complaint = excerpt(event.error)
        gist = _gist(event)
        new = bool(gist != self._gist)
        if new and (len(self.events) < MOST_EVENTS or event.is_terminal):
            self._gist = gist
            self.events.append(TimedEvent(at=self.seconds, event=event))
        if event.message_id and self.order.message_id is None:
            await self.name(event.message_id, song_name=event.song_name, album_art=event.album_art)
        self._announce(event)
        if self._on_event is not None:
            self._on_event(event)
        return new

    async def name(self, message_id: str, **facts: Any) -> None:
        """The service has named the order: from here on it can be followed. The first name counts.

        It may look like anything, a secret too: only one that holds the key itself goes into no journal, and
        one so long that no server could be asked about it.
        """
        if not message_id.strip() or len(message_id) > LONGEST_ID or holds_key(message_id):
            log.warning("Order %s got a name that cannot be kept", self.order.order_id)
            return
        if self.message_id is None:
            await self.note(OrderState.ACCEPTED, message_id=message_id, **facts)
            self.identified.set()
            self.service.limiter.accepted()

    async def note(self, to: OrderState, **facts: Any) -> None:
        """Write the next state. Once something was sent, a journal that fails stops nothing: it is said, and
        what could not be written is owed (see line.py).
        """
        known: dict[str, Any] = {
            # What a server says is kept and shown; it must not be the key, even if the server says it.
            name: _SAFE[name](value) if name in _SAFE else value
            for name, value in facts.items()
            if value is not None
        }
        self.line.owe(to, known)
        try:
            await self.catch_up()
        except SoundverseError as error:
            if not self.sent and to is not OrderState.FETCHED:
                raise
            log.warning("Order %s is now %s, but: %s", self.order.order_id, to.value, error.message)
            self.slot.tell(Phase.STREAMING, message=f"The journal could not be written. {error.message}")

    async def catch_up(self) -> None:
        """Write every state that the journal has not got yet, in order. Nothing to do is the usual case."""
        await self.line.catch_up()

    async def announce_post(self) -> None:
        """Write down that the POST follows now."""
        await self.line.announce_post()

    def _announce(self, event: RemixEvent) -> None:
        if event.progress is not None:
            # A bar that runs backwards says nothing; the events keep what the service really said.
            self._progress = max(self._progress or 0.0, min(max(event.progress, 0.0), 100.0))
        if self.slot.is_watched and not event.is_terminal:
            self.slot.tell(
                Phase.STREAMING,
                stage=event.status or event.stage.value,
                progress=self._progress,
                song_name=event.song_name or self.order.song_name,
            )


def _gist(event: RemixEvent) -> Any:
    """What of an event is news: the chunk's number counts on a stream, and a status answer has none."""
    return _gist_of(event.__dict__)


_gist_of = itemgetter(
    "status", "progress", "chunk_index", "message_id", "stream_url", "audio_url", "error", "is_complete"
)
