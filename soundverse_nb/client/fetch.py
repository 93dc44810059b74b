"""Fetching a paid remix: tried freely, never lost. What fails here can be fetched later, from any kernel."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

from soundverse_nb.api.secrets import logger
from soundverse_nb.client.coalescing import eager
from soundverse_nb.client.follow import ask
from soundverse_nb.client.hearing import Hearing
from soundverse_nb.client.order import Order, OrderState
from soundverse_nb.client.service import Service
from soundverse_nb.client.shelf import Shelf
from soundverse_nb.client.soundness import listen_to, may_stay
from soundverse_nb.displays import Phase
from soundverse_nb.errors import DownloadError, SoundverseError
from soundverse_nb.urls import quoted

if TYPE_CHECKING:
    from soundverse_nb.api.transport import Downloaded

log = logger("soundverse_nb.client")

PAUSE = 2.0
"""Seconds before what did not play is fetched again from the same address: a storage may still be writing."""

PICTURE_SECONDS = 5.0
"""What a remix that is on disk waits for its picture at most."""


class _NotTheRemixError(DownloadError):
    """Something came, and it does not play."""


async def fetch(
    hearing: Hearing, folder: Path, max_bytes: int | None, executor: Executor | None = None
) -> Path:
    """Bring the finished audio to `folder` and note it in the journal; gives its path.

    It counts as fetched when it decodes, which is tried on `executor`. The transport tries an address several
    times; where it has run out, or what came does not play, the service is asked for a fresh one and it is
    fetched once more. Raises DownloadError; the order stays as it was, so `client.recover()` can fetch it,
    and what came is kept beside.
    """
    try:
        return await _bring(hearing, folder, max_bytes, executor)
    except DownloadError as error:
        came = isinstance(error, _NotTheRemixError)
        renewed = await _renew(hearing)
        if not renewed and not came:
            raise _kept(hearing, error) from None
    if not renewed:
        await hearing.service.clock.sleep(PAUSE)
    try:
        return await _bring(hearing, folder, max_bytes, executor, second_look=came)
    except DownloadError as again:
        raise _kept(hearing, again) from None


async def _bring(
    hearing: Hearing,
    folder: Path,
    max_bytes: int | None,
    executor: Executor | None,
    *,
    second_look: bool = False,
) -> Path:
    order = hearing.order
    shelf = Shelf(folder, order, file_stem(order.title, order.order_id))
    got = await _download(hearing, shelf.unheard, max_bytes)
    heard = await listen_to(str(got.path), got.proven, executor)
    same_for = await asyncio.to_thread(shelf.same_for, got.sha256)
    if not may_stay(heard, second_look=second_look, same_for=same_for):
        kept = await asyncio.to_thread(shelf.set_aside, got)
        raise _NotTheRemixError(
            f"The audio of order {order.order_id} was fetched and does not play as it should: {heard.why}. "
            f"What came is kept as {kept}."
        )
    if heard.why:
        log.warning("Order %s is kept as the service has it: %s", order.order_id, heard.why)
        hearing.seat.tell(Phase.FETCHING, message=f"Kept as the service has it: {heard.why}.")
    path = await asyncio.to_thread(shelf.take_home, got)
    await hearing.note(OrderState.FETCHED, path=str(path), sha256=got.sha256, size_bytes=got.size_bytes)
    return path


async def fetch_art(service: Service, order: Order, folder: Path) -> Path | None:
    """The cover picture; a remix without one is still a remix."""
    if not order.album_art:
        return None
    target = folder / f"{file_stem(order.title, order.order_id)}-cover"
    try:
        got = await service.transport.download(order.album_art, target, expect="image")
    except SoundverseError:
        return None
    except Exception as surprise:  # a bug here must not cost a paid remix either
        log.warning("The picture of order %s met a %s", order.order_id, type(surprise).__name__)
        return None
    return Path(got.path)


async def drawn(drawing: asyncio.Future[Path | None]) -> Path | None:
    """The picture, if it is there by now or in a moment: a remix that is on disk does not wait for it."""
    await asyncio.wait({drawing}, timeout=PICTURE_SECONDS)
    over = drawing.done() and not drawing.cancelled() and drawing.exception() is None
    return drawing.result() if over else None


async def _download(hearing: Hearing, target: Path, max_bytes: int | None) -> Downloaded:
    url = hearing.order.audio_url
    if url is None:  # a row that another program wrote
        raise DownloadError("The journal does not say where the audio is.")
    hearing.seat.tell(Phase.FETCHING, song_name=hearing.order.song_name)

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
    fresh = quoted(event.audio_url) if event.audio_url else None
    if fresh is None or fresh == hearing.order.audio_url:
        return False
    await hearing.note(OrderState.COMPLETED, audio_url=fresh)
    return True


def file_stem(title: str, order_id: str) -> str:
    """A file name without its suffix: readable, harmless on every system, and unlike any other order's."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii").lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-")
    return f"{words or 'remix'}-{order_id}"


def _kept(hearing: Hearing, error: DownloadError) -> DownloadError:
    order = hearing.order
    return DownloadError(error.message, hint=error.hint, order_id=order.order_id, message_id=order.message_id)
