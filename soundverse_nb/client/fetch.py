"""Fetching a paid remix: tried freely, never lost. What fails here can be fetched later, from any kernel."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from soundverse_nb.client.coalescing import eager
from soundverse_nb.client.follow import ask
from soundverse_nb.client.hearing import Hearing
from soundverse_nb.client.order import Order, OrderState
from soundverse_nb.client.service import Service
from soundverse_nb.displays import Phase
from soundverse_nb.errors import DownloadError, SoundverseError

if TYPE_CHECKING:
    from soundverse_nb.api.transport import Downloaded


async def fetch(hearing: Hearing, folder: Path, max_bytes: int | None) -> Path:
    """Bring the finished audio to `folder` and note it in the journal; gives its path.

    The transport tries an address several times; where it has run out, the service is asked for a fresh one.
    Raises DownloadError; the order stays completed, so `client.recover()` can fetch it.
    """
    try:
        got = await _download(hearing, folder, max_bytes)
    except DownloadError as error:
        if not await _renew(hearing):
            raise _kept(hearing, error) from None
        try:
            got = await _download(hearing, folder, max_bytes)
        except DownloadError as again:
            raise _kept(hearing, again) from None
    await hearing.note(OrderState.FETCHED, path=str(got.path), sha256=got.sha256, size_bytes=got.size_bytes)
    return Path(got.path)


async def fetch_art(service: Service, order: Order, folder: Path) -> Path | None:
    """The cover picture; a remix without one is still a remix."""
    if not order.album_art:
        return None
    target = folder / f"{file_stem(order.title, order.order_id)}-cover"
    try:
        got = await service.transport.download(order.album_art, target, expect="image")
    except SoundverseError:
        return None
    return Path(got.path)


async def _download(hearing: Hearing, folder: Path, max_bytes: int | None) -> Downloaded:
    url = hearing.order.audio_url
    assert url is not None
    hearing.seat.tell(Phase.FETCHING, song_name=hearing.order.song_name)
    target = folder / file_stem(hearing.order.title, hearing.order.order_id)

    def progress(done: int, total: int | None) -> None:
        percent = 100.0 * done / total if total else None
        hearing.seat.tell(Phase.FETCHING, progress=percent, song_name=hearing.order.song_name)

    async with hearing.service.downloads:
        with eager(asyncio.get_running_loop()):
            return await hearing.service.transport.download(
                url, target, max_bytes=max_bytes, progress=progress
            )


async def _renew(hearing: Hearing) -> bool:
    """A signed address runs out: ask whether there is a fresh one."""
    if hearing.message_id is None:
        return False
    try:
        event = await ask(hearing)
    except SoundverseError:
        return False
    if not event.audio_url or event.audio_url == hearing.order.audio_url:
        return False
    await hearing.note(OrderState.COMPLETED, audio_url=event.audio_url)
    return True


def file_stem(title: str, order_id: str) -> str:
    """A file name without its suffix: readable, harmless on every system, and unlike any other order's."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii").lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-")
    return f"{words or 'remix'}-{order_id}"


def _kept(hearing: Hearing, error: DownloadError) -> DownloadError:
    order = hearing.order
    return DownloadError(error.message, order_id=order.order_id, message_id=order.message_id)
