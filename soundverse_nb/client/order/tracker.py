"""The state of one order while it is followed: the events it has had, its message_id, its journal entry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from operator import itemgetter
from typing import Any

from soundverse_nb.api.body import excerpt
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.secrets import hide_secrets, holds_key, logger, redact
from soundverse_nb.client.journal.entry import JournalEntry
from soundverse_nb.client.journal.order import Order, OrderState
from soundverse_nb.client.progress import ProgressSlot
from soundverse_nb.client.session import Session
from soundverse_nb.displays import Phase
from soundverse_nb.errors import SoundverseError
from soundverse_nb.remix.remix import TimedEvent

log = logger("soundverse_nb.client")

MAX_EVENTS = 2000
"""Events kept of one stream. The document's has about a hundred; an endless one must not fill memory."""

MAX_ID_LENGTH = 1 << 18
"""Characters of a message_id: no server reads a request line of a quarter of a megabyte."""

_SAFE = {"song_name": hide_secrets, "error": redact}


class OrderTracker:
    """One order while it is followed: its latest state, its events, and when the last of them came.

    `entry` is its journal entry. `is_new`: this process has planned it, so nothing of it was fetched before.
    `sent`: the POST may be on the wire. `taken`: the stream came past "validating". `identified` is set once
    the service has named the order.
    """

    def __init__(
        self,
        session: Session,
        order: Order,
        slot: ProgressSlot,
        on_event: Callable[[RemixEvent], object] | None = None,
    ) -> None:
        self.session = session
        self.entry = JournalEntry(session.journal, order)
        self.slot = slot
        self.identified = asyncio.Event()
        self._on_event = on_event
        self.reset()
        self.is_new = order.state is OrderState.PLANNED
        # One that is taken up was perhaps sent by the kernel that died.
        self.sent = not self.is_new
        if order.message_id:
            self.identified.set()

    def reset(self) -> None:
        """Start following, or start over: nothing is sent and nothing received yet."""
        self.events: list[TimedEvent] = []
        self.started_at = self.session.clock.time()
        self.began = self.last_received_at = self.session.clock.monotonic()
        self.sent = False
        self.taken = False
        self.skipped = ""  # why the latest chunk that could not be read could not be
        self.last_error = ""  # the latest error text of the service
        self.idle_seconds: Callable[[], float] | None = None  # of the open stream
        self._progress: float | None = None
        self._stage: str | None = None
        self._content: tuple[object, ...] | None = None  # of the latest of the events

    @property
    def order(self) -> Order:
        """The order as it is known here; the journal may still lack its latest states."""
        return self.entry.order

    @property
    def message_id(self) -> str | None:
        return self.order.message_id

    @property
    def seconds(self) -> float:
        """Since this order began to be followed."""
        return self.session.clock.monotonic() - self.began

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """While the order is followed: it is shown to other kernels as ours, and given back at the end."""
        # The entry alone: with its events each order of a study of thousands would stay in memory to the end.
        entry = self.entry
        self.slot.reporter.record_order(self.slot.index, lambda: entry.order)
        async with self.session.watching(self.entry):
            yield

    @property
    def silent_seconds(self) -> float:
        """Seconds without a byte of the open stream; without an event where none is open.

        Keep-alive comments are bytes. But a stream that sends nothing else for minutes is asked about all
        the same: from then on its silence counts as one.
        """
        without_event = self.session.clock.monotonic() - self.last_received_at
        if self.idle_seconds is None or without_event >= self.session.timeouts.no_event:
            return without_event
        return min(self.idle_seconds(), without_event)

    def mark_sent(self) -> None:
        """The POST's headers are on the wire."""
        self.sent = True

    def mark_received(self) -> None:
        """A chunk came on the stream, whatever it was. A status answer does not end a stream's silence."""
        self.last_received_at = self.session.clock.monotonic()

    async def record(self, event: RemixEvent) -> bool:
        """Record one event, of the stream or of the status endpoint; returns whether it said anything new."""
        if event.error:
            self.last_error = excerpt(event.error)
        content = _content(event)
        new = bool(content != self._content)
        if new and (len(self.events) < MAX_EVENTS or event.is_terminal):
            self._content = content
            self.events.append(TimedEvent(at=self.seconds, event=event))
        if event.message_id and self.order.message_id is None:
            await self.set_message_id(event.message_id, song_name=event.song_name, album_art=event.album_art)
        self._report(event)
        if self._on_event is not None:
            self._on_event(event)
        return new

    async def set_message_id(self, message_id: str, **facts: Any) -> None:
        """The service has named the order: from here on it can be followed. The first name counts.

        It may look like anything, a secret too: only one that holds the key itself goes into no journal, and
        one so long that no server could be asked about it.
        """
        if not message_id.strip() or len(message_id) > MAX_ID_LENGTH or holds_key(message_id):
            log.warning("Order %s got a name that cannot be kept", self.order.order_id)
            return
        if self.message_id is None:
            await self.move_to(OrderState.ACCEPTED, message_id=message_id, **facts)
            self.identified.set()
            self.session.limiter.accepted()

    async def move_to(self, to: OrderState, **facts: Any) -> None:
        """Write the next state. Once something was sent, a journal that fails stops nothing: it is reported,
        and the state stays pending (see JournalEntry).
        """
        known: dict[str, Any] = {
            # What a server says is kept and shown; it must not be the key, even if the server says it.
            name: _SAFE[name](value) if name in _SAFE else value
            for name, value in facts.items()
            if value is not None
        }
        self.entry.add(to, known)
        try:
            await self.entry.write()
        except SoundverseError as error:
            if not self.sent and to is not OrderState.FETCHED:
                raise
            log.warning("Order %s is now %s, but: %s", self.order.order_id, to.value, error.message)
            self.slot.report(Phase.STREAMING, message=f"The journal could not be written. {error.message}")

    def report_following(self, message: str) -> None:
        """The status endpoint is asked. The stage it was last in stays on show: at 90 % it may stand long."""
        self.slot.report(
            Phase.FOLLOWING,
            stage=self._stage,
            progress=self._progress,
            song_name=self.order.song_name,
            message=message,
        )

    def _report(self, event: RemixEvent) -> None:
        if event.progress is not None:
            # A bar that runs backwards says nothing; the events keep what the service really said.
            self._progress = max(self._progress or 0.0, min(max(event.progress, 0.0), 100.0))
        if not event.is_terminal:
            self._stage = event.status or event.stage.value
        if self.slot.is_watched and not event.is_terminal:
            self.slot.report(
                Phase.STREAMING,
                stage=self._stage,
                progress=self._progress,
                song_name=event.song_name or self.order.song_name,
            )


def _content(event: RemixEvent) -> Any:
    """What makes an event a new one: the chunk's number counts on a stream, and a status answer has none."""
    return _content_of(event.__dict__)


_content_of = itemgetter(
    "status", "progress", "chunk_index", "message_id", "stream_url", "audio_url", "error", "is_complete"
)
