"""Whether what was fetched is the remix: judged by decoding it, as a song is before it is sent.

A storage that hands out a page with a song's first bytes, or closes the connection half-way, looks like a
success to everything but an ear.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from soundverse_nb.api.secrets import logger

if TYPE_CHECKING:
    from soundverse_nb.reference import PreflightReport

log = logger("soundverse_nb.client")

SETTLED_AFTER = 3600.0
"""Seconds after which a storage that lags behind has had its time: the same bytes then are what it has."""


class Ear(str, Enum):
    """What decoding a file says of it."""

    WHOLE = "whole"
    FLAWED = "flawed"  # it plays to its end, but for some places
    CUT = "cut"  # it plays, and its end is missing
    NO_SOUND = "no sound"  # a page, a picture, a file without its index: nothing plays


@dataclass(frozen=True)
class Heard:
    """A verdict and its reason, which begins a sentence."""

    ear: Ear
    why: str = ""


def may_stay(heard: Heard, *, second_look: bool, same_for: float | None) -> bool:
    """Whether these bytes count as the remix.

    `second_look` says that they, or others no better, were fetched a moment ago too; `same_for` is for how
    many seconds these very bytes have been what comes, None where they are new. A paid remix with a flaw is
    worth having, once another try has shown that the flaw is not the network's; one that is cut only when
    nothing else comes for long; what holds no sound never.
    """
    if heard.ear is Ear.WHOLE:
        return True
    if heard.ear is Ear.FLAWED:
        return second_look
    return heard.ear is Ear.CUT and same_for is not None and same_for >= SETTLED_AFTER


async def listen_to(path: str, proven: bool, executor: Executor | None) -> Heard:
    """Hear a fetched file off the event loop, on the user's executor where that can be used."""
    loop = asyncio.get_running_loop()
    if executor is not None:
        try:
            heard = await loop.run_in_executor(executor, hear, path, proven)
            if heard is not None:
                return heard
        except Exception as error:
            # It is closed, its workers are gone or know no such file: the remix is paid for all the same.
            log.warning("The executor could not hear a remix (%s); a thread does.", type(error).__name__)
    return await loop.run_in_executor(None, hear, path, proven) or Heard(Ear.NO_SOUND, "It is gone")


def hear(path: str, proven: bool) -> Heard | None:
    """Decode a file to its end; None where it is not there, as on another machine.

    `proven` says that the whole of what the storage sent has arrived. Never raises: whatever a decoder does,
    the file stays.
    """
    from soundverse_nb.reference import Limits, preflight

    if not os.path.exists(path):
        return None
    # What comes back may be of any size and length; only whether it plays is asked.
    anything = Limits(max_bytes=1 << 62, min_seconds=0.0, max_seconds=1e9)
    try:
        report = preflight(path, anything)
        heard = judged(report)
        if heard.ear is Ear.WHOLE and not proven and _stops_midway(path):
            heard = Heard(Ear.CUT, "It stops in the middle of its data")
        return heard
    except Exception as error:  # a decoder's own class: it says nothing certain of the file
        log.warning("A remix could not be judged", exc_info=error)
        return Heard(Ear.FLAWED, f"Decoding it failed with {type(error).__name__}")


def judged(report: PreflightReport) -> Heard:
    """The verdict on a result from preflight's report. Silence and odd samples are no fault of a file."""
    found = {problem.code: problem.message for problem in report.problems}
    if not report.audio.duration:
        return Heard(Ear.NO_SOUND, "No sound can be decoded from it")
    for code, ear in (("truncated", Ear.CUT), ("damaged", Ear.FLAWED)):
        if code in found:
            return Heard(ear, found[code].rstrip("."))
    return Heard(Ear.WHOLE)


def _stops_midway(path: str) -> bool:
    from soundverse_nb.audio.promise import ends_inside_a_frame

    with open(path, "rb") as file:
        return ends_inside_a_frame(file, os.fstat(file.fileno()).st_size)
