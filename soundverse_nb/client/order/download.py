"""Downloading a finished remix: fetched, checked by decoding it, and named on disk."""

from __future__ import annotations

import asyncio
import os
import re
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from soundverse_nb.api.secrets import logger, spells_key
from soundverse_nb.api.transport import Downloaded
from soundverse_nb.audio.truncation import ends_inside_a_frame, text_end
from soundverse_nb.cancellation import answer_of
from soundverse_nb.client.background import eager
from soundverse_nb.client.journal.order import Order, OrderState
from soundverse_nb.client.order.poll import ask
from soundverse_nb.client.order.tracker import OrderTracker
from soundverse_nb.client.session import Session
from soundverse_nb.displays import Phase
from soundverse_nb.errors import DownloadError, SoundverseError
from soundverse_nb.urls import quoted

if TYPE_CHECKING:
    from soundverse_nb.reference import PreflightReport

log = logger("soundverse_nb.client")

_UNCHECKED, _REJECTED = ".unchecked", ".rejected"


class RemixFiles:
    """The files of one order in the folder of remixes.

    Every method blocks a little, and raises DownloadError where the disk refuses.
    """

    def __init__(self, folder: Path, order: Order, stem: str, *, may_have_rejected: bool = True) -> None:
        self._folder = folder
        self._order = order
        self._stem = stem
        self._may_have_rejected = may_have_rejected

    @property
    def unchecked(self) -> Path:
        """Where a download goes: a name that nobody takes for the remix."""
        return self._folder / f"{self._stem}{_UNCHECKED}"

    def accept(self, got: Downloaded) -> Path:
        """Give the remix its name, and drop what was kept in its place.

        A file of that name that is not what was fetched once is somebody's work by now; it moves aside.
        """
        target = self._folder / f"{self._stem}.{got.kind}"
        try:
            if self._order.path is not None and target.exists() and target.stat().st_size != got.size_bytes:
                os.replace(target, _free(target.with_name(f"{self._stem}.changed{target.suffix}")))
            os.replace(got.path, target)
        except OSError as error:
            raise _disk(error, target) from None
        for old in self._rejected():
            old.unlink(missing_ok=True)
        return target

    def reject(self, got: Downloaded) -> Path:
        """Keep what does not play under a name of its own: it was paid for, and may be all there is."""
        kept = self._folder / f"{self._stem}.{got.sha256[:12]}.{got.kind}{_REJECTED}"
        try:
            if kept.exists():  # its age says for how long the storage has had nothing else
                got.path.unlink(missing_ok=True)
            else:
                os.replace(got.path, kept)
        except OSError as error:
            raise _disk(error, kept) from None
        return kept

    def rejected_seconds(self, sha256: str) -> float | None:
        """For how many seconds these bytes have been kept as rejected; None where they are new."""
        for old in self._rejected():
            if f".{sha256[:12]}." in old.name:
                return max(0.0, time.time() - old.stat().st_mtime)
        return None

    def _rejected(self) -> Iterator[Path]:
        if not self._may_have_rejected:
            return  # nobody has to read a folder of a thousand remixes
        # The title in front may have changed since; the order's own name has not.
        for entry in os.scandir(self._folder):
            if entry.name.endswith(_REJECTED) and f"{self._order.order_id}." in entry.name:
                yield Path(entry.path)


def _free(path: Path) -> Path:
    """The path, numbered where it is taken."""
    found, number = path, 1
    while found.exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def _disk(error: OSError, target: Path) -> DownloadError:
    return DownloadError(
        f"{target} cannot be written: {error.strerror or type(error).__name__}.",
        hint="Make room or choose another directory, then fetch it again with client.recover().",
    )


SETTLED_AFTER = 3600.0
"""Seconds after which a storage that lags behind has had its time: the same bytes then are what it has."""


class Playback(str, Enum):
    """How a file decodes."""

    WHOLE = "whole"
    FLAWED = "flawed"  # it plays to its end, but for some places
    CUT = "cut"  # it plays, and its end is missing
    NO_SOUND = "no sound"  # a page, a picture, a file without its index: nothing plays


@dataclass(frozen=True)
class DecodeCheck:
    """How a file decodes, and why, as the beginning of a sentence."""

    playback: Playback
    reason: str = ""


def is_acceptable(check: DecodeCheck, *, second_try: bool, rejected_seconds: float | None) -> bool:
    """Whether these bytes count as the remix.

    `second_try` says that they, or others no better, were fetched a moment ago too; `rejected_seconds` is for
    how many seconds these very bytes have been what comes, None where they are new. A paid remix with a flaw
    is worth having, once another try has shown that the flaw is not the network's; one that is cut only when
    nothing else comes for long; what holds no sound never.
    """
    if check.playback is Playback.WHOLE:
        return True
    if check.playback is Playback.FLAWED:
        return second_try
    cut = check.playback is Playback.CUT
    return cut and rejected_seconds is not None and rejected_seconds >= SETTLED_AFTER


async def check_elsewhere(path: str, proven: bool, executor: Executor | None) -> DecodeCheck | None:
    """Check a fetched file on the user's executor; None where there is none, or it cannot be used."""
    if executor is None:
        return None
    loop = asyncio.get_running_loop()
    try:
        return await answer_of(lambda: loop.run_in_executor(executor, check_file, path, proven))
    except Exception as error:
        # It is closed, its workers are gone or know no such file: the remix is paid for all the same.
        log.warning("The executor could not decode a remix (%s); a thread does.", type(error).__name__)
        return None


def check_file(path: str, proven: bool) -> DecodeCheck | None:
    """Decode a file to its end; None where it is not there, as on another machine.

    `proven` says that the whole of what the storage sent has arrived. Never raises: whatever a decoder does,
    the file stays.
    """
    # It loads NumPy and the decoders.
    from soundverse_nb.reference import Limits, check_playback

    if not os.path.exists(path):
        return None
    # What comes back may be of any size and length; only whether it plays is asked.
    anything = Limits(max_bytes=1 << 62, min_seconds=0.0, max_seconds=1e9)
    try:
        report = check_playback(path, anything)
        check = check_of(report)
        if check.playback is not Playback.NO_SOUND and _ends_in_text(path, report.audio.duration or 0.0):
            # A cut that a proxy filled up: it plays, and so do its letters.
            check = DecodeCheck(Playback.CUT, "A page of text stands in the place of its end")
        if check.playback is Playback.WHOLE and not proven and _ends_midway(path):
            check = DecodeCheck(Playback.CUT, "It stops in the middle of its data")
        return check
    except Exception as error:  # a decoder's own class: it says nothing certain of the file
        log.warning("A remix could not be checked", exc_info=error)
        return DecodeCheck(Playback.FLAWED, f"Decoding it failed with {type(error).__name__}")


_LAST_FRAME_SECONDS = 0.1
"""A song that lacks less, and no bytes, is whole: an encoder's frame is shorter."""


def check_of(report: PreflightReport) -> DecodeCheck:
    """How a result decodes, by preflight's report. Silence and odd samples are no fault of a file."""
    found = {problem.code: problem.message for problem in report.problems}
    if not report.audio.duration:
        return DecodeCheck(Playback.NO_SOUND, "No sound can be decoded from it")
    if not report.audio.missing_bytes and report.audio.missing_seconds < _LAST_FRAME_SECONDS:
        # Older decoders keep the last frame of an intact FLAC back where bytes stand behind it.
        found.pop("truncated", None)
    for code, playback in (("truncated", Playback.CUT), ("damaged", Playback.FLAWED)):
        if code in found:
            return DecodeCheck(playback, found[code].rstrip("."))
    return DecodeCheck(Playback.WHOLE)


def _ends_midway(path: str) -> bool:
    with open(path, "rb") as file:
        return ends_inside_a_frame(file, os.fstat(file.fileno()).st_size)


def _ends_in_text(path: str, seconds: float) -> bool:
    with open(path, "rb") as file:
        return text_end(file, os.fstat(file.fileno()).st_size, seconds) > 0


PAUSE = 2.0
"""Seconds before what did not play is fetched again from the same address: a storage may still be writing."""

PICTURE_SECONDS = 5.0
"""What a remix that is on disk waits for its picture at most."""


class _NotTheRemixError(DownloadError):
    """Something came, and it does not play."""


async def fetch(
    tracker: OrderTracker, folder: Path, max_bytes: int | None, executor: Executor | None = None
) -> Path:
    """Bring the finished audio to `folder` and note it in the journal; gives its path.

    It counts as fetched when it decodes, which is tried on `executor`. The transport tries an address several
    times; where it has run out, or what came does not play, the service is asked for a fresh one and it is
    fetched once more. Raises DownloadError; the order stays as it was, so `client.recover()` can fetch it,
    and what came is kept beside.
    """
    try:
        return await _fetch_once(tracker, folder, max_bytes, executor)
    except DownloadError as error:
        came = isinstance(error, _NotTheRemixError)
        renewed = await _renew(tracker)
        if not renewed and not came:
            raise _with_ids(tracker, error) from None
    if not renewed:
        await tracker.session.clock.sleep(PAUSE)
    try:
        return await _fetch_once(tracker, folder, max_bytes, executor, second_try=came)
    except DownloadError as again:
        raise _with_ids(tracker, again) from None


async def _fetch_once(
    tracker: OrderTracker,
    folder: Path,
    max_bytes: int | None,
    executor: Executor | None,
    *,
    second_try: bool = False,
) -> Path:
    order = tracker.order
    files = RemixFiles(
        folder,
        order,
        file_stem(order.title, order.order_id),
        may_have_rejected=second_try or not tracker.is_new,
    )
    got = await _download(tracker, files.unchecked, max_bytes)
    known = await check_elsewhere(str(got.path), got.proven, executor)
    check, path, accepted = await asyncio.get_running_loop().run_in_executor(
        tracker.session.decoders, _named, files, got, known, second_try
    )
    if not accepted:
        raise _NotTheRemixError(
            f"The audio of order {order.order_id} was fetched and does not play as it should: "
            f"{check.reason}. What came is kept as {path}."
        )
    if check.reason:
        log.warning("Order %s is kept as the service has it: %s", order.order_id, check.reason)
        tracker.slot.report(Phase.FETCHING, message=f"Kept as the service has it: {check.reason}.")
    await tracker.move_to(OrderState.FETCHED, path=str(path), sha256=got.sha256, size_bytes=got.size_bytes)
    return path


def _named(
    files: RemixFiles, got: Downloaded, known: DecodeCheck | None, second_try: bool
) -> tuple[DecodeCheck, Path, bool]:
    """Check what came, where nobody has yet, and give it its name; whether that is the remix's. Blocks.

    In one go, as each change of threads costs more than most of what is done here.
    """
    check = known or check_file(str(got.path), got.proven) or DecodeCheck(Playback.NO_SOUND, "It is gone")
    rejected_seconds = files.rejected_seconds(got.sha256) if check.playback is Playback.CUT else None
    if is_acceptable(check, second_try=second_try, rejected_seconds=rejected_seconds):
        return check, files.accept(got), True
    return check, files.reject(got), False


async def fetch_art(session: Session, order: Order, folder: Path) -> Path | None:
    """The cover picture; a remix without one is still a remix."""
    if not order.album_art:
        return None
    target = folder / f"{file_stem(order.title, order.order_id)}-cover"
    try:
        got = await session.transport.download(order.album_art, target, expect="image")
    except SoundverseError:
        return None
    except Exception as surprise:  # a bug here must not cost a paid remix either
        log.warning("The picture of order %s met a %s", order.order_id, type(surprise).__name__)
        return None
    return Path(got.path)


async def wait_for_art(art: asyncio.Future[Path | None]) -> Path | None:
    """The picture, if it is there by now or in a moment: a remix that is on disk does not wait for it."""
    await asyncio.wait({art}, timeout=PICTURE_SECONDS)
    over = art.done() and not art.cancelled() and art.exception() is None
    return art.result() if over else None


async def _download(tracker: OrderTracker, target: Path, max_bytes: int | None) -> Downloaded:
    url = tracker.order.audio_url
    if url is None:  # a row that another program wrote
        raise DownloadError("The journal does not say where the audio is.")
    tracker.slot.report(Phase.FETCHING, song_name=tracker.order.song_name)

    def progress(done: int, total: int | None) -> None:
        percent = 100.0 * done / total if total else None
        tracker.slot.report(Phase.FETCHING, progress=percent, song_name=tracker.order.song_name)

    async with tracker.session.downloads:
        with eager(asyncio.get_running_loop()):
            return await tracker.session.transport.download(
                url, target, max_bytes=max_bytes, progress=progress
            )


async def _renew(tracker: OrderTracker) -> bool:
    """A signed address runs out: ask whether there is a fresh one."""
    if tracker.message_id is None:
        return False
    try:
        event = await ask(tracker)
    except SoundverseError:
        return False
    fresh = quoted(event.audio_url) if event.audio_url else None
    if fresh is None or fresh == tracker.order.audio_url:
        return False
    await tracker.move_to(OrderState.COMPLETED, audio_url=fresh)
    return True


def file_stem(title: str, order_id: str) -> str:
    """A file name without its suffix: readable, harmless on every system, and unlike any other order's."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii").lower()
    # Without what stood between its letters, a title may become the key.
    plain = "" if spells_key(title) else plain
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-")
    return f"{words or 'remix'}-{order_id}"


def _with_ids(tracker: OrderTracker, error: DownloadError) -> DownloadError:
    order = tracker.order
    return DownloadError(error.message, hint=error.hint, order_id=order.order_id, message_id=order.message_id)
