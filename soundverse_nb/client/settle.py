"""From the service's last word to a state in the journal: completed with an address, or a typed error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundverse_nb.api.body import excerpt
from soundverse_nb.client.follow import ask_for_url
from soundverse_nb.client.hearing import Hearing
from soundverse_nb.client.order import PICK_UP, OrderState
from soundverse_nb.errors import DownloadError, GenerationFailedError, UnknownOutcomeError
from soundverse_nb.urls import quoted

if TYPE_CHECKING:
    from soundverse_nb.api.event import RemixEvent


async def settle(hearing: Hearing, event: RemixEvent) -> str:
    """Note how the order ended; gives the audio's URL.

    Raises GenerationFailedError where the service says it failed; DownloadError where it is finished and the
    status endpoint, asked several times, has no audio_url either (the order stays accepted and can be picked
    up later).
    """
    if event.is_failure:
        raise await _failed(hearing, event)
    if not event.audio_url:
        found = await ask_for_url(hearing)
        if found is None:
            raise await _without_address(hearing)
        event = found
        if event.is_failure:
            raise await _failed(hearing, event)
    if hearing.order.state is OrderState.SENDING:
        # Finished in the same breath, without ever being named.
        await hearing.note(OrderState.ACCEPTED)
    art, name = latest(hearing, "album_art"), latest(hearing, "song_name")
    assert event.audio_url is not None
    # Quoted: half a letter, which JSON can hold and no file can, must not keep it from the journal.
    url = quoted(event.audio_url)
    await hearing.note(OrderState.COMPLETED, audio_url=url, album_art=art and quoted(art), song_name=name)
    return url


def latest(hearing: Hearing, field: str) -> str | None:
    """The last word on a field that only some chunks carry."""
    for timed in reversed(hearing.events):
        value = getattr(timed.event, field)
        if value:
            return str(value)
    kept = getattr(hearing.order, field)
    return str(kept) if kept else None


async def _failed(hearing: Hearing, event: RemixEvent) -> GenerationFailedError:
    said = excerpt(event.reason or "no reason was given", 300)
    error = GenerationFailedError(
        f"The service could not make this remix: {said.rstrip('.')}.",
        message_id=hearing.message_id,
        order_id=hearing.order.order_id,
    )
    await hearing.note(OrderState.FAILED, error=error.message)
    return error


async def _without_address(hearing: Hearing) -> DownloadError | UnknownOutcomeError:
    order_id, message_id = hearing.order.order_id, hearing.message_id
    if message_id is None:
        error = UnknownOutcomeError(
            f"Order {order_id} was reported finished, with neither a name nor an address of its audio.",
            order_id=order_id,
        )
        await hearing.note(OrderState.UNKNOWN, error=error.message)
        return error
    return DownloadError(
        f"The remix of order {order_id} is finished, but the service does not say where its audio is.",
        hint=PICK_UP,
        order_id=order_id,
        message_id=message_id,
    )
