"""Retry rules: what may be done after a failed POST, decided without I/O, so that no order is paid twice.

A POST that may have reached the service is repeated only if the service answered it with one of the two
refusals that are known to cost nothing: its rate limit, and its documented "try again in a moment".
"""

from __future__ import annotations

import math
import random
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from enum import Enum

from soundverse_nb.errors import (
    APIError,
    GenerationFailedError,
    RateLimitError,
    ServiceUnavailableError,
    Spent,
)

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0


class Next(str, Enum):
    """What comes after a failed attempt to order a remix."""

    RETRY = "retry"  # nothing was sent, or it was refused for the moment: send it again later
    REFUSED = "refused"  # answered with a no that will stay a no
    FOLLOW = "follow"  # the service has the order: ask its status, never send it again
    UNKNOWN = "unknown"  # it may have been accepted: never send it again without the user's word


def decide(
    *, sent: bool, error: BaseException | None = None, message_id: str | None = None, taken: bool = False
) -> Next:
    """What may be done next.

    Parameters
    ----------
    sent : whether the POST may have reached the wire (once its headers were written, it may have).
    error : the service's answer as `answers.classify` read it, or None for a connection that was lost. An
        answer whose `spent` is not Spent.NO does not prove that the order was refused.
    message_id : the order's id, if one was seen in a chunk.
    taken : whether the stream came past "validating". Then the order was let in and may be charged, so that
        whatever is said afterwards is no refusal of it, not even in the document's words.
    """
    if isinstance(error, GenerationFailedError):
        return Next.REFUSED
    if message_id is not None:
        return Next.FOLLOW
    if taken:
        return Next.UNKNOWN
    if isinstance(error, APIError):
        if error.spent is not Spent.NO:
            return Next.UNKNOWN
        passing = isinstance(error, (RateLimitError, ServiceUnavailableError))
        return Next.RETRY if passing else Next.REFUSED
    return Next.UNKNOWN if sent else Next.RETRY


def backoff(attempt: int, retry_after: float | None = None, rng: random.Random | None = None) -> float:
    """Seconds to wait after try number `attempt` (from 1): doubling, jittered, capped at a minute.

    Never less than the service asked for with Retry-After.
    """
    spread = (rng or random).random()
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(max(attempt, 1) - 1, 16))
    jittered = wait * (0.5 + 0.5 * spread)
    if retry_after is None:
        return jittered
    return max(retry_after, 0.0) + min(jittered, 1.0)


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """The wait a Retry-After header asks for, in seconds: a number or an HTTP date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = (moment - (now or datetime.now(timezone.utc))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
