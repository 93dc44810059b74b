"""A service that says "error" may not mean it: one such answer ends no order; a failed one is asked again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import soundverse_nb as sv
from soundverse_nb.client import OrderState
from tests import strict_service as script
from tests.client.conftest import SONG
from tests.strict_service import StrictService, answer, stages, stream

MakeClient = Callable[..., sv.Client]

FAILED = {"message_id": "@ID@", "isComplete": True, "status": "failed", "error": "no beat"}
ERROR = {"message_id": "@ID@", "status": "error", "error": "database timeout"}


@pytest.mark.parametrize("said", [ERROR, {**ERROR, "status": "failed"}, {**ERROR, "isComplete": False}])
@pytest.mark.parametrize("times", [1, 3])
async def test_a_status_answer_that_says_error_once_or_twice_ends_no_order(
    said: dict[str, object], times: int, make_client: MakeClient
) -> None:
    replies = [answer(said)] * times
    async with StrictService([script.cut_after(3)], status=replies) as service:
        assert isinstance(await make_client(service).remix(SONG, prompt="jazz"), sv.Remix)
        assert service.asked == times + 1


async def test_a_status_that_goes_on_saying_error_is_believed(make_client: MakeClient) -> None:
    async with StrictService([script.cut_after(3)], status=[answer(ERROR)] * 50) as service:
        client = make_client(service)
        with pytest.raises(sv.GenerationFailedError, match="database timeout"):
            await client.remix(SONG, prompt="jazz")
        assert client.orders()[0].state is OrderState.FAILED
        assert 3 < service.asked < 20


async def test_an_answer_between_the_errors_lets_the_count_begin_anew(make_client: MakeClient) -> None:
    busy = {"message_id": "@ID@", "status": "streaming", "progress": 40}
    replies = [answer(chunk) for chunk in [ERROR, ERROR, ERROR, busy] * 5]
    async with StrictService([script.cut_after(3)], status=replies) as service:
        assert isinstance(await make_client(service).remix(SONG, prompt="jazz"), sv.Remix)


async def test_a_failed_order_is_asked_about_once_more(make_client: MakeClient) -> None:
    """The service said that it failed, and made it after all."""
    async with StrictService([stream(*stages()[:3], FAILED)], status=[answer(FAILED)]) as service:
        client = make_client(service)
        with pytest.raises(sv.GenerationFailedError):
            await client.remix(SONG, prompt="jazz")
        recovered = await client.recover()
        assert (list(recovered), recovered.failed) == ([], [])
        assert client.orders()[0].state is OrderState.FAILED
        asked = service.asked
        assert await client.recover() == [], "once is enough for one client"
        assert service.asked == asked
        (remix,) = await make_client(service).recover()
        assert remix.message_id == "remix-1"
        (order,) = client.orders()
        assert (order.state, order.lease) == (OrderState.FETCHED, None)
        assert len(service.posts) == 1
