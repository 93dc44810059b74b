"""The one place that sends: at most one POST that may have arrived, whatever happens around it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

import soundverse_nb as sv
from soundverse_nb.api.transport import Transport
from soundverse_nb.client import Order, OrderState, Timeouts
from soundverse_nb.client.order.poll import record_outcome
from soundverse_nb.client.order.submit import place_order
from soundverse_nb.displays import Phase
from soundverse_nb.render.labels import HOLD, update_label
from tests import strict_service as script
from tests.client.conftest import WATCHFUL, SkippingClock, StepClock
from tests.client.ordering import an_order, body, state_of
from tests.strict_service import StrictService, answer, completed, stages, stream


async def test_a_refusal_is_waited_out_visibly(tmp_path: Path, clock: SkippingClock) -> None:
    limit = script.refusal(script.RATE_LIMITED, 429, {"Retry-After": "7"})
    async with (
        StrictService([limit, limit]) as service,
        an_order(service, tmp_path, clock) as (tracker, seen),
    ):
        event = await place_order(tracker, body)
    assert event.is_terminal
    waits = [update for update in seen.updates if update.phase is Phase.RETRYING]
    assert len(waits) == 2
    assert all(update.retry_in and 7 <= update.retry_in <= 8.01 for update in waits)
    assert all(update.message and "ate limit" in update.message for update in waits)
    assert tracker.order.posts == 3
    assert "cut" in [step.reason for step in tracker.session.limiter.history]


async def test_pauses_grow_and_differ(tmp_path: Path, clock: SkippingClock) -> None:
    async with (
        StrictService([script.refusal(script.UNAVAILABLE, 503)] * 30) as service,
        an_order(service, tmp_path, clock) as (tracker, seen),
    ):
        with pytest.raises(sv.ServiceUnavailableError):
            await place_order(tracker, body)
        assert await state_of(tracker) is OrderState.REFUSED
    waits = [update.retry_in or 0.0 for update in seen.updates if update.phase is Phase.RETRYING]
    assert len(waits) == WATCHFUL.max_attempts - 1
    assert sorted(waits[:5]) == waits[:5]
    assert len(set(waits)) == len(waits)
    assert sum(waits) <= WATCHFUL.max_wait


async def test_a_service_that_is_not_there_costs_nothing_and_is_given_up_soon(
    tmp_path: Path, clock: SkippingClock
) -> None:
    async with StrictService() as service:
        base_url = service.base_url
    gone = Transport(base_url, SecretStr("key-123456"), clock=clock.monotonic, sleep=clock.sleep)
    async with an_order(gone, tmp_path, clock) as (tracker, _):
        with pytest.raises(sv.TransportError):
            await place_order(tracker, body)
        assert not tracker.sent
        assert await state_of(tracker) is OrderState.REFUSED
    assert sum(clock.waits) < 30


async def test_what_the_journal_missed_is_written_with_the_next_state(
    tmp_path: Path, clock: SkippingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with StrictService() as service, an_order(service, tmp_path, clock) as (tracker, _):
        move, failures = tracker.session.journal.move, [OrderState.ACCEPTED]

        async def fails_once(order: Order, to: OrderState, **facts: object) -> Order:
            if to in failures:
                failures.remove(to)
                raise sv.ConfigurationError("The journal is locked.")
            return await move(order, to, **facts)

        monkeypatch.setattr(tracker.session.journal, "move", fails_once)
        event = await place_order(tracker, body)
        assert not failures
        assert tracker.message_id == "remix-1"
        assert await state_of(tracker) is OrderState.SENDING
        await tracker.entry.write()
        assert await state_of(tracker) is OrderState.ACCEPTED
        failures.append(OrderState.COMPLETED)
        await record_outcome(tracker, event)
        assert await state_of(tracker) is OrderState.ACCEPTED
        await tracker.move_to(OrderState.FETCHED, path="/somewhere/remix.mp3", sha256="0", size_bytes=1)
        kept = await tracker.session.journal.get(tracker.order.order_id)
    assert kept.state is OrderState.FETCHED
    assert (kept.message_id, kept.path) == ("remix-1", "/somewhere/remix.mp3")
    assert kept.audio_url


async def test_a_hold_of_ten_minutes_is_normal(tmp_path: Path) -> None:
    """At 90 % and silent, the status is asked beside the stream, which goes on and wins."""
    clock = StepClock()
    at_90 = {"message_id": "@ID@", "isComplete": False, "status": "streaming", "progress": 90}
    going_on = [answer(at_90)] * 1000
    reply = stream(*stages()[:6], at_90, script.HOLD, completed())
    async with (
        StrictService([reply], status=going_on) as service,
        an_order(service, tmp_path, clock, Timeouts()) as (tracker, seen),
    ):
        placing = asyncio.ensure_future(place_order(tracker, body))
        await seen.until(lambda: any(update.progress == 90 for update in seen.updates))
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
    asked = [update for update in seen.updates if update.phase is Phase.FOLLOWING]
    assert {update_label(update) for update in asked} == {HOLD}, "no word of a stream that is lost"
    assert service.violations == []


async def test_a_silent_stream_loses_against_a_status_that_knows_the_end(tmp_path: Path) -> None:
    clock = StepClock()
    async with (
        StrictService([stream(*stages()[:6], script.HOLD)]) as service,
        an_order(service, tmp_path, clock, Timeouts()) as (tracker, seen),
    ):
        placing = asyncio.ensure_future(place_order(tracker, body))
        await seen.until(lambda: len(tracker.events) == 6)
        await clock.advance(59)
        assert service.asked == 0, "silence counts from a minute on"
        await clock.advance(2)
        event = await asyncio.wait_for(placing, 60)
        assert event.stage is sv.Stage.COMPLETED
        assert service.asked == 1
    assert len(service.posts) == 1


async def test_keep_alives_are_no_silence_but_do_not_hide_an_end_for_ever(tmp_path: Path) -> None:
    """A byte a second and no event: the status is not asked after a minute, but after five."""
    clock = StepClock()
    async with (
        StrictService([stream(*stages()[:6], script.HOLD)]) as service,
        an_order(service, tmp_path, clock, Timeouts()) as (tracker, seen),
    ):
        placing = asyncio.ensure_future(place_order(tracker, body))
        await seen.until(lambda: len(tracker.events) == 6)
        tracker.idle_seconds = lambda: 1.0
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
        an_order(service, tmp_path, clock, Timeouts()) as (tracker, seen),
    ):
        placing = asyncio.ensure_future(place_order(tracker, body))
        await seen.until(lambda: bool(tracker.events))
        await clock.advance(Timeouts().no_message_id + 1)
        with pytest.raises(sv.UnknownOutcomeError, match="named the order"):
            await asyncio.wait_for(placing, 60)
        assert await state_of(tracker) is OrderState.UNKNOWN
        service.release()


async def test_an_order_is_not_watched_for_ever(tmp_path: Path) -> None:
    clock = StepClock()
    at_50 = answer({"message_id": "@ID@", "status": "streaming", "progress": 50})
    async with (
        StrictService([stream(*stages()[:6], script.HOLD)], status=[at_50] * 5000) as service,
        an_order(service, tmp_path, clock, Timeouts(total=1200, max_poll_interval=200)) as (tracker, seen),
    ):
        placing = asyncio.ensure_future(place_order(tracker, body))
        await seen.until(lambda: len(tracker.events) == 6)
        passing = asyncio.ensure_future(clock.run())
        with pytest.raises(sv.UnknownOutcomeError, match="recover"):
            await asyncio.wait_for(placing, 60)
        passing.cancel()
        assert await state_of(tracker) is OrderState.ACCEPTED, "kept, to be picked up again"
        service.release()


@pytest.mark.parametrize(
    ("sent_before", "state"), [(2, OrderState.ACCEPTED), (1, OrderState.UNKNOWN)], ids=["named", "nameless"]
)
async def test_an_interrupt_keeps_what_was_sent(
    sent_before: int, state: OrderState, tmp_path: Path, clock: SkippingClock
) -> None:
    async with (
        StrictService([stream(*stages()[:sent_before], script.HOLD)]) as service,
        an_order(service, tmp_path, clock) as (tracker, seen),
    ):
        placing = asyncio.ensure_future(place_order(tracker, body))
        await seen.until(lambda: len(tracker.events) == sent_before)
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
        assert await state_of(tracker) is state
        service.release()


async def test_an_interrupt_before_sending_leaves_nothing_to_pay(
    tmp_path: Path, clock: SkippingClock
) -> None:
    async with StrictService() as service, an_order(service, tmp_path, clock) as (tracker, seen):
        limiter = tracker.session.limiter
        async with limiter.place(), limiter.place():
            placing = asyncio.ensure_future(place_order(tracker, body))
            await seen.until(lambda: Phase.WAITING in seen.phases())
            placing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await placing
        assert await state_of(tracker) is OrderState.REFUSED
        assert service.posts == []


async def test_an_interrupt_waits_a_moment_for_the_orders_name(tmp_path: Path, clock: SkippingClock) -> None:
    patient = Timeouts(silence=1e9, no_message_id=1e9, total=1e9, cancel_grace=20)
    async with (
        StrictService([stream(*stages()[:1], script.HOLD, *stages()[1:3], script.HOLD)]) as service,
        an_order(service, tmp_path, clock, patient) as (tracker, seen),
    ):
        placing = asyncio.ensure_future(place_order(tracker, body))
        await seen.until(lambda: bool(tracker.events))
        placing.cancel()
        await asyncio.sleep(0)
        service.release()
        with pytest.raises(asyncio.CancelledError):
            await placing
        assert await state_of(tracker) is OrderState.ACCEPTED


async def test_a_journal_that_cannot_be_written_stops_the_order_before_it_is_sent(
    tmp_path: Path, clock: SkippingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> Order:
        raise sv.ConfigurationError("The disk is full.")

    async with StrictService() as service, an_order(service, tmp_path, clock) as (tracker, _):
        monkeypatch.setattr(tracker.session.journal, "sending", full)
        with pytest.raises(sv.ConfigurationError, match="disk is full"):
            await place_order(tracker, body)
        assert service.posts == []


async def test_a_journal_that_fails_after_sending_loses_no_paid_remix(
    tmp_path: Path, clock: SkippingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> Order:
        raise sv.ConfigurationError("The disk is full.")

    async with StrictService() as service, an_order(service, tmp_path, clock) as (tracker, seen):
        monkeypatch.setattr(tracker.session.journal, "move", full)
        url = await record_outcome(tracker, await place_order(tracker, body))
    assert url
    assert any(update.message and "disk is full" in update.message for update in seen.updates)
