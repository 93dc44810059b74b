"""The one place that sends: at most one POST that may have arrived, whatever happens around it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

import soundverse_nb as sv
from soundverse_nb.api.transport import StreamCut, Transport
from soundverse_nb.client import ConcurrencyLimiter, Journal, Order, OrderState, Patience
from soundverse_nb.client.hearing import Hearing
from soundverse_nb.client.order import new_order_id
from soundverse_nb.client.sender import place_order
from soundverse_nb.client.service import Service
from soundverse_nb.client.settle import settle
from soundverse_nb.client.watching import Audience
from soundverse_nb.displays import Phase
from tests import strict_service as script
from tests.client.conftest import SONG, WATCHFUL, Notebook, SkippingClock, StepClock, violations
from tests.strict_service import StrictService, answer, completed, stages, stream

HYPOTHESIS: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture],
}
WIRE = {"song_reference_url": SONG, "prompt": "jazz"}


async def body() -> dict[str, Any]:
    return WIRE


@asynccontextmanager
async def an_order(
    service: StrictService | Any, path: Path, clock: Any, patience: Patience = WATCHFUL
) -> AsyncIterator[tuple[Hearing, Notebook]]:
    """A planned order at a service, on the test's own loop."""
    if isinstance(service, StrictService):
        transport: Any = Transport(
            service.base_url, SecretStr(service.api_key), clock=clock.monotonic, sleep=clock.sleep
        )
    else:
        transport = service
    journal = Journal(path / "orders.sqlite3")
    watcher = Notebook()
    belongings = Service(
        "http://service", transport, journal, ConcurrencyLimiter(8, clock=clock.monotonic),
        patience=patience, clock=clock, rng=random.Random(7),
    )  # fmt: skip
    order = await journal.plan(Order(new_order_id(), "http://service", request=WIRE))
    try:
        yield Hearing(belongings, order, Audience(watcher).seat(0)), watcher
    finally:
        await transport.close()
        journal.close()


async def state_of(hearing: Hearing) -> OrderState:
    return (await hearing.service.journal.get(hearing.order.order_id)).state


async def test_a_refusal_is_waited_out_visibly(tmp_path: Path, clock: SkippingClock) -> None:
    limit = script.refusal(script.RATE_LIMITED, 429, {"Retry-After": "7"})
    async with (
        StrictService([limit, limit]) as service,
        an_order(service, tmp_path, clock) as (hearing, seen),
    ):
        event = await place_order(hearing, body)
    assert event.is_terminal
    waits = [news for news in seen.heard if news.phase is Phase.RETRYING]
    assert len(waits) == 2
    assert all(news.retry_in and 7 <= news.retry_in <= 8.01 for news in waits)
    assert all(news.message and "ate limit" in news.message for news in waits)
    assert hearing.order.posts == 3
    assert "cut" in [step.reason for step in hearing.service.limiter.history]


async def test_pauses_grow_and_differ(tmp_path: Path, clock: SkippingClock) -> None:
    async with (
        StrictService([script.refusal(script.UNAVAILABLE, 503)] * 30) as service,
        an_order(service, tmp_path, clock) as (hearing, seen),
    ):
        with pytest.raises(sv.ServiceUnavailableError):
            await place_order(hearing, body)
        assert await state_of(hearing) is OrderState.REFUSED
    waits = [news.retry_in or 0.0 for news in seen.heard if news.phase is Phase.RETRYING]
    assert len(waits) == WATCHFUL.resend_attempts - 1
    assert sorted(waits[:5]) == waits[:5]
    assert len(set(waits)) == len(waits)
    assert sum(waits) <= WATCHFUL.resend_seconds


async def test_a_service_that_is_not_there_costs_nothing_and_is_given_up_soon(
    tmp_path: Path, clock: SkippingClock
) -> None:
    async with StrictService() as service:
        base_url = service.base_url
    gone = Transport(base_url, SecretStr("key-123456"), clock=clock.monotonic, sleep=clock.sleep)
    async with an_order(gone, tmp_path, clock) as (hearing, _):
        with pytest.raises(sv.TransportError):
            await place_order(hearing, body)
        assert not hearing.sent
        assert await state_of(hearing) is OrderState.REFUSED
    assert sum(clock.waits) < 30


async def test_a_hold_of_ten_minutes_is_normal(tmp_path: Path) -> None:
    """At 90 % and silent, the status is asked beside the stream, which goes on and wins."""
    clock = StepClock()
    at_90 = {"message_id": "@ID@", "isComplete": False, "status": "streaming", "progress": 90}
    going_on = [answer(at_90)] * 1000
    reply = stream(*stages()[:6], at_90, script.HOLD, completed())
    async with (
        StrictService([reply], status=going_on) as service,
        an_order(service, tmp_path, clock, Patience()) as (hearing, seen),
    ):
        placing = asyncio.ensure_future(place_order(hearing, body))
        await seen.until(lambda: any(news.progress == 90 for news in seen.heard))
        assert service.asked == 0
        began = clock.now
        while clock.now < began + 600:
            await clock.skip()
        assert not placing.done()
        assert service.asked > 5
        service.release()
        event = await placing
    assert event.audio_url is not None
    assert len(service.posts) == 1
    assert Phase.FOLLOWING in seen.phases()
    assert violations(service) == []


async def test_a_silent_stream_loses_against_a_status_that_knows_the_end(tmp_path: Path) -> None:
    clock = StepClock()
    async with (
        StrictService([stream(*stages()[:6], script.HOLD)]) as service,
        an_order(service, tmp_path, clock, Patience()) as (hearing, seen),
    ):
        placing = asyncio.ensure_future(place_order(hearing, body))
        await seen.until(lambda: len(hearing.events) == 6)
        await clock.advance(59)
        assert service.asked == 0, "silence counts from a minute on"
        await clock.advance(2)
        event = await asyncio.wait_for(placing, 10)
        assert event.stage is sv.Stage.COMPLETED
        assert service.asked == 1
    assert len(service.posts) == 1


async def test_keep_alives_are_no_silence_but_do_not_hide_an_end_for_ever(tmp_path: Path) -> None:
    """A byte a second and no event: the status is not asked after a minute, but after five."""
    clock = StepClock()
    async with (
        StrictService([stream(*stages()[:6], script.HOLD)]) as service,
        an_order(service, tmp_path, clock, Patience()) as (hearing, seen),
    ):
        placing = asyncio.ensure_future(place_order(hearing, body))
        await seen.until(lambda: len(hearing.events) == 6)
        hearing.idle = lambda: 1.0
        await clock.advance(290)
        assert service.asked == 0
        while not placing.done():
            await clock.advance(60)
            await asyncio.wait({placing}, timeout=0.01)
        assert (await placing).stage is sv.Stage.COMPLETED
        service.release()


async def test_a_stream_that_never_names_the_order_is_given_up(tmp_path: Path) -> None:
    clock = StepClock()
    async with (
        StrictService([stream(*stages()[:1], script.HOLD)]) as service,
        an_order(service, tmp_path, clock, Patience()) as (hearing, seen),
    ):
        placing = asyncio.ensure_future(place_order(hearing, body))
        await seen.until(lambda: bool(hearing.events))
        await clock.advance(Patience().without_id + 1)
        with pytest.raises(sv.UnknownOutcomeError, match="named the order"):
            await asyncio.wait_for(placing, 10)
        assert await state_of(hearing) is OrderState.UNKNOWN
        service.release()


async def test_an_order_is_not_watched_for_ever(tmp_path: Path) -> None:
    clock = StepClock()
    at_50 = answer({"message_id": "@ID@", "status": "streaming", "progress": 50})
    async with (
        StrictService([stream(*stages()[:6], script.HOLD)], status=[at_50] * 5000) as service,
        an_order(service, tmp_path, clock, Patience(in_all=1200, longest_poll=200)) as (hearing, seen),
    ):
        placing = asyncio.ensure_future(place_order(hearing, body))
        await seen.until(lambda: len(hearing.events) == 6)
        passing = asyncio.ensure_future(clock.run())
        with pytest.raises(sv.UnknownOutcomeError, match="recover"):
            await asyncio.wait_for(placing, 10)
        passing.cancel()
        assert await state_of(hearing) is OrderState.ACCEPTED, "kept, to be picked up again"
        service.release()


@pytest.mark.parametrize(
    ("sent_before", "state"), [(2, OrderState.ACCEPTED), (1, OrderState.UNKNOWN)], ids=["named", "nameless"]
)
async def test_an_interrupt_keeps_what_was_sent(
    sent_before: int, state: OrderState, tmp_path: Path, clock: SkippingClock
) -> None:
    async with (
        StrictService([stream(*stages()[:sent_before], script.HOLD)]) as service,
        an_order(service, tmp_path, clock) as (hearing, seen),
    ):
        placing = asyncio.ensure_future(place_order(hearing, body))
        await seen.until(lambda: len(hearing.events) == sent_before)
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
        assert await state_of(hearing) is state
        service.release()


async def test_an_interrupt_before_sending_leaves_nothing_to_pay(
    tmp_path: Path, clock: SkippingClock
) -> None:
    async with StrictService() as service, an_order(service, tmp_path, clock) as (hearing, seen):
        limiter = hearing.service.limiter
        async with limiter.place(), limiter.place():
            placing = asyncio.ensure_future(place_order(hearing, body))
            await seen.until(lambda: Phase.WAITING in seen.phases())
            placing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await placing
        assert await state_of(hearing) is OrderState.REFUSED
        assert service.posts == []


async def test_an_interrupt_waits_a_moment_for_the_orders_name(tmp_path: Path, clock: SkippingClock) -> None:
    patient = Patience(silence=1e9, without_id=1e9, in_all=1e9, grace=20)
    async with (
        StrictService([stream(*stages()[:1], script.HOLD, *stages()[1:3], script.HOLD)]) as service,
        an_order(service, tmp_path, clock, patient) as (hearing, seen),
    ):
        placing = asyncio.ensure_future(place_order(hearing, body))
        await seen.until(lambda: bool(hearing.events))
        placing.cancel()
        await asyncio.sleep(0)
        service.release()
        with pytest.raises(asyncio.CancelledError):
            await placing
        assert await state_of(hearing) is OrderState.ACCEPTED


async def test_a_journal_that_cannot_be_written_stops_the_order_before_it_is_sent(
    tmp_path: Path, clock: SkippingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> Order:
        raise sv.ConfigurationError("The disk is full.")

    async with StrictService() as service, an_order(service, tmp_path, clock) as (hearing, _):
        monkeypatch.setattr(hearing.service.journal, "sending", full)
        with pytest.raises(sv.ConfigurationError, match="disk is full"):
            await place_order(hearing, body)
        assert service.posts == []


async def test_a_journal_that_fails_after_sending_loses_no_paid_remix(
    tmp_path: Path, clock: SkippingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> Order:
        raise sv.ConfigurationError("The disk is full.")

    async with StrictService() as service, an_order(service, tmp_path, clock) as (hearing, seen):
        monkeypatch.setattr(hearing.service.journal, "move", full)
        url = await settle(hearing, await place_order(hearing, body))
    assert url
    assert any(news.message and "disk is full" in news.message for news in seen.heard)


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
            an_order(service, tmp_path_factory.mktemp("run"), SkippingClock()) as (hearing, _),
        ):
            with suppress(sv.SoundverseError):
                await settle(hearing, await place_order(hearing, body))
            state = await state_of(hearing)
            assert state not in (OrderState.PLANNED, OrderState.SENDING)
            # Only answered refusals were sent again; the first POST that may have been paid for was the last.
            names = (posts + ["whole"] * 10)[: len(service.posts)]
            assert all(not ANSWERS[name][1] for name in names[:-1])
            assert "refused" not in names[:-1]
            assert service.charged <= 1
            assert violations(service) == []
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
    """A transport that fails as told, and counts the POSTs whose first byte was sent."""

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
        async with an_order(transport, tmp_path_factory.mktemp("run"), clock) as (hearing, _):
            placing = asyncio.ensure_future(place_order(hearing, body))
            for _ in range(cancel_after if cancel_after is not None else 0):
                await asyncio.sleep(0)
            if cancel_after is not None:
                placing.cancel()
            with suppress(sv.SoundverseError, asyncio.CancelledError):
                await placing
            assert transport.sent <= 1
            state = await state_of(hearing)
            assert state not in (OrderState.PLANNED, OrderState.SENDING)
            if transport.sent:
                assert state is not OrderState.REFUSED

    asyncio.run(run())
