"""What an error knows goes with it: through a pickle, a copy, and up to whoever catches it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.api.answers import classify
from soundverse_nb.client import Timeouts
from soundverse_nb.errors import Spent, several_spent
from soundverse_nb.simulator import Fault, Simulator

REFUSED = b'{"success": false, "message": "Rate limits have been passed for the user."}'


@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_copy_knows_what_the_error_was_told_later(copied: Callable[[sv.APIError], sv.APIError]) -> None:
    error = classify(429, {"Retry-After": "7"}, REFUSED, message_id="remix-1")
    assert isinstance(error, sv.RateLimitError)
    again = copied(error)
    assert (again.status_code, again.retry_after, again.message_id) == (429, 7.0, "remix-1")
    assert (str(again), again.spent) == (str(error), error.spent)
    several_spent(error, Spent.YES)
    assert str(copied(error)) == str(error)
    assert "What was ordered has been paid for." in str(error)


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        (Fault("rate_limit", retry_after=0.25), sv.RateLimitError, 429),
        (Fault("no_balance"), sv.InsufficientBalanceError, 402),
        (Fault("key_rejected"), sv.AuthenticationError, 401),
        (Fault("unavailable", retry_after=0.25), sv.ServiceUnavailableError, 503),
        (Fault("html_error"), sv.UnreadableAnswerError, 500),
    ],
)
def test_whoever_catches_a_refusal_reads_its_status_and_wait(
    fault: Fault, kind: type[sv.SoundverseError], status: int, tmp_path: Path
) -> None:
    with (
        Simulator(speed=1000, render="short", faults=fault) as service,
        sv.Client(
            "any-key",
            service.base_url,
            directory=tmp_path,
            journal=tmp_path / "orders.sqlite3",
            progress=False,
            timeouts=Timeouts(max_attempts=1),
        ) as client,
    ):
        with pytest.raises(kind) as caught:
            client.remix_sync(sv.example_song(), prompt="jazz")
        (failed,) = client.remix_all_sync([(sv.example_song(), "waltz")])
    assert isinstance(failed, kind)
    for error in (caught.value, failed):
        assert error.status_code == status
        assert getattr(error, "retry_after", None) == fault.retry_after


@pytest.mark.parametrize(
    ("message", "hint", "said"),
    [
        ("It is over.", "Try again.", "It is over. Nothing was paid. Try again."),
        ("It is over. Nothing was paid.", "Try again.", "It is over. Nothing was paid. Try again."),
        ("It is over.", "Nothing was paid. Try again.", "It is over. Nothing was paid. Try again."),
        ("It is over. Nothing was paid.", "Nothing was paid. Go on.", "It is over. Nothing was paid. Go on."),
        ("It is over, so nothing was paid.", "", "It is over, so nothing was paid."),
    ],
)
def test_what_it_cost_is_said_once_whoever_says_it(message: str, hint: str, said: str) -> None:
    assert str(sv.ConfigurationError(message, hint=hint)) == said
    inner = sv.ConfigurationError(message, hint=hint)
    assert str(sv.TransportError(str(inner), hint="")).casefold().count("nothing was paid.") == 1
