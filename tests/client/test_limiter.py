"""How many streams at once is found by trying: starts low, grows while saturated, is cut by a fifth."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from soundverse_nb.client.limiter import ConcurrencyLimiter
from soundverse_nb.errors import ConfigurationError


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


async def fill(limiter: ConcurrencyLimiter, stack: AsyncExitStack) -> None:
    while limiter.in_flight < limiter.limit:
        await stack.enter_async_context(limiter.place())


async def test_it_starts_low_and_doubles_while_every_place_is_taken(time: Time) -> None:
    limiter = ConcurrencyLimiter(500, clock=time)
    limits = [limiter.limit]
    async with AsyncExitStack() as stack:
        accepted = 0
        for _ in range(5):
            await fill(limiter, stack)
            # Each order is accepted once and keeps its place for minutes.
            for _ in range(limiter.in_flight - accepted):
                limiter.accepted()
                accepted += 1
                await fill(limiter, stack)
            limits.append(limiter.limit)
    assert limits[0] == 31
    assert limits[-1] == 500
    assert limits == sorted(limits)


async def test_it_does_not_grow_while_places_are_free(time: Time) -> None:
    limiter = ConcurrencyLimiter(8, clock=time)
    async with limiter.place():
        for _ in range(20):
            limiter.accepted()
    assert limiter.limit == 2


async def test_a_rate_limit_cuts_a_fifth_once_in_a_cool_down(time: Time) -> None:
    limiter = ConcurrencyLimiter(100, clock=time, cool_down=5)
    async with AsyncExitStack() as stack:
        while limiter.limit < 20:
            await fill(limiter, stack)
            limiter.accepted()
        await fill(limiter, stack)
        for _ in range(10):
            limiter.refused()
        assert limiter.limit == 16
        limiter.accepted()
        assert limiter.limit == 16, "nothing grows while it cools down"
        time.now += 6
        limiter.refused()
        assert limiter.limit == 12


async def test_after_a_cut_it_grows_by_one_a_round(time: Time) -> None:
    limiter = ConcurrencyLimiter(100, clock=time, cool_down=5)
    async with AsyncExitStack() as stack:
        while limiter.limit < 10:
            await fill(limiter, stack)
            limiter.accepted()
        await fill(limiter, stack)
        limiter.refused()
    time.now += 6
    assert limiter.limit == 8
    async with AsyncExitStack() as stack:
        await fill(limiter, stack)
        for _ in range(8):
            limiter.accepted()
        assert limiter.limit == 8
        limiter.accepted()
        assert limiter.limit == 9


async def test_it_never_falls_below_one_or_rises_above_its_bound(time: Time) -> None:
    limiter = ConcurrencyLimiter(3, clock=time, cool_down=1)
    async with AsyncExitStack() as stack:
        for _ in range(20):
            await fill(limiter, stack)
            limiter.accepted()
        assert limiter.limit == 3
    for _ in range(20):
        time.now += 2
        limiter.refused()
    assert limiter.limit == 1


async def test_a_cut_is_reckoned_from_what_was_open(time: Time) -> None:
    limiter = ConcurrencyLimiter(100, clock=time)
    async with AsyncExitStack() as stack:
        while limiter.limit < 50:
            await fill(limiter, stack)
            limiter.accepted()
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await stack.enter_async_context(limiter.place())
        limiter.refused()
    assert limiter.limit == 8


async def test_who_came_first_goes_first_also_after_a_refusal(time: Time) -> None:
    limiter = ConcurrencyLimiter(1, clock=time)
    went: list[int] = []

    async def go(rank: int) -> None:
        async with limiter.place(rank):
            went.append(rank)

    async with limiter.place(0):
        tasks = [asyncio.ensure_future(go(rank)) for rank in (5, 3, 9, 1)]
        await asyncio.sleep(0)
        assert limiter.waiting == 4
    await asyncio.gather(*tasks)
    assert went == [1, 3, 5, 9]


async def test_one_who_gives_up_hands_the_place_on(time: Time) -> None:
    limiter = ConcurrencyLimiter(1, clock=time)
    entered = asyncio.Event()

    async def go() -> None:
        async with limiter.place():
            entered.set()

    async with limiter.place():
        first, second = asyncio.ensure_future(go()), asyncio.ensure_future(go())
        await asyncio.sleep(0)
    # The first was given the place just now and is cancelled in the same moment.
    first.cancel()
    await second
    assert entered.is_set()
    assert limiter.in_flight == 0


async def test_its_history_can_be_told_and_plotted(time: Time) -> None:
    import matplotlib

    limiter = ConcurrencyLimiter(8, clock=time)
    async with AsyncExitStack() as stack:
        await fill(limiter, stack)
        time.now = 2.0
        limiter.accepted()
        time.now = 3.0
        limiter.refused()
    assert [(step.at, step.limit, step.reason) for step in limiter.history] == [
        (0.0, 2, "start"), (2.0, 4, "grown"), (3.0, 1, "cut"),
    ]  # fmt: skip
    matplotlib.use("Agg")
    axes = limiter.plot()
    assert axes.get_xlabel() == "time (s)"
    assert list(axes.lines[0].get_ydata())[:3] == [2, 4, 1]


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True, "8", None])
def test_a_bound_that_is_no_number_of_streams_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="number of streams"):
        ConcurrencyLimiter(wrong)  # type: ignore[arg-type]
