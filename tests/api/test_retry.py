"""What may be done after a failure: a table, and bounds that hold for every draw of the jitter."""

from __future__ import annotations

import itertools
import random
from datetime import datetime, timezone

import pytest

from soundverse_nb.api.retry import LONGEST_WAIT, Next, backoff, decide, retry_after_seconds
from soundverse_nb.api.stream import StreamCut
from soundverse_nb.errors import (
    APIError,
    AuthenticationError,
    GenerationFailedError,
    InsufficientBalanceError,
    InvalidRequestError,
    RateLimitError,
    ReferenceAudioError,
    ServiceUnavailableError,
    Spent,
    TransportError,
)

TABLE = [
    # name, sent, error, message_id, next
    ("nothing_was_sent", False, TransportError("x"), None, Next.RETRY),
    ("nothing_was_sent_and_nothing_said", False, None, None, Next.RETRY),
    ("cut_before_the_answer", True, None, None, Next.UNKNOWN),
    ("cut_before_the_id", True, StreamCut("x"), None, Next.UNKNOWN),
    ("cut_after_the_id", True, StreamCut("x"), "m", Next.FOLLOW),
    ("ended_after_the_id", True, None, "m", Next.FOLLOW),
    ("rate_limit", True, RateLimitError("x"), None, Next.RETRY),
    ("documented_503", True, ServiceUnavailableError("x"), None, Next.RETRY),
    ("other_503", True, ServiceUnavailableError("x", spent=Spent.MAYBE), None, Next.UNKNOWN),
    ("500", True, APIError("x", spent=Spent.MAYBE), None, Next.UNKNOWN),
    ("bad_key", True, AuthenticationError("x"), None, Next.REFUSED),
    ("no_balance", True, InsufficientBalanceError("x"), None, Next.REFUSED),
    ("bad_request", True, InvalidRequestError("x"), None, Next.REFUSED),
    ("bad_reference", True, ReferenceAudioError("x"), None, Next.REFUSED),
    ("other_refusal", True, APIError("x"), None, Next.REFUSED),
    ("rate_limit_after_the_id", True, RateLimitError("x"), "m", Next.FOLLOW),
    ("503_after_the_id", True, ServiceUnavailableError("x"), "m", Next.FOLLOW),
    ("bad_key_after_the_id", True, AuthenticationError("x"), "m", Next.FOLLOW),
    ("failed", True, GenerationFailedError("x"), "m", Next.REFUSED),
    ("failed_without_an_id", True, GenerationFailedError("x"), None, Next.REFUSED),
    ("a_bug_after_sending", True, KeyError("x"), None, Next.UNKNOWN),
]


# Once a chunk past "validating" came: error, message_id, next.
TAKEN = [
    ("rate_limit", RateLimitError("x"), None, Next.UNKNOWN),
    ("documented_503", ServiceUnavailableError("x"), None, Next.UNKNOWN),
    ("no_balance", InsufficientBalanceError("x"), None, Next.UNKNOWN),
    ("bad_request", InvalidRequestError("x"), None, Next.UNKNOWN),
    ("bad_reference", ReferenceAudioError("x"), None, Next.UNKNOWN),
    ("bad_key", AuthenticationError("x"), None, Next.UNKNOWN),
    ("cut", StreamCut("x"), None, Next.UNKNOWN),
    ("ended", None, None, Next.UNKNOWN),
    ("unreached", TransportError("x"), None, Next.UNKNOWN),
    ("rate_limit_of_a_named_order", RateLimitError("x"), "m", Next.FOLLOW),
    ("503_of_a_named_order", ServiceUnavailableError("x"), "m", Next.FOLLOW),
    ("cut_of_a_named_order", StreamCut("x"), "m", Next.FOLLOW),
    ("failed", GenerationFailedError("x"), None, Next.REFUSED),
]


@pytest.mark.parametrize(("name", "error", "message_id", "then"), TAKEN, ids=[row[0] for row in TAKEN])
@pytest.mark.parametrize("sent", [True, False])
def test_nothing_is_a_refusal_once_the_order_was_let_in(
    name: str, error: Exception | None, message_id: str | None, then: Next, sent: bool
) -> None:
    assert decide(sent=sent, error=error, message_id=message_id, taken=True) is then


@pytest.mark.parametrize(
    ("name", "sent", "error", "message_id", "then"), TABLE, ids=[row[0] for row in TABLE]
)
def test_what_comes_next(
    name: str, sent: bool, error: Exception | None, message_id: str | None, then: Next
) -> None:
    assert decide(sent=sent, error=error, message_id=message_id) is then


def test_an_order_is_sent_again_only_where_that_is_proven_to_be_free() -> None:
    errors = [
        kind("x", spent=spent)
        for kind, spent in itertools.product(
            (
                APIError,
                RateLimitError,
                ServiceUnavailableError,
                GenerationFailedError,
                TransportError,
                StreamCut,
            ),
            Spent,
        )
    ]
    for sent, error, message_id in itertools.product((True, False), [None, *errors], (None, "m")):
        if decide(sent=sent, error=error, message_id=message_id) is Next.RETRY:
            assert message_id is None
            refused = isinstance(error, (RateLimitError, ServiceUnavailableError)) and error.spent is Spent.NO
            assert refused or not sent


@pytest.mark.parametrize("seed", range(20))
def test_waits_grow_vary_and_stay_bounded(seed: int) -> None:
    rng = random.Random(seed)
    for attempt in range(1, 40):
        longest = min(LONGEST_WAIT, 2.0 ** (attempt - 1))
        assert longest / 2 <= backoff(attempt, rng=rng) <= longest


@pytest.mark.parametrize("asked", [0.0, 0.5, 7.0, 300.0])
def test_a_wait_is_never_shorter_than_the_service_asked_for(asked: float) -> None:
    for attempt in (1, 3, 10_000):
        assert asked <= backoff(attempt, asked) <= asked + 1.0


def test_waits_of_two_clients_differ() -> None:
    assert backoff(5, rng=random.Random(1)) != backoff(5, rng=random.Random(2))
    assert backoff(5, 10.0, random.Random(1)) >= 10.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120.0),
        ("1.5", 1.5),
        ("-1", 0.0),
        ("inf", None),
        ("nan", None),
        ("1e999", None),
        ("Mon, 05 Jan 2026 12:00:30 GMT", 30.0),
        ("Mon, 05 Jan 2026 12:00:30 -0000", 30.0),
        ("Mon, 05 Jan 2026 13:00:30 +0100", 30.0),
        ("Mon, 05 Jan 2026 11:00:00 GMT", 0.0),
        ("Monday, 05-Jan-26 12:00:30 GMT", 30.0),
        ("Mon, 99 Jan 2026 12:00:30 GMT", None),
        ("tomorrow", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, datetime(2026, 1, 5, 12, 0, tzinfo=timezone.utc)) == seconds
