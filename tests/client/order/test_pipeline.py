"""What becomes of one remix when the package itself fails, or when it is given up before it was ordered."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.client import Journal, OrderState
from soundverse_nb.client.background import LOOP
from soundverse_nb.client.order.poll import record_outcome
from soundverse_nb.displays import Phase
from soundverse_nb.errors import Spent
from tests import strict_service as script
from tests.client.conftest import SONG, Notebook
from tests.strict_service import Reply, StrictService, stages, stream

MakeClient = Callable[..., sv.Client]

LET_GO = "references.References.release"
SECRET = "c0ffee-signature-of-a-private-song"
FAILED = stream(*stages()[:3], {"message_id": "@ID@", "status": "failed", "error": "no beat"})


def break_it(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Put a bug into a function of the client; its words hold what nobody may read."""

    def bug(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"{script.API_KEY} for https://songs.example.com/song.mp3?X-Signature={SECRET}")

    async def bug_when_awaited(*_: Any, **__: Any) -> Any:
        bug()

    is_plain = place in ("order.submit.decide", "order.pipeline.Remix")
    monkeypatch.setattr(f"soundverse_nb.client.{place}", bug if is_plain else bug_when_awaited)


CASE = ("state", "place", "reply", "spent", "is_kept")
ON_THE_WAY = {
    "not checked": (None, "references.References.check", script.remix(), Spent.NO, False),
    "not ordered": (None, "order.pipeline.plan", script.remix(), Spent.NO, False),
    "planned": (OrderState.PLANNED, "order.pipeline.place_order", script.remix(), Spent.NO, False),
    "sending": (OrderState.SENDING, "order.submit.decide", script.cut_after(0), Spent.MAYBE, False),
    "accepted": (OrderState.ACCEPTED, "order.pipeline.record_outcome", script.remix(), Spent.MAYBE, True),
    # Where the order has ended, well or badly, only tidying up is left to have a bug.
    "completed": (OrderState.COMPLETED, LET_GO, script.remix(), Spent.YES, True),
    "refused": (OrderState.REFUSED, LET_GO, script.refusal(script.NO_BALANCE, 402), Spent.NO, False),
    "failed": (OrderState.FAILED, LET_GO, FAILED, Spent.MAYBE, False),
    "unknown": (OrderState.UNKNOWN, LET_GO, script.cut_before_headers(), Spent.MAYBE, False),
}
"""How far an order came when a bug was met: for a remix and for a bare stream."""

AT_HOME = {
    "fetching": (OrderState.COMPLETED, "order.pipeline.fetch", script.remix(), Spent.YES, True),
    "fetched": (OrderState.FETCHED, "order.pipeline.Remix", script.remix(), Spent.YES, False),
}


@pytest.mark.parametrize(CASE, [*ON_THE_WAY.values(), *AT_HOME.values()], ids=[*ON_THE_WAY, *AT_HOME])
async def test_a_bug_says_what_was_paid_by_how_far_the_order_came(
    make_client: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    state: OrderState | None,
    place: str,
    reply: Reply,
    spent: Spent,
    is_kept: bool,
) -> None:
    async with StrictService([reply]) as service:
        seen = Notebook()
        client = make_client(service, progress=seen)
        with monkeypatch.context() as broken:
            break_it(broken, place)
            with pytest.raises(sv.SoundverseError, match="failed unexpectedly") as raised:
                await client.remix(SONG, prompt="jazz")
        error = raised.value
        assert error.spent is spent
        expected = [] if state is None else [(vars(error)["order_id"], state, None)]
        assert [(order.order_id, order.state, order.lease) for order in client.orders()] == expected
        assert ("client.recover()" in str(error)) is is_kept
        assert "RuntimeError" in str(error)
        assert seen.phases()[-1] is Phase.FAILED
        shown = f"{error}{error!r}{vars(error)}{seen.updates}{caplog.text}"
        assert SECRET not in shown
        assert service.api_key not in shown

        if is_kept:  # what the hint promises holds
            assert len(await client.recover()) == 1
        assert service.charged == len(service.posts) * reply.charges
        assert service.violations == []


@pytest.mark.parametrize(CASE, ON_THE_WAY.values(), ids=ON_THE_WAY)
async def test_a_bug_in_a_bare_stream_says_what_was_paid_too(
    make_client: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    state: OrderState | None,
    place: str,
    reply: Reply,
    spent: Spent,
    is_kept: bool,
) -> None:
    async with StrictService([reply]) as service:
        client = make_client(service)
        with monkeypatch.context() as broken:
            break_it(broken, place)
            with pytest.raises(sv.SoundverseError, match="failed unexpectedly") as raised:
                async for _ in client.stream((SONG, "jazz")):
                    pass
        error = raised.value
        assert error.spent is spent
        assert ("client.recover()" in str(error)) is is_kept
        expected = [] if state is None else [(vars(error)["order_id"], state, None)]
        assert [(order.order_id, order.state, order.lease) for order in client.orders()] == expected
        assert error.__cause__ is None
        assert error.__context__ is None
        shown = f"{error}{error!r}{vars(error)}{caplog.text}{''.join(traceback.format_exception(error))}"
        assert "RuntimeError" in shown
        assert SECRET not in shown
        assert service.api_key not in shown

        if is_kept:  # what the hint promises holds
            assert len(await client.recover()) == 1
        assert service.charged == len(service.posts) * reply.charges
        assert service.violations == []


async def test_an_error_of_ours_leaves_a_bare_stream_as_it_is(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = sv.DownloadError("The service does not say where its audio is.", hint="Ask again.")

    async def end_badly(*_: Any) -> str:
        try:
            raise RuntimeError(SECRET)
        except RuntimeError:
            raise ours from None

    monkeypatch.setattr("soundverse_nb.client.order.pipeline.record_outcome", end_badly)
    async with StrictService() as service:
        with pytest.raises(sv.DownloadError) as raised:
            async for _ in make_client(service).stream((SONG, "jazz")):
                pass
    assert raised.value is ours
    assert ours.__context__ is None


async def test_a_bug_in_one_of_many_loses_no_other(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end_twice(tracker: Any, event: Any) -> str:
        if tracker.order.prompt == "dub":
            raise RuntimeError("a bug")
        return await record_outcome(tracker, event)

    monkeypatch.setattr("soundverse_nb.client.order.pipeline.record_outcome", end_twice)
    async with StrictService() as service:
        results = await make_client(service).remix_all([(SONG, prompt) for prompt in ("jazz", "dub", "ska")])
    assert [type(result) for result in results] == [sv.Remix, sv.SoundverseError, sv.Remix]


def held(monkeypatch: pytest.MonkeyPatch, step: str) -> tuple[threading.Event, asyncio.Event]:
    """Let a step of the journal wait: the first event says that it was reached, the second lets it go on."""
    reached, go_on = threading.Event(), asyncio.Event()
    usual = getattr(Journal, step)

    async def wait_first(self: Journal, *given: Any, **facts: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await usual(self, *given, **facts)

    monkeypatch.setattr(Journal, step, wait_first)
    return reached, go_on


@pytest.mark.parametrize("clicks", [1, 2])
async def test_one_given_up_while_it_is_planned_is_refused_and_never_sent(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clicks: int
) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"ID3" + bytes(1000))
    uploaded: list[Path] = []
    planning, go_on = held(monkeypatch, "plan")
    noting, go_further = held(monkeypatch, "move")

    async def publish(path: Path) -> str:
        uploaded.append(path)
        return SONG

    async def taken_in() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async with StrictService() as service:
        seen = Notebook()
        client = make_client(service, host=publish, progress=seen)
        remix = asyncio.ensure_future(client.remix(song, prompt="jazz"))
        assert await asyncio.to_thread(planning.wait, 10)
        assert seen.cancel is not None
        for _ in range(clicks):
            seen.cancel(0)
            await LOOP.run(taken_in())
        LOOP.call_soon(go_on.set)
        assert await asyncio.to_thread(noting.wait, 10)
        for _ in range(clicks - 1):
            seen.cancel(0)
            await LOOP.run(taken_in())
        LOOP.call_soon(go_further.set)
        with pytest.raises(sv.SoundverseError, match="stopped") as stopped:
            await remix
        assert stopped.value.spent is Spent.NO
        (order,) = client.orders()
        assert order.state is OrderState.REFUSED
        assert order.error == "It was given up before it was sent."
        assert order.lease is None
        assert order.posts == 0
        assert seen.phases()[-1] is Phase.CANCELLED
        assert uploaded == []
        assert service.requests == []
