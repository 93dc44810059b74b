"""Hundreds of sockets are looked at together; a few are looked at at once, and so is a download."""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
from collections.abc import Iterator

import pytest

from soundverse_nb.client import background as coalescing
from soundverse_nb.client.background import (
    COALESCE_FROM,
    COALESCE_SECONDS,
    BackgroundLoop,
    CoalescingSelector,
    eager,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the usual loop is kept on Windows")


class Clock:
    """Time that only passes in `sleep`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(coalescing, "time", clock)
    return clock


@pytest.fixture
def selector() -> Iterator[CoalescingSelector]:
    made = CoalescingSelector()
    yield made
    made.close()


@pytest.fixture
def pairs(selector: CoalescingSelector) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(COALESCE_FROM)]
    for here, _ in made:
        selector.register(here, selectors.EVENT_READ)
    yield made
    for pair in made:
        for one in pair:
            one.close()


def test_many_sockets_are_looked_at_together(
    clock: Clock, selector: CoalescingSelector, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    pairs[0][1].send(b"x")
    assert len(selector.select(None)) == 1
    pairs[1][1].send(b"x")
    assert len(selector.select(None)) == 2
    assert clock.slept == [pytest.approx(COALESCE_SECONDS)]


def test_a_few_sockets_are_looked_at_at_once(
    clock: Clock, selector: CoalescingSelector, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    selector.unregister(pairs[-1][0])
    pairs[0][1].send(b"x")
    for _ in range(5):
        assert len(selector.select(None)) == 1
    assert clock.slept == []


def test_a_timer_that_is_due_sooner_is_not_held_back(
    clock: Clock, selector: CoalescingSelector, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    pairs[0][1].send(b"x")
    selector.select(None)
    selector.select(COALESCE_SECONDS / 5)
    assert clock.slept == [pytest.approx(COALESCE_SECONDS / 5)]
    selector.select(0)
    assert len(clock.slept) == 1


def test_work_that_is_waiting_already_is_not_held_back(
    clock: Clock, selector: CoalescingSelector, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    for _ in range(5):
        selector.select(0)
    assert clock.slept == []


def test_nothing_is_held_back_while_something_is_downloaded(
    clock: Clock, selector: CoalescingSelector, pairs: list[tuple[socket.socket, socket.socket]]
) -> None:
    pairs[0][1].send(b"x")
    selector.select(None)
    with selector.eager():
        selector.select(None)
        assert clock.slept == []
    selector.select(None)
    assert len(clock.slept) == 1


def test_the_clients_loop_coalesces_and_any_other_may_be_asked_to_be_eager() -> None:
    loop = BackgroundLoop()

    async def seen() -> bool:
        running = asyncio.get_running_loop()
        with eager(running):
            return isinstance(getattr(running, "_selector", None), CoalescingSelector)

    try:
        assert loop.wait(seen())
        assert not asyncio.run(seen())
    finally:
        loop.close()
