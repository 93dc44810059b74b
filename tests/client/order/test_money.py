"""Whatever goes wrong, and however often: no order is sent again once its first byte may have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import soundverse_nb as sv
from soundverse_nb.api.transport import StreamCut
from soundverse_nb.client import OrderState
from soundverse_nb.client.order.poll import record_outcome
from soundverse_nb.client.order.submit import place_order
from tests import strict_service as script
from tests.client.conftest import SkippingClock
from tests.client.ordering import an_order, body, state_of
from tests.strict_service import StrictService, answer, completed, stages, stream

HYPOTHESIS: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
# A POST may end in any of these ways; "wait" ones must be sent again, no other may.
ANSWERS = {
    "refused for now": (script.refusal(script.RATE_LIMITED, 429), False),
    "unavailable": (script.refusal(script.UNAVAILABLE, 503), False),
    "refused": (script.refusal(script.NO_BALANCE, 402), False),
    "html": (script.refusal(b"<html>oops</html>", 500), True),
    "nothing": (script.cut_before_headers(), True),
    "reset": (script.cut_before_headers("reset"), True),
    "headers only": (script.cut_after(0), True),
    "no id": (script.cut_after(1), True),
    "id": (script.cut_after(2, "reset"), True),
    "half": (script.cut_after(6), True),
    "failed": (stream(*stages()[:3], {"message_id": "@ID@", "status": "failed", "error": "x"}), True),
    "no url": (stream(*stages()[:5], completed(None)), True),
    "whole": (script.remix(), True),
    "garbage": (stream(b"data: {\n\n", *stages()[:2], end="reset"), True),
}
STATUSES = {
    "done": answer(completed()),
    "busy": answer({"message_id": "@ID@", "status": "streaming", "progress": 40}),
    "broken": answer(b"<html>", 502),
    "lost": answer({"detail": "Not Found"}, 404),
}


@settings(max_examples=40, **HYPOTHESIS)
@given(
    posts=st.lists(st.sampled_from(sorted(ANSWERS)), min_size=1, max_size=6),
    statuses=st.lists(st.sampled_from(sorted(STATUSES)), max_size=6),
)
def test_whatever_goes_wrong_no_order_is_sent_twice(
    posts: list[str], statuses: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def run() -> None:
        replies = [ANSWERS[name][0] for name in posts]
        async with (
            StrictService(replies, status=[STATUSES[name] for name in statuses]) as service,
            an_order(service, tmp_path_factory.mktemp("run"), SkippingClock()) as (tracker, _),
        ):
            with suppress(sv.SoundverseError):
                await record_outcome(tracker, await place_order(tracker, body))
            state = await state_of(tracker)
            assert state not in (OrderState.PLANNED, OrderState.SENDING)
            # Only answered refusals were sent again; the first POST that may have been paid for was the last.
            names = (posts + ["whole"] * 10)[: len(service.posts)]
            assert all(not ANSWERS[name][1] for name in names[:-1])
            assert "refused" not in names[:-1]
            assert service.charged <= 1
            assert service.violations == []
            if service.charged:
                assert state is not OrderState.REFUSED

    asyncio.run(run())


class _Events:
    def __init__(self, events: AsyncIterator[sv.RemixEvent]) -> None:
        self._events = events

    def __aiter__(self) -> AsyncIterator[sv.RemixEvent]:
        return self._events

    def idle_seconds(self) -> float:
        return 0.0


class Faulty:
    """A transport that fails as asked, and counts the POSTs whose first byte was sent."""

    def __init__(self, plan: list[tuple[bool, int, str]]) -> None:
        self._plan: Iterator[tuple[bool, int, str]] = iter(plan)
        self.sent = 0

    @asynccontextmanager
    async def open_remix(self, wire: Any, on_sent: Any) -> AsyncIterator[Any]:
        reached, events, end = next(self._plan, (True, len(stages()), "eof"))
        if reached:
            self.sent += 1
            on_sent()
        elif events == 0:
            raise sv.TransportError("refused")
        else:
            raise RuntimeError("a bug before anything was sent")
        yield _Events(self._events(events, end))

    async def _events(self, count: int, end: str) -> AsyncIterator[sv.RemixEvent]:
        for stage in stages()[:count]:
            await asyncio.sleep(0)
            yield sv.RemixEvent.parse(stage)
        if end == "cut":
            raise StreamCut("cut")
        if end == "bug":
            raise RuntimeError("a bug")

    async def status(self, message_id: str) -> sv.RemixEvent:
        return sv.RemixEvent.parse(completed())

    async def close(self) -> None: ...


@settings(max_examples=60, **HYPOTHESIS)
@given(
    plan=st.lists(
        st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from(["eof", "cut", "bug"])), max_size=6
    ),
    cancel_after=st.none() | st.integers(1, 40),
)
def test_at_most_one_post_after_the_first_byte_was_sent(
    plan: list[tuple[bool, int, str]], cancel_after: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def run() -> None:
        transport = Faulty(plan)
        clock = SkippingClock()
        async with an_order(transport, tmp_path_factory.mktemp("run"), clock) as (tracker, _):
            placing = asyncio.ensure_future(place_order(tracker, body))
            for _ in range(cancel_after if cancel_after is not None else 0):
                await asyncio.sleep(0)
            if cancel_after is not None:
                placing.cancel()
            with suppress(sv.SoundverseError, asyncio.CancelledError):
                await placing
            assert transport.sent <= 1
            state = await state_of(tracker)
            assert state not in (OrderState.PLANNED, OrderState.SENDING)
            if transport.sent:
                assert state is not OrderState.REFUSED

    asyncio.run(run())
